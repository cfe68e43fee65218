"""A table in the paper's layout with both numbers: printed, as Markdown and as JSON."""

import dataclasses
import statistics
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from training.errors import DataError
from training.evaluation.report import print_table, write_json
from training.paper.paper_tables import COLUMNS, PaperCost, PaperTable
from training.paper.table_runs import RowResult, TableResult


def quoted(table: PaperTable) -> TableResult:
    """Return a table with the paper's numbers only."""
    rows = tuple(RowResult(label=row.label, paper=row.paper) for row in table.rows)
    return TableResult(table=table, rows=rows, facts={})


def print_result(result: TableResult) -> None:
    """Print the table, then the settings it was measured with."""
    header, lines = header_of(result), list(lines_of(result))
    shown = Table(title=title_of(result), caption=_facts_line(result) or None)
    for number, name in enumerate(header):
        left = number < len(result.table.labels)
        shown.add_column(name, justify="left" if left else "right", overflow="fold")
    for line in lines:
        shown.add_row(*line)
    print_table(shown)


def write_result(result: TableResult, folder: Path) -> None:
    """Write FOLDER/table-NUMBER.md and .json.

    Raises:
        DataError: a file cannot be written.
    """
    name = f"table-{result.table.number}"
    facts = {
        "table": result.table.number,
        "columns": list(COLUMNS),
        "rows": [dataclasses.asdict(row) for row in result.rows],
        **result.facts,
    }
    write_json(folder / f"{name}.json", facts)
    try:
        (folder / f"{name}.md").write_text(markdown(result))
    except OSError as error:
        raise DataError(f"{folder / name}.md cannot be written: {error.strerror}") from error


def markdown(result: TableResult) -> str:
    """Return the table in Markdown."""
    header = header_of(result)
    lines = [f"### {title_of(result)}", "", _line(header), _line(["---"] * len(header))]
    lines += [_line(line) for line in lines_of(result)]
    return "\n".join([*lines, "", _facts_line(result), ""])


def title_of(result: TableResult) -> str:
    """Return the title, such as `Table III. Components of Safe-Net`."""
    number = result.table.number
    kind = "Figure 8" if number == "F8" else f"Table {number}"
    return f"{kind}. {result.table.title}"


def header_of(result: TableResult) -> list[str]:
    """Return the names of the columns."""
    count = max(len(row.paper) for row in result.rows)
    header = [*result.table.labels]
    for name in COLUMNS[:count]:
        header += [f"{name} paper", f"{name} ours"]
    if result.table.complexity:
        for name in ("# Param (2^20)", "ops of a pair (2^30)"):
            header += [f"{name} paper", f"{name} ours"]
    if result.table.timing:
        for name in ("train", "test"):
            header += [f"{name} paper", f"{name} ours"]
    return header


def lines_of(result: TableResult) -> Iterator[list[str]]:
    """Yield the cells of every row; measured: mean over seeds, then half the spread."""
    count = max(len(row.paper) for row in result.rows)
    for wanted, row in zip(result.table.rows, result.rows, strict=True):
        cells = [*row.label]
        for column in range(count):
            cells.append(f"{row.paper[column]:.2f}" if column < len(row.paper) else "")
            cells.append(_mean([run[column] for run in row.ours if column < len(run)]))
        yield cells + _costs(result, wanted.cost, row)


def _costs(result: TableResult, paper: PaperCost | None, row: RowResult) -> list[str]:
    """Return the cells of the columns after the scores, the paper's before the measured ones."""
    quoted_cost = paper or PaperCost()
    first, cells = result.rows[0], list[str]()
    if result.table.complexity:
        cells += [_number(quoted_cost.parameters_m), _number(row.parameters_m)]
        cells += [_number(quoted_cost.operations_g), _number(row.operations_g)]
    if result.table.timing:
        cells += [
            _ratio(quoted_cost.train_ratio, 1.0),
            _ratio(row.train_seconds, first.train_seconds),
        ]
        cells += [_ratio(quoted_cost.test_ratio, 1.0), _ratio(row.test_seconds, first.test_seconds)]
    return cells


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ±{(max(values) - min(values)) / 2:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _ratio(value: float | None, first: float | None) -> str:
    return "" if value is None or not first else f"{value / first:.3f}x"


def _facts_line(result: TableResult) -> str:
    facts = result.facts
    if not facts:
        return ""
    changes = " ".join(facts["set"]) or "as it is"
    seeds = ", ".join(str(seed) for seed in facts["seeds"])
    return (
        f"protocol {facts['protocol']}; recipe {facts['recipe']} ({changes}); seeds {seeds}; "
        f"commit {facts['commit']}; data {facts['data']} {facts['data_digest'][:12]}, "
        f"{facts['training_places']} training places; {facts['device']}"
    )


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
