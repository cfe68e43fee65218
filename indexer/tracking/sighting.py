"""From a frame's answer to its candidates: where the matches put it, and how likely each is."""

import math
from collections.abc import Mapping, Sequence

from indexer.geo import metres_between
from indexer.localization.answer import Answer
from indexer.localization.confidence import Calibration, confidence
from indexer.localization.estimate import Neighbourhood, reach_m
from indexer.localization.pose import footprint
from indexer.records import Match, Position
from indexer.tracking.candidates import NORMAL_68, CameraPlace, Candidate, Sighting
from indexer.tracking.laid_photo import shape_of
from indexer.tracking.poses import Pose, is_near, poses_of
from model.matching.interface import CHANCE_INLIERS

NONE_OF_THEM = 0.8
"""Share of what the confidence leaves for places other than the first that goes to "none of the
candidates"; the rest is divided among them. Our choice: with a half, a flight that had left the
map was found along chance places."""

LEAST_CHANCE = 1e-4
"""Probability that a candidate is right, at least: the flight may overrule a sure frame."""

SUPPORT_SCALE = 3.0
"""Inliers that make a pose likelier by a factor of e than another one at the same place."""

ALIKE_SCORE, ALIKE_INLIERS = 0.014, 11.0
"""Difference of scores, and of inliers, that makes one of two places that look alike likelier by a
factor of e. Our choice: what was the best for 125 frames of docs/flights.md over blocks that
repeat, when scores were 1.4 times as close to each other."""

ALIKE = 0.1
"""How likely another place is at least, in parts of the first, that counts as alike. Our choice."""

SUPPORT_OF_NONE = 26.0
"""Inliers of a pose that is as likely right as not, where only one place was searched. Measured on
the flights of docs/flights.md: of 150 doubtful frames, poses of 23 to 26 inliers are right in half
of the cases, those of 16 to 18 in one of ten."""

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

    The best match's place and those that the photo fits about as well share the confidence that the
    answer has without the latter: that the photo shows one of them. Most of what is left is for
    "none of them", the rest for the other places by the softmax of their scores. Where keypoints
    put the photo at several positions in one place, its share is divided among them by their
    inliers.

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
    poses = poses_of(answer.matches)
    sure = max(answer.confidence, _confidence_without_alike(poses, answer, calibration))
    chances, none = _chances(poses, sure, calibration.temperature)
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
    poses = poses_of(answer.matches)
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


def _chances(poses: Sequence[Pose], sure: float, temperature: float) -> tuple[list[float], float]:
    """Return the probability of each pose, and of none."""
    rest = 1.0 - sure
    best = poses[0].leader.score
    places = {row: pose for row, pose in enumerate(poses) if pose.place == row}
    alike, unseen = _alike(places)
    others = {
        row: math.exp((pose.leader.score - best) / temperature)
        for row, pose in places.items()
        if alike.get(row, 0.0) < ALIKE * alike[0]
    }
    share = rest * (1.0 - NONE_OF_THEM) / max(sum(others.values()), 1e-12)
    chances = {row: sure * alike.get(row, 0.0) + share * others.get(row, 0.0) for row in places}
    most = max(pose.support for pose in poses)
    weights = [math.exp((pose.support - most) / SUPPORT_SCALE) for pose in poses]
    totals = dict.fromkeys(places, 0.0)
    for pose, weight in zip(poses, weights, strict=True):
        totals[pose.place] += weight
    shares = [
        max(chances[pose.place] * weight / max(totals[pose.place], 1e-300), LEAST_CHANCE)
        for pose, weight in zip(poses, weights, strict=True)
    ]
    none = sure * unseen + rest * (NONE_OF_THEM if others else 1.0)
    return shares, max(none, LEAST_CHANCE)


def _confidence_without_alike(
    poses: Sequence[Pose], answer: Answer, calibration: Calibration
) -> float:
    """Return the confidence if the places that the photo fits about as well were not in the map."""
    shares, _ = _alike({row: pose for row, pose in enumerate(poses) if pose.place == row})
    alike = [poses[row].leader for row, share in shares.items() if share >= ALIKE * shares[0]]
    if answer.evidence is None or len(alike) < 2:
        return answer.confidence
    first, *others = alike
    left = [
        match
        for match in answer.matches
        if is_near(match, first) or not any(is_near(match, other) for other in others)
    ]
    around = Neighbourhood(left)
    evidence = around.evidence(answer.evidence.steadiness, calibration.temperature)
    return confidence(evidence, calibration)


def _alike(places: Mapping[int, Pose]) -> tuple[dict[int, float], float]:
    """Return the shares of the first place and of those that the photo fits about as well.

    The second value is the share of one more that was not compared, as likely as the last alike.
    """
    first = places[0].leader
    weights = {
        row: math.exp(
            (pose.leader.score - first.score) / ALIKE_SCORE
            + (pose.leader.inliers - first.inliers) / ALIKE_INLIERS
        )
        for row, pose in places.items()
        if row == 0 or pose.leader.inliers >= CHANCE_INLIERS
    }
    likely = [weight for weight in weights.values() if weight >= ALIKE * weights[0]]
    unseen = min(likely) if len(likely) > 1 else 0.0
    total = sum(weights.values()) + unseen
    return {row: weight / total for row, weight in weights.items()}, unseen / total


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
    pose: Pose,
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
