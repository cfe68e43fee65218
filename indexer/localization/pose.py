"""Where the query lies on the ground according to one match, and which way its top points."""

import cmath
import math
from dataclasses import dataclass

from indexer.geo import metres_between
from indexer.records import Match


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Metres from the match's centre to the query's, and the heading of the query's top.

    `heading_deg` is clockwise from true north; None where only the match's centre is known.
    """

    north_m: float = 0.0
    east_m: float = 0.0
    heading_deg: float | None = None


def placement(match: Match) -> Placement:
    """Return a match's pose on the ground if the match is a map tile whose corners are known.

    The pose is in the frame of the tile's centre square, whose side is the tile's shorter one.
    """
    record, pose = match.record, match.pose
    if pose is None or record.corners is None or record.view != "satellite":
        return Placement()
    top_left, top_right, bottom_right, bottom_left = (
        complex(*metres_between(record.latitude, record.longitude, *corner))
        for corner in record.corners
    )  # north + i east: a phase is a heading
    up = (top_left + top_right - bottom_left - bottom_right) / 2
    right = (top_right + bottom_right - top_left - bottom_left) / 2
    side_m = min(abs(up), abs(right))
    if not side_m:
        return Placement()
    moved = side_m * (pose.up * up / abs(up) + pose.right * right / abs(right))
    return Placement(
        north_m=moved.real,
        east_m=moved.imag,
        heading_deg=(math.degrees(cmath.phase(up)) + pose.turn_deg) % 360,
    )
