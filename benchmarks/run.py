"""Runs the benchmarks beside this file, prints a table and writes bench.json.

A benchmark is a file bench_NAME.py with a function `run() -> dict[str, Figure]`; one that cannot
run on this machine raises `CannotRun`. Keys of benchmarks that are not asked for keep their value.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from figure import CannotRun, Figure
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER.parent / "bench.json"


def names() -> list[str]:
    """What can be asked for, sorted."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def run(chosen: Iterable[str]) -> tuple[dict[str, Figure], list[str]]:
    """The figures of the chosen benchmarks, and one line for each that could not run."""
    figures: dict[str, Figure] = {}
    skipped = []
    for name in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            figures |= importlib.import_module(f"bench_{name}").run()
        except CannotRun as reason:
            skipped.append(f"{name}: {reason}")
    return figures, skipped


def write(figures: dict[str, Figure]) -> None:
    """Put the figures into bench.json; other keys stay."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known |= {key: figure.as_json() for key, figure in figures.items()}
    RESULTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def table(figures: dict[str, Figure]) -> Table:
    """The figures as a person reads them."""
    shown = Table("benchmark", "median", "unit", "runs", "min", "max")
    for key, figure in sorted(figures.items()):
        spread = (f"{figure.minimum:,.4g}", f"{figure.maximum:,.4g}")
        shown.add_row(key, f"{figure.value:,.4g}", figure.unit, str(figure.n), *spread)
    return shown


def main() -> int:
    """Run what the command line names; all benchmarks when it names none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    chosen = parser.parse_args().names or names()
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are: {', '.join(names())}")
    figures, skipped = run(chosen)
    write(figures)
    Console(width=110).print(table(figures))
    for line in skipped:
        print(f"skipped {line}")
    return 0 if figures or not chosen else 1


if __name__ == "__main__":
    sys.exit(main())
