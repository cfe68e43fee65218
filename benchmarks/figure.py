"""One measured figure: the median of repeated runs, with its spread."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class CannotRun(Exception):  # noqa: N818
    """This benchmark needs what this machine does not have; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A median over n runs; `minimum` and `maximum` are in the same unit."""

    value: float
    unit: str
    n: int
    minimum: float
    maximum: float

    @classmethod
    def of(cls, samples: Sequence[float], unit: str) -> "Figure":
        """Summarise repeated measurements of one thing."""
        return cls(
            value=statistics.median(samples),
            unit=unit,
            n=len(samples),
            minimum=min(samples),
            maximum=max(samples),
        )

    def as_json(self) -> dict[str, float | str | int]:
        """The entry of this figure in bench.json."""
        return {
            "value": self.value,
            "unit": self.unit,
            "n": self.n,
            "min": self.minimum,
            "max": self.maximum,
        }


def seconds_of(work: Callable[[], object], *, runs: int, warm_up: int = 1) -> list[float]:
    """Wall-clock seconds of each of `runs` calls, after `warm_up` calls that do not count."""
    for _ in range(warm_up):
        work()
    samples = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        samples.append(time.perf_counter() - started)
    return samples
