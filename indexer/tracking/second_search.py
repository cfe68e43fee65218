"""A second search for doubtful frames, around where the sure ones put each."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.geo import metres_between
from indexer.records import Position, Prior
from indexer.tracking.candidates import Sighting, position
from indexer.tracking.fixes import SURE_ALONE, Fix
from indexer.tracking.laid_photo import Guess, Shape
from indexer.tracking.legs import Expected, Legs
from indexer.tracking.motion import Motion
from indexer.tracking.track import track_of

MARGIN_M = 100.0
"""What is searched beyond the expected places, m: centres of tiles lie off the photo's. Our
choice."""

SAME_M = 15.0
"""How far a frame's first candidate may lie from its place on the track. Our choice."""

SURE_TOGETHER = 0.95
"""Probability of a place, given all frames, from which it counts as sure in a flight where less
than half of the frames are sure by themselves. Our choice."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """Where a doubtful frame is searched for, and the places that it is expected at.

    `is_beyond` is true where there are sure frames on one side only. `shape` is how the nearest
    sure frame lies on the ground, None where none does; `headings_deg` are those of the sure frames
    before and after.
    """

    circle: Prior
    expected: tuple[Expected, ...]
    is_beyond: bool = False
    shape: Shape | None = None
    headings_deg: tuple[float, ...] = ()

    @property
    def guesses(self) -> list[Guess]:
        """Return where and at which headings the photo is compared with the map."""
        return [
            Guess(
                north_m=one.north_m,
                east_m=one.east_m,
                headings_deg=self.headings_deg if one.heading_deg is None else (one.heading_deg,),
            )
            for one in self.expected
        ]

    @property
    def area_m2(self) -> float:
        """Area of the circle, m2."""
        return math.pi * self.circle.radius_m**2


def doubtful(sightings: Sequence[Sighting], motion: Motion, origin: Position) -> dict[int, Around]:
    """Return, by row, where each doubtful frame is to be searched for.

    A frame is doubtful where no place is sure by itself, or where the other sure frames refuse its
    place. The track of the sure frames before and after it predicts its place; beyond the last one,
    where the flight may have left the map, a straight leg or the last place does, for a short time.

    Args:
        sightings: the frames in order of time.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    rows = _doubtful_rows(sightings, motion, origin)
    only_sure = list(sightings)
    for row in rows:
        only_sure[row] = Sighting(name=sightings[row].name, time_s=sightings[row].time_s)
    bridged = track_of(only_sure, motion, origin).fixes
    refused = [
        row for row, fix in enumerate(bridged) if fix.status == "bridged" and fix.problem is None
    ]
    legs = Legs(bridged, motion, origin)
    shaped = _shaped(sightings, bridged, origin)
    found = {}
    for row in sorted({*rows, *refused}):
        expected = legs.expected(row)
        if expected:
            found[row] = Around(
                circle=_circle(expected, origin),
                expected=expected,
                is_beyond=bridged[row].latitude is None,
                shape=_nearest_shape(shaped, row),
                headings_deg=tuple(_headings_around(bridged, row)),
            )
    return found


def _shaped(
    sightings: Sequence[Sighting], fixes: Sequence[Fix], origin: Position
) -> list[tuple[int, Shape]]:
    """Return the frames that are located where their first candidate is, with its shape."""
    found = []
    for row, (seen, fix) in enumerate(zip(sightings, fixes, strict=True)):
        if seen.shape is None or fix.status != "located":
            continue
        assert fix.latitude is not None
        assert fix.longitude is not None
        north_m, east_m = metres_between(*origin, fix.latitude, fix.longitude)
        first = seen.candidates[0]
        if math.hypot(first.north_m - north_m, first.east_m - east_m) <= SAME_M:
            found.append((row, seen.shape))
    return found


def _nearest_shape(shaped: Sequence[tuple[int, Shape]], row: int) -> Shape | None:
    at = bisect_left(shaped, row, key=lambda one: one[0])
    near = shaped[max(0, at - 1) : at + 1]
    return min(near, key=lambda one: abs(one[0] - row))[1] if near else None


def _headings_around(fixes: Sequence[Fix], row: int) -> Iterator[float]:
    """Yield the headings of the nearest located frames before and after one."""
    for rows in (range(row - 1, -1, -1), range(row + 1, len(fixes))):
        known = (fixes[one].heading_deg for one in rows)
        heading_deg = next((each for each in known if each is not None), None)
        if heading_deg is not None:
            yield heading_deg


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


def _circle(expected: Sequence[Expected], origin: Position) -> Prior:
    """Return a circle that holds the places that a frame is expected at."""
    first = expected[0]
    away_m = max(first.distance_m(each) for each in expected)
    sigma_m = max(each.sigma_m for each in expected)
    latitude, longitude = position(origin, first.north_m, first.east_m)
    radius_m = MARGIN_M + max(2 * sigma_m, away_m)
    return Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
