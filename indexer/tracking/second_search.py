"""A second search for doubtful frames, around where the sure ones put each."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.geo import metres_between
from indexer.records import Position, Prior
from indexer.tracking.candidates import Candidate, Sighting
from indexer.tracking.fixes import RADIUS_95, SURE_ALONE, Fix
from indexer.tracking.motion import Motion
from indexer.tracking.track import track_of

MARGIN_M = 100.0
"""What is searched beyond the track's radius of 95 %, m: centres of tiles lie off the photo's. Our
choice."""

UNEXPECTED = 0.1
"""Share of the frames that are not where the sure ones before and after put them. Our choice."""

LEG_SIGMA_M = 8.0
"""Standard deviation on each axis of a frame's place from the line that the drone flies, m: the
gimbal moves. Our choice."""

ROUNDS = 2
"""Number of times that frames are weighed by where the sure ones put them: those that become sure
put the others. Our choice."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A place that the sure frames expect a doubtful one at, in the flight's metres.

    `sigma_m` is the standard deviation on each axis.
    """

    north_m: float
    east_m: float
    sigma_m: float


@dataclass(frozen=True, kw_only=True)
class Around:
    """Where a doubtful frame is searched for, and the places that it is expected at."""

    circle: Prior
    expected: tuple[Expected, ...]

    @property
    def area_m2(self) -> float:
        """Area of the circle, m2."""
        return math.pi * self.circle.radius_m**2


def doubtful(sightings: Sequence[Sighting], motion: Motion, origin: Position) -> dict[int, Around]:
    """Return, by row, where each doubtful frame is to be searched for.

    A frame is doubtful where no place is sure by itself. The track of the sure frames before and
    after it predicts its place; without both there is no second search, since a flight that has
    left the map would be found again and again near the edge.

    Args:
        sightings: the frames in order of time.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    rows = [
        row
        for row, seen in enumerate(sightings)
        if seen.problem is None
        and max((each.probability for each in seen.candidates), default=0.0) < SURE_ALONE
    ]
    if not rows:
        return {}
    only_sure = list(sightings)
    for row in rows:
        only_sure[row] = Sighting(name=sightings[row].name, time_s=sightings[row].time_s)
    bridged = track_of(only_sure, motion, origin).fixes
    legs = Legs(bridged, motion, origin)
    found = {}
    for row in rows:
        circle = _circle(bridged[row])
        if circle is not None:
            found[row] = Around(circle=circle, expected=(legs.between(row), *legs.straight(row)))
    return found


class Legs:
    """The straight ways that sure frames before and after a doubtful one go on.

    Drones fly legs and turn at their ends, where a smooth curve between them is far off.
    """

    def __init__(self, fixes: Sequence[Fix], motion: Motion, origin: Position) -> None:
        """Take the track of the sure frames; the others are bridged or lost in it."""
        self._fixes = fixes
        self._motion = motion
        self._origin = origin
        self._sure = [row for row, fix in enumerate(fixes) if fix.status == "located"]

    def between(self, row: int) -> Expected:
        """Return where the smoothed track has a frame."""
        north_m, east_m = self._place(row)
        sigma_m = (self._fixes[row].accuracy_m_95 or 0.0) / RADIUS_95
        return Expected(north_m=north_m, east_m=east_m, sigma_m=sigma_m)

    def straight(self, row: int) -> Iterator[Expected]:
        """Yield where the leg before, and the one after, put a frame, as far as that can be."""
        at = bisect_left(self._sure, row)
        before, after = self._sure[max(0, at - 2) : at], self._sure[at : at + 2]
        for near, far, other in (
            (before[-1:], before[-2:-1], after[:1]),
            (after[:1], after[1:2], before[-1:]),
        ):
            if near and far and other:
                expected = self._extended(row, near[0], far[0])
                if expected is not None and self._can_be(expected, row, other[0]):
                    yield expected

    def _extended(self, row: int, near: int, far: int) -> Expected | None:
        one_s, other_s = self._fixes[near].time_s, self._fixes[far].time_s
        if one_s == other_s:
            return None
        times = (self._fixes[row].time_s - one_s) / (one_s - other_s)
        (north_m, east_m), (far_north_m, far_east_m) = self._place(near), self._place(far)
        return Expected(
            north_m=north_m + times * (north_m - far_north_m),
            east_m=east_m + times * (east_m - far_east_m),
            sigma_m=LEG_SIGMA_M * math.hypot(1 + times, times),
        )

    def _can_be(self, expected: Expected, row: int, other: int) -> bool:
        north_m, east_m = self._place(other)
        way_m = math.hypot(expected.north_m - north_m, expected.east_m - east_m)
        elapsed_s = abs(self._fixes[other].time_s - self._fixes[row].time_s)
        return way_m <= self._motion.max_speed_m_s * elapsed_s + 2 * LEG_SIGMA_M

    def _place(self, row: int) -> tuple[float, float]:
        fix = self._fixes[row]
        assert fix.latitude is not None
        assert fix.longitude is not None
        return metres_between(*self._origin, fix.latitude, fix.longitude)


def weighed(
    sightings: Sequence[Sighting],
    nearby: Mapping[int, Sighting],
    motion: Motion,
    origin: Position,
) -> list[Sighting]:
    """Return all frames, the doubtful ones with candidates by where the sure ones put them.

    Args:
        sightings: the frames as they were found on the whole map, in order of time.
        nearby: by row, what a search around the place of doubtful ones found.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    found = [nearby.get(row, seen) for row, seen in enumerate(sightings)]
    arounds = doubtful(sightings, motion, origin)
    for _ in range(ROUNDS):
        for row, around in arounds.items():
            if row in nearby:
                found[row] = _weighed(nearby[row], around)
        arounds = doubtful(found, motion, origin)
    return found


def _weighed(seen: Sighting, around: Around) -> Sighting:
    """Return a frame's candidates, those where it is expected more probable than before.

    A candidate and the expected place that fits it best give one position together.
    """
    share = (1 - UNEXPECTED) / len(around.expected) * around.area_m2
    weights, candidates = [], []
    for each in seen.candidates:
        densities = [_density(each, one) for one in around.expected]
        weights.append(each.probability * (UNEXPECTED + share * sum(densities)))
        best = max(densities)
        nearest = around.expected[densities.index(best)]
        fits = share * best > UNEXPECTED
        candidates.append(_together(each, nearest) if fits else each)
    total = seen.none + sum(weights)
    return replace(
        seen,
        candidates=tuple(
            replace(each, probability=weight / total)
            for each, weight in zip(candidates, weights, strict=True)
        ),
        none=seen.none / total,
    )


def _density(each: Candidate, expected: Expected) -> float:
    variance_m2 = each.sigma_m**2 + expected.sigma_m**2
    squared_m2 = (each.north_m - expected.north_m) ** 2 + (each.east_m - expected.east_m) ** 2
    return math.exp(-squared_m2 / (2 * variance_m2)) / (2 * math.pi * variance_m2)


def _together(each: Candidate, expected: Expected) -> Candidate:
    share = expected.sigma_m**2 / (each.sigma_m**2 + expected.sigma_m**2)
    return replace(
        each,
        north_m=share * each.north_m + (1 - share) * expected.north_m,
        east_m=share * each.east_m + (1 - share) * expected.east_m,
        sigma_m=each.sigma_m * math.sqrt(share),
    )


def _circle(fix: Fix) -> Prior | None:
    if fix.latitude is None or fix.longitude is None:
        return None
    radius_m = MARGIN_M + (fix.accuracy_m_95 or 0.0)
    return Prior(latitude=fix.latitude, longitude=fix.longitude, radius_m=radius_m)
