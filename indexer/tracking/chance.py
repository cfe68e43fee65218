"""Which frames lie on a path by chance: a flight that has left the map still finds places there.

Places that look alike are near each other, so that the drone could fly between those that a run of
frames shows by chance. What such a run lacks is frames that are sure by themselves.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from indexer.tracking.candidates import Sighting
from indexer.tracking.fixes import SURE_ALONE

CHANCE_OF_RUN = 1e-4
"""A run of frames none of which is sure is on the map with at least this probability. Our
choice."""

CHANCE_OF_PART = 0.2
"""The same for a part of its own, which an impossible step or a long gap leads to. Our choice."""

MOST_SURE = 0.9
"""Share of sure frames that is expected at most: bad weather comes in runs. Our choice."""

Part = Sequence[tuple[int, int]]
"""(frame, candidate) of the nodes of a path between two breaks."""


@dataclass(frozen=True, kw_only=True)
class Surety:
    """Frames of a path that are sure by themselves, in order of time.

    `alone` are those that are sure on the whole map, `readable` is the number of frames that can be
    read, `longest_s` the longest time between two sure frames that the movement bridges.
    """

    sightings: Sequence[Sighting]
    sure: tuple[int, ...]
    alone: frozenset[int]
    readable: int
    longest_s: float

    @classmethod
    def of(
        cls, sightings: Sequence[Sighting], path: Sequence[tuple[int, int]], longest_s: float
    ) -> Self:
        """Return that of a path of (frame, candidate)."""
        sure = tuple(frame for frame, row in path if is_sure(sightings[frame], row))
        return cls(
            sightings=sightings,
            sure=sure,
            alone=frozenset(frame for frame in sure if sightings[frame].area_m2 is None),
            readable=sum(each.problem is None for each in sightings),
            longest_s=longest_s,
        )

    def chance_runs(self) -> set[int]:
        """Return the frames of runs without a sure frame that are too long to be on the map.

        Runs between two sure frames that follow each other soon are on the map.
        """
        found: set[int] = set()
        for before, after in zip((-1, *self.sure), (*self.sure, len(self.sightings)), strict=True):
            run = range(before + 1, after)
            is_inside = before >= 0 and after < len(self.sightings)
            if is_inside and self._elapsed_s(before, after) <= self.longest_s:
                continue
            count = self._count(run)
            if _chance(count, len(self.alone), self.readable - count) < CHANCE_OF_RUN:
                found.update(run)
        return found

    def found_parts(self, parts: Iterable[Part], lost: Collection[int]) -> list[Part]:
        """Return the parts of a path that are on the map.

        Args:
            parts: of the path.
            lost: frames off the map, in none of the parts.
        """
        readable = self.readable - self._count(lost)
        return [part for part in parts if self._is_found(part, readable)]

    def _is_found(self, part: Part, readable: int) -> bool:
        """Return whether a part is on the map.

        With several sure frames that the drone could fly between it is. A single one is wrong with
        the probability that its confidence leaves.

        Args:
            part: of the path.
            readable: number of frames that can be read and are not lost.
        """
        frames = [frame for frame, _ in part]
        sure = [
            self.sightings[frame].candidates[row]
            for frame, row in part
            if is_sure(self.sightings[frame], row)
        ]
        if len(sure) > 1:
            return True
        wrong = 1 - sure[0].probability if sure else 1.0
        count = self._count(frames)
        alone = len(self.alone) - len(self.alone.intersection(frames))
        chance = _chance(count - len(sure), alone, readable - count)
        return chance >= CHANCE_OF_PART * wrong

    def _count(self, frames: Iterable[int]) -> int:
        """Return the number of frames that can be read."""
        return sum(self.sightings[frame].problem is None for frame in frames)

    def _elapsed_s(self, before: int, after: int) -> float:
        return self.sightings[after].time_s - self.sightings[before].time_s


def _chance(unsure: int, alone: int, others: int) -> float:
    """Return the probability that none of some frames on the map is sure.

    Args:
        unsure: number of these frames.
        alone: number of the other frames that are sure on the whole map.
        others: number of the other frames.
    """
    return (1 - min(MOST_SURE, alone / max(others, 1))) ** unsure


def is_sure(sighting: Sighting, row: int) -> bool:
    """Return whether a frame shows one of its candidates for sure, without the others."""
    candidate = sighting.candidates[row]
    return candidate.probability >= SURE_ALONE and not candidate.is_expected
