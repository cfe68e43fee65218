"""A second search for doubtful frames, around where the sure ones put each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.records import Position, Prior
from indexer.tracking.candidates import Candidate, Sighting, position
from indexer.tracking.fixes import SURE_ALONE
from indexer.tracking.legs import Expected, Legs
from indexer.tracking.motion import Motion
from indexer.tracking.sighting import LEAST_CHANCE
from indexer.tracking.track import track_of

MARGIN_M = 100.0
"""What is searched beyond the expected places, m: centres of tiles lie off the photo's. Our
choice."""

SURE_TOGETHER = 0.95
"""Probability of a place, given all frames, from which it counts as sure in a flight where less
than half of the frames are sure by themselves. Our choice."""

UNEXPECTED = 0.1
"""Share of the frames that are not where the sure ones before and after put them. Our choice."""

HEADING_SIGMA_DEG, STEADY_HEADING = 15.0, 0.9
"""Standard deviation of the headings of a leg's photos, and the share of the photos that it holds
for. Our choice."""

ROUNDS = 2
"""Number of times that frames are weighed by where the sure ones put them: those that become sure
put the others. Our choice."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """Where a doubtful frame is searched for, and the places that it is expected at.

    `is_beyond` is true where there are sure frames on one side only.
    """

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
    after it predicts its place; beyond the last one, where the flight may have left the map, only a
    straight leg does, and not for long.

    Args:
        sightings: the frames in order of time.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    rows = _doubtful_rows(sightings, motion, origin)
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


def _doubtful_rows(sightings: Sequence[Sighting], motion: Motion, origin: Position) -> list[int]:
    unsure = [
        row
        for row, seen in enumerate(sightings)
        if max((each.probability for each in seen.candidates), default=0.0) < SURE_ALONE
    ]
    rows = [row for row in unsure if sightings[row].problem is None]
    if 2 * len(unsure) <= len(sightings):
        return rows
    fixes = track_of(sightings, motion, origin).fixes
    return [
        row
        for row in rows
        if fixes[row].status != "located" or fixes[row].confidence < SURE_TOGETHER
    ]


def weighed(
    sightings: Sequence[Sighting],
    nearby: Mapping[int, Sighting],
    arounds: Mapping[int, Around],
    motion: Motion,
    origin: Position,
) -> list[Sighting]:
    """Return all frames, the doubtful ones with candidates by where the sure ones put them.

    Args:
        sightings: the frames as they were found on the whole map, in order of time.
        nearby: by row, what a search around the place of doubtful ones found.
        arounds: what `doubtful` returned for the frames.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    found = [nearby.get(row, seen) for row, seen in enumerate(sightings)]
    for number in range(ROUNDS if nearby else 0):
        if number:
            arounds = doubtful(found, motion, origin)
        for row, around in arounds.items():
            if row in nearby:
                found[row] = _weighed(nearby[row], around)
    return found


def _weighed(seen: Sighting, around: Around) -> Sighting:
    """Return a frame's candidates, those where it is expected more probable than before.

    A candidate and the expected place that fits it best give one position together. Between sure
    frames, what speaks for none of the candidates speaks for the expected places.
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
    none = seen.none
    if not around.is_beyond:
        weights += [seen.none * (1 - UNEXPECTED) * one.share for one in around.expected]
        candidates += [_expected_candidate(one) for one in around.expected]
        none *= UNEXPECTED
    total = none + sum(weights)
    return replace(
        seen,
        candidates=tuple(
            replace(each, probability=max(weight / total, LEAST_CHANCE))
            for each, weight in zip(candidates, weights, strict=True)
        ),
        none=max(none / total, LEAST_CHANCE),
    )


def _expected_candidate(expected: Expected) -> Candidate:
    return Candidate(
        north_m=expected.north_m,
        east_m=expected.east_m,
        sigma_m=expected.sigma_m,
        probability=0.0,
        is_expected=True,
    )


def _density(each: Candidate, expected: Expected) -> float:
    """Return the density of a candidate's place, 1/m2, times how much likelier its heading is."""
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
    away_m = max(first.distance_m(each) for each in expected)
    sigma_m = max(each.sigma_m for each in expected)
    latitude, longitude = position(origin, first.north_m, first.east_m)
    radius_m = MARGIN_M + max(2 * sigma_m, away_m)
    return Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
