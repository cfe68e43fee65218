"""Reports of a build: a bar on a terminal, plain lines elsewhere, or JSON lines."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from console.progress import Pace


class Progress(Protocol):
    """Receives the reports of a build."""

    def start(self, total: int) -> None:
        """Begin; `total` images will be processed."""

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Count images that were processed since the last call."""

    def note(self, text: str) -> None:
        """Report something that the user should know."""

    def stop(self) -> None:
        """End, after success or failure."""


class Silent:
    """Ignores all reports."""

    def start(self, total: int) -> None:
        """Do nothing."""

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class _Counting:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pace = Pace(clock)
        self.total = 0
        self.counts = {"added": 0, "skipped": 0, "failed": 0, "unchanged": 0}

    def start(self, total: int) -> None:
        """Begin to count and start the clock."""
        self.total = total
        self._pace.restart()

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Add to the counts."""
        for key, more in zip(self.counts, (added, skipped, failed, unchanged), strict=True):
            self.counts[key] += more

    def stop(self) -> None:
        """Do nothing: nothing is left to close."""

    def result(self, **facts: Any) -> None:
        """Ignore the result; people read the command's own last line."""

    @property
    def done(self) -> int:
        return sum(self.counts.values())

    def per_second(self) -> float:
        """Return processed images per second, without those that were unchanged."""
        return self._pace.per_second(self.done - self.counts["unchanged"])

    def eta_s(self) -> float | None:
        """Return the remaining seconds at this pace; None while nothing is done."""
        new = self.done - self.counts["unchanged"]
        return self._pace.remaining_s(new, self.total - self.done)

    def text(self) -> str:
        """Return the state as one line."""
        eta_s = self.eta_s()
        eta = "" if eta_s is None else f", {eta_s:.0f} s left"
        return (
            f"{self.done}/{self.total} images, {self.per_second():.1f} images/s{eta}"
            f" ({self.counts['skipped']} skipped, {self.counts['failed']} failed)"
        )


class PlainLines(_Counting):
    """A line every few seconds, for logs."""

    def __init__(self, stream: TextIO | None = None, every_s: float = 5.0) -> None:
        super().__init__()
        self._stream, self._every_s = stream or sys.stderr, every_s
        self._last = self._clock()

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Add to the counts and print the state every few seconds."""
        super().advance(added=added, skipped=skipped, failed=failed, unchanged=unchanged)
        now = self._clock()
        if now - self._last >= self._every_s or self.done == self.total:
            self._last = now
            print(self.text(), file=self._stream, flush=True)

    def note(self, text: str) -> None:
        """Print the note."""
        print(text, file=self._stream, flush=True)


class JsonLines(_Counting):
    """One JSON object per line, for programs; times in seconds.

    While all images are unchanged, at most one a second, and the last one.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock)
        self._stream = stream or sys.stderr
        self._last = clock()

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Add to the counts and write the state."""
        super().advance(added=added, skipped=skipped, failed=failed, unchanged=unchanged)
        now = self._clock()
        if not (added or skipped or failed or self.done == self.total or now - self._last >= 1.0):
            return
        self._last = now
        eta_s = self.eta_s()
        self._write(
            "progress",
            total=self.total,
            seen=self.done,
            **self.counts,
            images_per_s=round(self.per_second(), 2),
            eta_s=None if eta_s is None else round(eta_s, 1),
        )

    def note(self, text: str) -> None:
        """Write the note."""
        self._write("note", text=text)

    def result(self, **facts: Any) -> None:
        """Write the result, the last line of a successful run."""
        self._write("result", **facts)

    def _write(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), file=self._stream, flush=True)


class Bar(_Counting):
    """A bar with pace and remaining time, for people at a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            BarColumn(), TextColumn("{task.fields[state]}"), console=Console(stderr=True)
        )

    def start(self, total: int) -> None:
        """Show the bar."""
        super().start(total)
        self._bar.start()
        self._task = self._bar.add_task("", total=total, state=self.text())

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        """Move the bar."""
        super().advance(added=added, skipped=skipped, failed=failed, unchanged=unchanged)
        self._bar.update(self._task, completed=self.done, state=self.text())

    def note(self, text: str) -> None:
        """Print the note above the bar."""
        self._bar.console.print(text, highlight=False, markup=False)

    def stop(self) -> None:
        """Remove the bar."""
        self._bar.stop()
