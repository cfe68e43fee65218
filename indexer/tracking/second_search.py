"""A second search for doubtful frames, around where the sure ones put each."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.geo import metres_between
from indexer.records import Position, Prior
from indexer.tracking.candidates import Candidate, Sighting, position
from indexer.tracking.fixes import RADIUS_95, SURE_ALONE, Fix
from indexer.tracking.motion import Motion
from indexer.tracking.sighting import LEAST_CHANCE
from indexer.tracking.track import track_of

MARGIN_M = 100.0
"""What is searched beyond the track's radius of 95 %, m: centres of tiles lie off the photo's. Our
choice."""

SURE_TOGETHER = 0.95
"""Probability of a place, given all frames, from which it counts as sure in a flight where less
than half of the frames are sure by themselves. Our choice."""

LEAST_LEG = 3
"""Least number of sure frames of a leg that is followed beyond the last, or before the first."""

LONGEST_BEYOND_S = 20.0
"""How long it is followed, s. Our choice."""

UNEXPECTED = 0.1
"""Share of the frames that are not where the sure ones before and after put them. Our choice."""

LEG_SIGMA_M = 8.0
"""Standard deviation on each axis of a frame's place from the line that the drone flies, m: the
gimbal moves. Our choice."""

STRAIGHT = 0.9
"""Probability that a drone flies straight legs where a leg leads to a place. Our choice."""

HEADING_SIGMA_DEG, STEADY_HEADING = 15.0, 0.9
"""Standard deviation of the headings of one leg, and the share of frames that it holds for. Our
choice."""

LONGEST_LEG = 8
"""Largest number of sure frames that a leg is fitted to. Our choice."""

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
    share: float = 1.0
    heading_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class Around:
    """Where a doubtful frame is searched for, and the places that it is expected at."""

    circle: Prior
    expected: tuple[Expected, ...]
    is_beyond: bool = False

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
    first = track_of(sightings, motion, origin).fixes
    alone = [
        max((each.probability for each in seen.candidates), default=0.0) >= SURE_ALONE
        for seen in sightings
    ]
    is_ambiguous = 2 * sum(alone) < len(sightings)
    rows = [
        row
        for row, seen in enumerate(sightings)
        if seen.problem is None
        and not alone[row]
        and not (
            is_ambiguous
            and first[row].status == "located"
            and first[row].confidence >= SURE_TOGETHER
        )
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
        expected = legs.expected(row)
        if expected:
            found[row] = Around(
                circle=_circle(expected, origin),
                expected=expected,
                is_beyond=bridged[row].latitude is None,
            )
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

    def expected(self, row: int) -> tuple[Expected, ...]:
        """Return the places that a frame is expected at; their shares sum to one."""
        if self._fixes[row].latitude is None:
            return self._beyond(row)
        straight = list(self.straight(row))
        if len(straight) == 2:
            one, other = straight
            apart_m = math.hypot(one.north_m - other.north_m, one.east_m - other.east_m)
            if apart_m <= 3 * math.hypot(one.sigma_m, other.sigma_m):
                between = self.between(row)
                sigma_m = max(between.sigma_m, LEG_SIGMA_M)
                return (replace(between, sigma_m=sigma_m, heading_deg=one.heading_deg),)
        if not straight:
            return (self.between(row),)
        legs = [replace(each, share=STRAIGHT / len(straight)) for each in straight]
        return (replace(self.between(row), share=1 - STRAIGHT), *legs)

    def _beyond(self, row: int) -> tuple[Expected, ...]:
        """Return where the leg that ends before a frame, or begins after it, puts it."""
        at = bisect_left(self._sure, row)
        for rows in (self._sure[:at][::-1], self._sure[at:]):
            near = rows[:LEAST_LEG]
            if len(near) == LEAST_LEG and self._elapsed_s(row, near[0]) <= LONGEST_BEYOND_S:
                expected = self._extended(row, rows, LEAST_LEG)
                if expected is not None:
                    return (expected,)
        return ()

    def _elapsed_s(self, row: int, other: int) -> float:
        return abs(self._fixes[row].time_s - self._fixes[other].time_s)

    def between(self, row: int) -> Expected:
        """Return where the smoothed track has a frame."""
        north_m, east_m = self._place(row)
        sigma_m = (self._fixes[row].accuracy_m_95 or 0.0) / RADIUS_95
        return Expected(north_m=north_m, east_m=east_m, sigma_m=sigma_m)

    def straight(self, row: int) -> Iterator[Expected]:
        """Yield where the leg before, and the one after, put a frame, as far as that can be."""
        at = bisect_left(self._sure, row)
        before, after = self._sure[:at][::-1], self._sure[at:]
        for rows, others in ((before, after), (after, before)):
            if len(rows) >= 2 and others:
                expected = self._extended(row, rows)
                if expected is not None and self._can_be(expected, row, others[0]):
                    yield expected

    def _extended(self, row: int, rows: Sequence[int], least: int = 2) -> Expected | None:
        """Return where the leg through the nearest of some sure frames puts another one."""
        leg = rows[:2]
        if self._fixes[leg[0]].time_s == self._fixes[leg[1]].time_s:
            return None
        for other in rows[2:LONGEST_LEG]:
            expected = self._line(leg, other)
            north_m, east_m = self._place(other)
            off_m = math.hypot(expected.north_m - north_m, expected.east_m - east_m)
            if off_m > 2 * expected.sigma_m:
                break
            leg = [*leg, other]
        return self._line(leg, row) if len(leg) >= least else None

    def _line(self, leg: Sequence[int], row: int) -> Expected:
        """Return where a line at constant speed, fitted to sure frames, puts another frame."""
        time_L = np.array([self._fixes[one].time_s for one in leg])
        place_L2 = np.array([self._place(one) for one in leg])
        middle_s = time_L.mean()
        spread_s2 = ((time_L - middle_s) ** 2).sum()
        velocity_2 = (time_L - middle_s) @ place_L2 / spread_s2
        ahead_s = self._fixes[row].time_s - middle_s
        north_m, east_m = (place_L2.mean(axis=0) + ahead_s * velocity_2).tolist()
        variance = 1 + 1 / len(leg) + ahead_s**2 / spread_s2
        headings = [self._fixes[one].heading_deg for one in leg]
        return Expected(
            north_m=north_m,
            east_m=east_m,
            sigma_m=LEG_SIGMA_M * math.sqrt(variance),
            heading_deg=next((each for each in headings if each is not None), None),
        )

    def _can_be(self, expected: Expected, row: int, other: int) -> bool:
        north_m, east_m = self._place(other)
        way_m = math.hypot(expected.north_m - north_m, expected.east_m - east_m)
        elapsed_s = self._elapsed_s(row, other)
        sigma_m = math.hypot(expected.sigma_m, LEG_SIGMA_M)
        return way_m <= self._motion.max_speed_m_s * elapsed_s + 2 * sigma_m

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
    weights, candidates = [], []
    for each in seen.candidates:
        densities = [
            (1 - UNEXPECTED) * one.share * around.area_m2 * _density(each, one)
            for one in around.expected
        ]
        weights.append(each.probability * (UNEXPECTED + sum(densities)))
        best = max(densities)
        nearest = around.expected[densities.index(best)]
        candidates.append(_together(each, nearest) if best > UNEXPECTED else each)
    if around.is_beyond:
        return _shared(seen, candidates, weights, seen.none)
    for one in around.expected:
        weights.append(seen.none * (1 - UNEXPECTED) * one.share)
        candidates.append(
            Candidate(
                north_m=one.north_m,
                east_m=one.east_m,
                sigma_m=one.sigma_m,
                probability=0.0,
                is_expected=True,
            )
        )
    return _shared(seen, candidates, weights, UNEXPECTED * seen.none)


def _shared(
    seen: Sighting, candidates: Sequence[Candidate], weights: Sequence[float], none: float
) -> Sighting:
    total = none + sum(weights)
    return replace(
        seen,
        candidates=tuple(
            replace(each, probability=max(weight / total, LEAST_CHANCE))
            for each, weight in zip(candidates, weights, strict=True)
        ),
        none=max(none / total, LEAST_CHANCE),
    )


def _density(each: Candidate, expected: Expected) -> float:
    variance_m2 = each.sigma_m**2 + expected.sigma_m**2
    squared_m2 = (each.north_m - expected.north_m) ** 2 + (each.east_m - expected.east_m) ** 2
    density = math.exp(-squared_m2 / (2 * variance_m2)) / (2 * math.pi * variance_m2)
    if each.heading_deg is None or expected.heading_deg is None:
        return density
    turn_deg = (each.heading_deg - expected.heading_deg + 180.0) % 360.0 - 180.0
    peak = 360.0 / (math.sqrt(2 * math.pi) * HEADING_SIGMA_DEG)
    steady = peak * math.exp(-((turn_deg / HEADING_SIGMA_DEG) ** 2) / 2)
    return density * (STEADY_HEADING * steady + 1 - STEADY_HEADING)


def _together(each: Candidate, expected: Expected) -> Candidate:
    share = expected.sigma_m**2 / (each.sigma_m**2 + expected.sigma_m**2)
    return replace(
        each,
        north_m=share * each.north_m + (1 - share) * expected.north_m,
        east_m=share * each.east_m + (1 - share) * expected.east_m,
        sigma_m=each.sigma_m * math.sqrt(share),
    )


def _circle(expected: Sequence[Expected], origin: Position) -> Prior:
    """Return a circle that holds the places that a frame is expected at."""
    first = expected[0]
    away_m = max(math.hypot(e.north_m - first.north_m, e.east_m - first.east_m) for e in expected)
    sigma_m = max(each.sigma_m for each in expected)
    latitude, longitude = position(origin, first.north_m, first.east_m)
    radius_m = MARGIN_M + max(2 * sigma_m, away_m)
    return Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
