"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

LINE_EVERY_S = 30.0
"""Seconds between two plain lines."""


class Pace:
    """Items per second since the start, and the seconds that remain."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Start the clock again."""
        self._started_at = self._clock()

    def per_second(self, done: int) -> float:
        """Return the items done per second."""
        return done / max(1e-6, self._clock() - self._started_at)

    def remaining_s(self, done: int, left: int) -> float | None:
        """Return the seconds that `left` more items take at this pace; None if nothing is done."""
        pace = self.per_second(done)
        return left / pace if pace > 0 else None


class Progress:
    """Shows how far a loop of known length is, on standard error."""

    def __init__(self, title: str, total: int, *, unit: str, quiet: bool = False) -> None:
        self.title, self.total, self.unit, self.quiet = title, total, unit, quiet

    def over(self, items: Iterable[Item], *, done: int = 0) -> Iterator[Item]:
        """Yield the items and show each as done; `done` items were finished before."""
        if self.quiet:
            yield from items
        elif sys.stderr.isatty():
            yield from self._bar(items, done)
        else:
            yield from self._lines(items, done)

    def _bar(self, items: Iterable[Item], done: int) -> Iterator[Item]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        pace = Pace()
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(self.title, total=self.total, completed=done, rate="")
            for count, item in enumerate(items, start=1):
                yield item
                bar.update(task, advance=1, rate=self._rate(pace, count))

    def _lines(self, items: Iterable[Item], done: int) -> Iterator[Item]:
        pace = Pace()
        last = time.monotonic()
        for count, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - last >= LINE_EVERY_S or done + count == self.total:
                last = now
                line = f"{self.title}: {done + count}/{self.total} {self._rate(pace, count)}"
                print(line, file=sys.stderr, flush=True)

    def _rate(self, pace: Pace, count: int) -> str:
        return f"{pace.per_second(count):.2f} {self.unit}/s"
