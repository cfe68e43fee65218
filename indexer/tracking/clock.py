"""The times of a flight's photos where their clock jumped back, or has whole seconds only."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

SHORTEST_RUN = 4
"""Least number of photos between two jumps of a clock: where times rise for fewer, the photos are
listed in another order than that of time. Our choice."""


def since_first(moments: Sequence[datetime]) -> list[float]:
    """Return the seconds of each moment since the earliest one."""
    start = min(moments)
    return [(moment - start).total_seconds() for moment in moments]


def counted_on(times_s: Sequence[float]) -> tuple[list[float], list[int]]:
    """Return times, s, in which a clock that jumped back goes on, and the rows where it jumped.

    A clock that jumps back gives photos that were taken one after the other the same times. Where
    runs of rising times do not overlap, or one is too short to be a clock's, nothing is changed: a
    single photo with another name must not move the times of all others.

    Args:
        times_s: of the photos in the order that they are listed in.
    """
    jumps = [row for row, (a, b) in enumerate(pairwise(times_s), start=1) if b < a]
    bounds = list(pairwise([0, *jumps, len(times_s)]))
    shortest = min(end - first for first, end in bounds)
    if shortest < SHORTEST_RUN or any(_is_single(times_s, row) for row in jumps):
        return list(times_s), []
    if not _overlap(times_s, bounds):
        return list(times_s), []
    steps = sorted(b - a for a, b in pairwise(times_s) if b > a)
    usual_s = steps[len(steps) // 2] if steps else 0.0
    found: list[float] = []
    for first, end in bounds:
        behind_s = found[-1] + usual_s - times_s[first] if found else 0.0
        found += [time_s + behind_s for time_s in times_s[first:end]]
    return found, jumps


def spread(times_s: Sequence[float]) -> list[float]:
    """Return sorted times, s, those of the same whole second spread over it.

    A clock of whole seconds hides in which order and how far apart photos were taken. Times with
    fractions stay as they are.
    """
    if any(time_s % 1 for time_s in times_s):
        return list(times_s)
    counts = Counter(times_s)
    seen: Counter[float] = Counter()
    found = []
    for time_s in times_s:
        found.append(time_s + seen[time_s] / counts[time_s])
        seen[time_s] += 1
    return found


def _is_single(times_s: Sequence[float], row: int) -> bool:
    """Return whether times go back at a row because one photo alone is out of order there."""
    before_s, after_s = times_s[row - 1], times_s[row + 1]
    return after_s >= before_s or times_s[row] >= times_s[row - 2]


def _overlap(times_s: Sequence[float], bounds: Sequence[tuple[int, int]]) -> bool:
    """Return whether runs of rows (first, end) share some time."""
    spans = sorted((times_s[first], times_s[end - 1]) for first, end in bounds)
    return any(begin < end for (_, end), (begin, _) in pairwise(spans))
