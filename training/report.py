"""Results as a table to read and as JSON to keep; the protocol is always named."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.metrics import Retrieval


def print_retrieval(results: dict[str, Retrieval], protocol: str, weights: str) -> None:
    """One row per direction, in percent."""
    table = Table(title=f"{weights}, protocol {protocol}")
    for column in ("direction", "R@1", "R@5", "R@10", "R@1%", "AP", "queries", "gallery"):
        table.add_column(column, justify="left" if column == "direction" else "right")
    for direction, result in results.items():
        recalls = [f"{result.recall[rank]:.2f}" for rank in (1, 5, 10)]
        table.add_row(
            direction,
            *recalls,
            f"{result.recall_1_percent:.2f}",
            f"{result.average_precision:.2f}",
            str(result.queries),
            str(result.gallery),
        )
    Console().print(table)


def write_json(path: Path, results: dict[str, Retrieval], facts: dict[str, Any]) -> None:
    """All figures with what they were measured on."""
    rows = {direction: dataclasses.asdict(result) for direction, result in results.items()}
    path.write_text(json.dumps({**facts, "results": rows}, indent=2) + "\n")
