"""Candidate places of one frame: where its answer's matches put it, and how likely each is."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from indexer.geo import metres_between, offset
from indexer.localization.answer import Answer
from indexer.localization.confidence import CHANCE_INLIERS, Calibration
from indexer.localization.estimate import Neighbourhood, reach_m
from indexer.localization.pose import footprint
from indexer.records import Match, Position

MOST_CANDIDATES = 12
"""Number of places that a frame may be at. Our choice: the right place is rarely further behind."""

NONE_OF_THEM = 0.5
"""Share of what the confidence leaves for places other than the first that goes to "none of the
candidates"; the rest is divided among them. Our choice."""

LEAST_CHANCE = 1e-4
"""Probability that a candidate is right, at least: the flight may overrule a sure frame."""

SAME_HEADING_DEG = 45.0
"""Candidates of one place whose headings differ by less are one."""

LOOSE = 6
"""Parts of the reach that the deviation is at least where too few keypoints correspond to place the
photo in the tile. Our choice: a quarter of the tile's side."""

NORMAL_68 = 1.515
"""Radius that holds 68 % of a circular normal distribution, in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A place that one frame may show.

    `north_m` and `east_m` count from the flight's origin to the ground in the middle of the photo,
    `sigma_m` is their standard deviation on each axis. `heading_deg` and `size_m`, the side of the
    ground in the photo, are None where unknown. `probability` is that of this place, without the
    other frames.
    """

    north_m: float
    east_m: float
    sigma_m: float
    probability: float
    heading_deg: float | None = None
    size_m: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraPlace:
    """Where the first candidate puts the camera, in the flight's metres, and where it looked.

    `sigma_m` is the standard deviation of the position on each axis; angles as `CameraEstimate`.
    """

    north_m: float
    east_m: float
    height_m: float
    sigma_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What one frame shows: its name, its time (s), its candidates, best first.

    `problem` is why there are none, where the frame cannot be read. `none` is the probability
    that no candidate is right, `area_m2` the area that was searched; None: the whole map.
    """

    name: str
    time_s: float
    candidates: tuple[Candidate, ...] = ()
    none: float = 1.0
    problem: str | None = None
    area_m2: float | None = None
    camera: CameraPlace | None = None
    """None where the field of view is unknown, or the frame does not determine it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return what `to_dict` gave."""
        candidates = tuple(Candidate(**each) for each in values["candidates"])
        camera = values.get("camera")
        place = None if camera is None else CameraPlace(**camera)
        return cls(**{**values, "candidates": candidates, "camera": place})


def sighting(
    name: str,
    time_s: float,
    answer: Answer,
    calibration: Calibration,
    origin: Position,
    area_m2: float | None = None,
) -> Sighting:
    """Return the candidates that an answer gives.

    The first has the answer's confidence. What is left is halved: one part for "none of them", one
    for the others by the softmax of their scores.

    Args:
        name: of the frame.
        time_s: of the frame, s.
        answer: with all matches that were judged.
        calibration: that the answer's confidence was computed with.
        origin: latitude and longitude that metres count from.
        area_m2: that was searched; None: the whole map.
    """
    if not answer.matches:
        return Sighting(name=name, time_s=time_s, area_m2=area_m2)
    temperature = calibration.temperature
    leaders = _leaders(answer.matches)
    rest = 1.0 - answer.confidence
    scores = [leader.score for leader in leaders]
    weights = [math.exp((score - scores[0]) / temperature) for score in scores[1:]]
    share = rest * (1.0 - NONE_OF_THEM) / max(sum(weights), 1e-12)
    chances = [answer.confidence, *(share * weight for weight in weights)]
    candidates = tuple(
        _candidate(leader, answer.matches, calibration, max(chance, LEAST_CHANCE), origin)
        for leader, chance in zip(leaders, chances, strict=True)
    )
    return Sighting(
        name=name,
        time_s=time_s,
        candidates=candidates,
        none=max(rest * (NONE_OF_THEM if weights else 1.0), LEAST_CHANCE),
        area_m2=area_m2,
        camera=_camera(answer, origin),
    )


def _camera(answer: Answer, origin: Position) -> CameraPlace | None:
    camera = None if answer.estimate is None else answer.estimate.camera
    if camera is None:
        return None
    north_m, east_m = metres_between(*origin, camera.latitude, camera.longitude)
    return CameraPlace(
        north_m=north_m,
        east_m=east_m,
        height_m=camera.height_m,
        sigma_m=max(camera.horizontal_spread_m / math.sqrt(2), 0.1),
        heading_deg=camera.heading_deg,
        pitch_deg=camera.pitch_deg,
        roll_deg=camera.roll_deg,
    )


def _leaders(matches: Sequence[Match]) -> list[Match]:
    """Return the best match of each place, best first."""
    leaders: list[Match] = []
    for match in matches:
        if len(leaders) == MOST_CANDIDATES:
            break
        if not any(_one_place(match, leader) for leader in leaders):
            leaders.append(match)
    return leaders


def _one_place(one: Match, other: Match) -> bool:
    north_m, east_m = metres_between(one.latitude, one.longitude, other.latitude, other.longitude)
    return math.hypot(north_m, east_m) <= reach_m(other) / 2


def _candidate(
    leader: Match,
    matches: Sequence[Match],
    calibration: Calibration,
    probability: float,
    origin: Position,
) -> Candidate:
    others = [match for match in matches if match is not leader]
    fused = Neighbourhood([leader, *others]).fuse(calibration.temperature)
    north_m, east_m = metres_between(*origin, fused.latitude, fused.longitude)
    sigma_m = max(calibration.scale_68 * fused.spread_m / NORMAL_68, 0.1)
    if leader.geometry is None or leader.geometry.inliers < CHANCE_INLIERS:
        sigma_m = max(sigma_m, reach_m(leader) / LOOSE)
    return Candidate(
        north_m=north_m,
        east_m=east_m,
        sigma_m=sigma_m,
        probability=probability,
        heading_deg=fused.heading_deg,
        size_m=_size_m(leader),
    )


def _size_m(match: Match) -> float | None:
    """Return the side of a square that is as large as the ground in the photo, m."""
    ring = footprint(match, 1.0)
    if ring is None:
        return None
    corners = [metres_between(*ring[0], *corner) for corner in ring]
    doubled = sum(
        north_a * east_b - north_b * east_a
        for (north_a, east_a), (north_b, east_b) in zip(
            corners, [*corners[1:], corners[0]], strict=True
        )
    )
    return math.sqrt(abs(doubled) / 2) or None


def position(origin: Position, north_m: float, east_m: float) -> Position:
    """Return the latitude and longitude of a place in the flight's metres."""
    return offset(*origin, north_m, east_m)
