"""Which frames lie on a path by chance: a flight that has left the map still finds places there.

Places that look alike are near each other, so that the drone could fly between those that a run of
frames shows by chance. What such a run lacks is frames that are sure by themselves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from indexer.tracking.candidates import Sighting
from indexer.tracking.fixes import SURE_ALONE

CHANCE_OF_RUN = 1e-4
"""A run of frames none of which is sure is on the map with at least this probability. Our
choice."""

CHANCE_OF_PART = 0.2
"""The same for a part of its own, which an impossible step leads to. Our choice."""

MOST_SURE = 0.9
"""Share of sure frames that is expected at most: bad weather comes in runs. Our choice."""


@dataclass(frozen=True, kw_only=True)
class Surety:
    """Frames of a path that are sure by themselves, in order of time, and how many could be read.

    `longest_s` is the longest time between two sure frames that the movement bridges.
    """

    sightings: Sequence[Sighting]
    sure: tuple[int, ...]
    longest_s: float

    @property
    def share(self) -> float:
        """Return the share of the frames that can be read which are sure on the whole map."""
        readable = sum(each.problem is None for each in self.sightings)
        return self._alone / max(readable, 1)

    @property
    def _alone(self) -> int:
        return sum(self._is_alone(row) for row in self.sure)

    @classmethod
    def of(
        cls, sightings: Sequence[Sighting], path: Sequence[tuple[int, int]], longest_s: float
    ) -> Self:
        """Return that of a path of (frame, candidate)."""
        sure = tuple(frame for frame, row in path if is_sure(sightings[frame], row))
        return cls(sightings=sightings, sure=sure, longest_s=longest_s)

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
            if self._chance(run, run) < CHANCE_OF_RUN:
                found.update(run)
        return found

    def is_found(self, part: Sequence[tuple[int, int]], lost: Collection[int]) -> bool:
        """Return whether a part of a path is no chance.

        Several sure frames that the drone could fly between are none. A single one is wrong with
        the probability that its confidence leaves.

        Args:
            part: (frame, candidate) of the path.
            lost: frames that are off the map, whatever the part is.
        """
        frames = {frame for frame, _ in part}
        rows = frames.intersection(self.sure)
        sure = [node for node in part if node[0] in rows]
        if len(sure) > 1:
            return True
        wrong = max((1 - self._probability(node) for node in sure), default=1.0)
        return self._chance(frames - rows, frames.union(lost)) >= CHANCE_OF_PART * wrong

    def _chance(self, unsure: Collection[int], aside: Collection[int]) -> float:
        """Return the probability that none of some frames on the map is sure.

        Args:
            unsure: the frames.
            aside: frames by which the share of sure ones is not judged.
        """
        count = sum(self.sightings[frame].problem is None for frame in unsure)
        others = sum(each.problem is None for each in self.sightings)
        others -= sum(self.sightings[frame].problem is None for frame in aside)
        sure = set(self.sure).intersection(aside)
        alone = self._alone - sum(self._is_alone(frame) for frame in sure)
        return (1 - min(MOST_SURE, alone / max(others, 1))) ** count

    def _is_alone(self, row: int) -> bool:
        return self.sightings[row].area_m2 is None

    def _probability(self, node: tuple[int, int]) -> float:
        frame, row = node
        return self.sightings[frame].candidates[row].probability

    def _elapsed_s(self, before: int, after: int) -> float:
        return self.sightings[after].time_s - self.sightings[before].time_s


def is_sure(sighting: Sighting, row: int) -> bool:
    """Return whether a frame shows one of its candidates for sure, without the others."""
    candidate = sighting.candidates[row]
    return candidate.probability >= SURE_ALONE and not candidate.is_expected
