"""`safenet-eval tables`: the paper's tables, with measured numbers next to the paper's."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.errors import RecipeError
from training.evaluation.evaluation import Protocol
from training.learning.recipes import RECIPES
from training.paper.paper_tables import TABLES, PaperTable
from training.paper.table_report import print_result, quoted, write_result
from training.paper.table_runs import TableSettings, run_table

SMOKE = ("epochs=1", "pretrained=none", "precision=full")
"""One epoch from random weights: checks that every row runs; the scores mean nothing."""


def tables_command(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="University-1652, or SUES-200 for II; without: print the paper's numbers only."
        ),
    ] = None,
    which: Annotated[
        str, typer.Option(help=f"Tables, separated by commas: {', '.join(TABLES)}; F8 is Figure 8.")
    ] = "III",
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the runs and of table-*.md and .json; finished runs are reused."
        ),
    ] = Path("runs") / "tables",
    recipe: Annotated[str, typer.Option(help=f"One of: {', '.join(RECIPES)}.")] = "paper",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value in every row, such as epochs=20."),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds, separated by commas; the spread is printed.")
    ] = "0",
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Check that every row runs: one epoch from random weights."),
    ] = False,
    protocol: Annotated[
        Protocol, typer.Option(help="Gallery: all images, or only places with a query.")
    ] = "full",
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
) -> None:
    """Train what a table needs and print it in the paper's layout, with both numbers.

    Example: safenet-eval tables University-Release --which III,VI --seeds 0,1
    """
    with one_line_errors(usage=(RecipeError,)):
        tables = _tables(which)
        if data is None:
            for table in tables:
                print_result(quoted(table))
            return
        settings = TableSettings(
            data=data,
            out=out,
            recipe=recipe,
            changes=(*(SMOKE if smoke else ()), *(change or ())),
            seeds=_seeds(seeds),
            protocol=protocol,
            workers=workers,
        )
        for table in tables:
            result = run_table(table, settings)
            print_result(result)
            write_result(result, out)


def _tables(which: str) -> list[PaperTable]:
    names = [name.strip().upper() for name in which.split(",")]
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        raise RecipeError(f"--which {unknown[0]}: choose from {', '.join(TABLES)}")
    return [TABLES[name] for name in names]


def _seeds(seeds: str) -> tuple[int, ...]:
    try:
        return tuple(int(seed) for seed in seeds.split(","))
    except ValueError as error:
        raise RecipeError(f"--seeds {seeds}: whole numbers separated by commas") from error
