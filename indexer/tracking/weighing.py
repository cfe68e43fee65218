"""Doubtful frames weighed: what each shows by itself, by where the sure ones expect it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from indexer.records import Position
from indexer.tracking.candidates import Candidate, Sighting
from indexer.tracking.legs import Expected
from indexer.tracking.motion import Motion
from indexer.tracking.second_search import Around, doubtful
from indexer.tracking.shown_places import ratio_at, shown_places
from indexer.tracking.sighting import LEAST_CHANCE

UNEXPECTED = 0.1
"""Share of the frames that are not where the sure ones before and after put them. Our choice."""

HEADING_SIGMA_DEG, STEADY_HEADING = 15.0, 0.9
"""Standard deviation of the headings of a leg's photos, and the share of the photos that it holds
for. Our choice."""

ON_THE_MAP = 0.2
"""Probability that a flight goes on over the map beyond its last sure frame. Our choice: frames of
another map must not be found."""

ROUNDS = 2
"""Number of times that frames are weighed by where the sure ones put them: those that become sure
put the others. Our choice."""


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
    searched = arounds
    for number in range(ROUNDS if nearby else 0):
        if number:
            arounds = doubtful(found, motion, origin)
        for row, around in arounds.items():
            if row in nearby:
                found[row] = _weighed(nearby[row], around)
                if around.is_beyond:
                    found[row] = _or_elsewhere(found[row], sightings[row], searched[row])
    return found


def _weighed(seen: Sighting, around: Around) -> Sighting:
    """Return a frame's candidates, those where it is expected more probable than before.

    A candidate and the expected place that fits it best give one position together. What speaks for
    none of the candidates speaks for the expected places, and for those of them most whose ground
    the photo resembles. Beyond the sure frames only the latter count.
    """
    weights, candidates = [], []
    for each in seen.candidates:
        densities = [
            (1 - UNEXPECTED) * one.share * around.area_m2 * _density(each, one)
            for one in around.expected
        ]
        ratio = ratio_at(seen.maps, each.north_m, each.east_m, each.sigma_m)
        weights.append(each.probability * (UNEXPECTED + sum(densities)) * ratio)
        best = max(densities)
        nearest = around.expected[densities.index(best)]
        candidates.append(_together(each, nearest) if best > UNEXPECTED else each)
    likely = 1 - UNEXPECTED
    if around.is_beyond:
        likely = ON_THE_MAP if seen.maps else 0.0
    for place in shown_places(around.expected, seen.maps):
        if place.is_shown or not around.is_beyond:
            weights.append(seen.none * likely * place.weight)
            candidates.append(_expected_candidate(place.expected, is_shown=place.is_shown))
    none = seen.none * (1 - likely)
    total = none + sum(weights)
    return replace(
        seen,
        candidates=tuple(
            replace(each, probability=max(weight / total, LEAST_CHANCE))
            for each, weight in zip(candidates, weights, strict=True)
        ),
        none=max(none / total, LEAST_CHANCE),
    )


def _or_elsewhere(near: Sighting, first: Sighting, searched: Around) -> Sighting:
    """Return a frame that may also be where the whole map put it: the leg may have ended."""
    centre = searched.expected[0]
    elsewhere = tuple(
        each
        for each in first.candidates
        if math.hypot(each.north_m - centre.north_m, each.east_m - centre.east_m)
        > searched.circle.radius_m
    )
    rest = max(0.0, 1.0 - sum(each.probability for each in elsewhere))
    nearby = tuple(
        replace(each, probability=max(rest * each.probability, LEAST_CHANCE))
        for each in near.candidates
    )
    none = max(rest * near.none, LEAST_CHANCE)
    return replace(near, candidates=(*nearby, *elsewhere), none=none)


def _expected_candidate(expected: Expected, *, is_shown: bool) -> Candidate:
    return Candidate(
        north_m=expected.north_m,
        east_m=expected.east_m,
        sigma_m=expected.sigma_m,
        probability=0.0,
        heading_deg=expected.heading_deg if is_shown else None,
        is_expected=not is_shown,
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
