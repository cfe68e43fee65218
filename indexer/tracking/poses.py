"""The different poses that a photo's matches give: positions and rotations on the ground."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.geo import metres_between
from indexer.localization.estimate import CONSENSUS, reach_m
from indexer.localization.pose import placement
from indexer.records import Match

MOST_CANDIDATES = 20
"""Number of places that a frame may be at. Our choice: the right place is rarely further behind."""

SAME_HEADING_DEG = 30.0
"""Poses whose headings differ by more are two. Our choice."""


@dataclass(kw_only=True)
class Pose:
    """A position and a rotation on the ground.

    `leader` is the best match that gives it, `support` the inliers of all that do; `place` is the
    row of the first pose within reach, by the tiles' centres.
    """

    leader: Match
    place: int
    support: int


def poses_of(matches: Sequence[Match]) -> list[Pose]:
    """Return the different poses that the matches give, in order of the best match of each."""
    poses: list[Pose] = []
    for match in matches:
        same = next((pose for pose in poses if _agree(match, pose.leader)), None)
        if same is not None:
            same.support += match.inliers
        elif len(poses) < MOST_CANDIDATES:
            near = (pose.place for pose in poses if _one_place(match, pose.leader))
            place = next(near, len(poses))
            poses.append(Pose(leader=match, place=place, support=match.inliers))
    return poses


def _agree(match: Match, leader: Match) -> bool:
    """Return whether a match gives the same pose, or none of its own at the same place."""
    if not match.inliers or not leader.inliers:
        return not match.inliers and _one_place(match, leader)
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
    return _apart_m(one, other) <= reach_m(other) / 2


def is_near(one: Match, other: Match) -> bool:
    """Return whether a match lies within another one's reach, by the tiles' centres."""
    return _apart_m(one, other) <= reach_m(other)


def _apart_m(one: Match, other: Match) -> float:
    """Return the distance between the tiles' centres, m."""
    north_m, east_m = metres_between(one.latitude, one.longitude, other.latitude, other.longitude)
    return math.hypot(north_m, east_m)
