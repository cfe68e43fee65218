"""Results as a printed table and as JSON; the protocol is always named."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.errors import DataError
from training.evaluation.evaluation import Score

WIDTH = 220
"""Width of a table in characters where output is not a terminal."""


def print_scores(scores: Mapping[str, Mapping[str, Score]], title: str) -> None:
    """Print one row per condition and direction; recall and AP in percent, distances in metres."""
    table = Table(title=title)
    shown = {
        (condition, direction): _cells(score)
        for condition, directions in scores.items()
        for direction, score in directions.items()
    }
    if any(condition for condition, _ in shown):
        table.add_column("condition")
    table.add_column("direction")
    columns = list(dict.fromkeys(name for cells in shown.values() for name in cells))
    for name in columns:
        table.add_column(name, justify="right")
    for (condition, direction), cells in shown.items():
        first = [condition] if len(table.columns) > len(columns) + 1 else []
        table.add_row(*first, direction, *(cells.get(name, "") for name in columns))
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table on standard output, wide enough where that is not a terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)


def _cells(score: Score) -> dict[str, str]:
    cells: dict[str, str] = {}
    if (found := score.retrieval) is not None:
        cells |= {f"R@{rank}": f"{value:.2f}" for rank, value in found.recall.items()}
        cells["R@1%"] = f"{found.recall_1_percent:.2f}"
        cells["AP"] = f"{found.average_precision:.2f}"
        cells["queries"], cells["gallery"] = str(found.queries), str(found.gallery)
    if (metres := score.metres) is not None:
        cells["median m"] = f"{metres.median_m:.1f}"
        cells["68% m"] = f"{metres.m_68_percent:.1f}"
        cells["95% m"] = f"{metres.m_95_percent:.1f}"
        cells[f"≤{metres.within_m:g} m %"] = f"{metres.recall_within_percent:.2f}"
    if (degrees := score.degrees) is not None:
        cells |= {f"SDM@{top}": f"{value:.2f}" for top, value in degrees.sdm.items()}
        cells |= {f"MA@{limit}": f"{value:.2f}" for limit, value in degrees.ma.items()}
    return cells


def as_json(score: Score) -> dict[str, Any]:
    """Return all figures of a score, those of retrieval at the top level."""
    values: dict[str, Any] = {}
    if score.retrieval is not None:
        values |= dataclasses.asdict(score.retrieval)
    for name in ("metres", "degrees"):
        part = getattr(score, name)
        if part is not None:
            values[name] = dataclasses.asdict(part)
    return values


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts and scores as JSON.

    Raises:
        DataError: the file cannot be written.
    """

    def plain(value: object) -> Any:
        if isinstance(value, Score):
            return as_json(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        if isinstance(value, Path):
            return str(value)
        raise TypeError(type(value))

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts, indent=2, default=plain, ensure_ascii=False)
        path.write_text(text + "\n")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
