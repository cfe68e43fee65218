"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

Item = TypeVar("Item")

LINE_EVERY_S = 30.0
"""Between two plain lines."""


class Progress:
    """Shows how far a loop of known length is, on standard error."""

    def __init__(self, title: str, total: int, *, unit: str, quiet: bool = False) -> None:
        self.title, self.total, self.unit, self.quiet = title, total, unit, quiet

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, shown as they go by."""
        if self.quiet:
            yield from items
        elif sys.stderr.isatty():
            yield from self._bar(items)
        else:
            yield from self._lines(items)

    def _bar(self, items: Iterable[Item]) -> Iterator[Item]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        started = time.perf_counter()
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(self.title, total=self.total, rate="")
            for done, item in enumerate(items, start=1):
                yield item
                bar.update(task, advance=1, rate=self._rate(done, started))

    def _lines(self, items: Iterable[Item]) -> Iterator[Item]:
        started = last = time.perf_counter()
        for done, item in enumerate(items, start=1):
            yield item
            now = time.perf_counter()
            if now - last >= LINE_EVERY_S or done == self.total:
                last = now
                line = f"{self.title}: {done}/{self.total} {self._rate(done, started)}"
                print(line, file=sys.stderr, flush=True)

    def _rate(self, done: int, started: float) -> str:
        return f"{done / max(time.perf_counter() - started, 1e-9):.2f} {self.unit}/s"
