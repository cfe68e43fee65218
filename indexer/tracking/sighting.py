"""From a frame's answer to its candidates: where the matches put it, and how likely each is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.geo import metres_between
from indexer.localization.answer import Answer
from indexer.localization.confidence import Calibration
from indexer.localization.estimate import CONSENSUS, Neighbourhood, reach_m
from indexer.localization.pose import footprint, placement
from indexer.records import Match, Position
from indexer.tracking.candidates import NORMAL_68, CameraPlace, Candidate, Sighting
from indexer.tracking.laid_photo import shape_of
from model.matching.interface import CHANCE_INLIERS

MOST_CANDIDATES = 20
"""Number of places that a frame may be at. Our choice: the right place is rarely further behind."""

NONE_OF_THEM = 0.8
"""Share of what the confidence leaves for places other than the first that goes to "none of the
candidates"; the rest is divided among them. Our choice: with a half, a flight that had left the
map was found along chance places."""

LEAST_CHANCE = 1e-4
"""Probability that a candidate is right, at least: the flight may overrule a sure frame."""

SUPPORT_SCALE = 3.0
"""Inliers that make a pose likelier by a factor of e than another one at the same place."""

SUPPORT_OF_NONE = 26.0
"""Inliers of a pose that is as likely right as not, where only one place was searched. Measured on
the flights of docs/flights.md: of 150 doubtful frames, poses of 23 to 26 inliers are right in half
of the cases, those of 16 to 18 in one of ten."""

SAME_HEADING_DEG = 30.0
"""Poses whose headings differ by more are two. Our choice."""

LOOSE = 6
"""Parts of the reach that the deviation is at least where too few keypoints correspond to place the
photo in the tile. Our choice: a quarter of the tile's side."""


def sighting(
    name: str,
    time_s: float,
    answer: Answer,
    calibration: Calibration,
    origin: Position,
    area_m2: float | None = None,
) -> Sighting:
    """Return the candidates that an answer gives.

    The best match's place has the answer's confidence. Most of what is left is for "none of them",
    the rest for the other places by the softmax of their scores. Where keypoints put the photo at
    several positions in one place, its share is divided among them by their inliers.

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
    poses = _poses(answer.matches)
    chances, none = _chances(poses, answer.confidence, calibration.temperature)
    return Sighting(
        name=name,
        time_s=time_s,
        candidates=tuple(
            _candidate(pose, answer.matches, calibration, chance, origin)
            for pose, chance in zip(poses, chances, strict=True)
        ),
        none=none,
        area_m2=area_m2,
        camera=_camera(answer, origin),
        shape=shape_of(answer.matches[0]),
    )


def nearby_sighting(
    before: Sighting,
    answer: Answer,
    calibration: Calibration,
    origin: Position,
    area_m2: float,
) -> Sighting:
    """Return the candidates of a frame whose place is known roughly: the poses near it.

    The answer's confidence says which place is right; here that is known, and inliers alone decide
    among the poses.

    Args:
        before: the frame as it was found before.
        answer: of a search around the place.
        calibration: that positions' radii are computed with.
        origin: latitude and longitude that metres count from.
        area_m2: that was searched.
    """
    poses = _poses(answer.matches)
    weights = [math.exp(pose.support / SUPPORT_SCALE) for pose in poses]
    none = math.exp(SUPPORT_OF_NONE / SUPPORT_SCALE)
    total = none + sum(weights)
    return Sighting(
        name=before.name,
        time_s=before.time_s,
        candidates=tuple(
            _candidate(pose, answer.matches, calibration, max(weight / total, LEAST_CHANCE), origin)
            for pose, weight in zip(poses, weights, strict=True)
        ),
        none=max(none / total, LEAST_CHANCE),
        area_m2=area_m2,
        camera=_camera(answer, origin),
    )


@dataclass(kw_only=True)
class _Pose:
    """A position and a rotation on the ground.

    `leader` is the best match that gives it, `support` the inliers of all that do; `place` is the
    row of the first pose within reach, by the tiles' centres.
    """

    leader: Match
    place: int
    support: int


def _poses(matches: Sequence[Match]) -> list[_Pose]:
    """Return the different poses that the matches give, in order of the best match of each."""
    poses: list[_Pose] = []
    for match in matches:
        same = next((pose for pose in poses if _agree(match, pose.leader)), None)
        if same is not None:
            same.support += _inliers(match)
        elif len(poses) < MOST_CANDIDATES:
            near = (row for row, pose in enumerate(poses) if _one_place(match, pose.leader))
            place = next(near, len(poses))
            place = poses[place].place if place < len(poses) else place
            poses.append(_Pose(leader=match, place=place, support=_inliers(match)))
    return poses


def _agree(match: Match, leader: Match) -> bool:
    """Return whether a match gives the same pose, or none of its own at the same place."""
    if not _inliers(match) or not _inliers(leader):
        return not _inliers(match) and _one_place(match, leader)
    one, other = placement(match), placement(leader)
    north_m, east_m = metres_between(
        leader.latitude, leader.longitude, match.latitude, match.longitude
    )
    apart_m = math.hypot(north_m + one.north_m - other.north_m, east_m + one.east_m - other.east_m)
    if one.heading_deg is None or other.heading_deg is None:
        return apart_m <= reach_m(leader) / CONSENSUS
    turn_deg = abs((one.heading_deg - other.heading_deg + 180.0) % 360.0 - 180.0)
    return apart_m <= reach_m(leader) / CONSENSUS and turn_deg <= SAME_HEADING_DEG


def _one_place(one: Match, other: Match) -> bool:
    north_m, east_m = metres_between(one.latitude, one.longitude, other.latitude, other.longitude)
    return math.hypot(north_m, east_m) <= reach_m(other) / 2


def _inliers(match: Match) -> int:
    return 0 if match.geometry is None else match.geometry.inliers


def _chances(
    poses: Sequence[_Pose], confidence: float, temperature: float
) -> tuple[list[float], float]:
    """Return the probability of each pose, and of none."""
    rest = 1.0 - confidence
    best = poses[0].leader.score
    others = {
        row: math.exp((pose.leader.score - best) / temperature)
        for row, pose in enumerate(poses)
        if pose.place == row and row
    }
    share = rest * (1.0 - NONE_OF_THEM) / max(sum(others.values()), 1e-12)
    places = {0: confidence, **{row: share * weight for row, weight in others.items()}}
    most = max(pose.support for pose in poses)
    weights = [math.exp((pose.support - most) / SUPPORT_SCALE) for pose in poses]
    totals = dict.fromkeys(places, 0.0)
    for pose, weight in zip(poses, weights, strict=True):
        totals[pose.place] += weight
    chances = [
        max(places[pose.place] * weight / max(totals[pose.place], 1e-300), LEAST_CHANCE)
        for pose, weight in zip(poses, weights, strict=True)
    ]
    return chances, max(rest * (NONE_OF_THEM if others else 1.0), LEAST_CHANCE)


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


def _candidate(
    pose: _Pose,
    matches: Sequence[Match],
    calibration: Calibration,
    probability: float,
    origin: Position,
) -> Candidate:
    leader = pose.leader
    others = [match for match in matches if match is not leader]
    fused = Neighbourhood([leader, *others]).fuse(calibration.temperature)
    north_m, east_m = metres_between(*origin, fused.latitude, fused.longitude)
    sigma_m = max(calibration.scale_68 * fused.spread_m / NORMAL_68, 0.1)
    if pose.support < CHANCE_INLIERS:
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
