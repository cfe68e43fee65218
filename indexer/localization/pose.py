"""Where the query lies on the ground according to one match, and which way its top points."""

import cmath
import math
from dataclasses import dataclass

from indexer.geo import metres_between, offset
from indexer.records import Match, Ring
from model.matching.geometry import outline


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
    pose, axes = match.pose, _axes_m(match)
    if pose is None or axes is None:
        return Placement()
    up, right = axes
    moved = pose.up * up + pose.right * right
    return Placement(
        north_m=moved.real,
        east_m=moved.imag,
        heading_deg=(math.degrees(cmath.phase(up)) + pose.turn_deg) % 360,
    )


def footprint(match: Match, aspect: float) -> Ring | None:
    """Return the photo's outline on the ground, clockwise from its top left.

    None where no keypoints correspond, where the match is no map tile whose corners are known, and
    where the photo shows the horizon.

    Args:
        match: with a geometry.
        aspect: width of the photo divided by its height.
    """
    geometry, axes = match.geometry, _axes_m(match)
    if geometry is None or axes is None:
        return None
    corners_42 = outline(geometry, max(1.0, aspect) / 2, max(1.0, 1 / aspect) / 2)
    if corners_42 is None:
        return None
    up, right = axes
    moved = [x * right - y * up for x, y in corners_42.tolist()]
    centre = match.record.latitude, match.record.longitude
    return tuple(offset(*centre, one.real, one.imag) for one in moved)


def _axes_m(match: Match) -> tuple[complex, complex] | None:
    """Up and right sides of the centre square of a map tile, m: north + i east."""
    record = match.record
    if record.corners is None or record.view != "satellite":
        return None
    top_left, top_right, bottom_right, bottom_left = (
        complex(*metres_between(record.latitude, record.longitude, *corner))
        for corner in record.corners
    )  # north + i east: a phase is a heading
    up = (top_left + top_right - bottom_left - bottom_right) / 2
    right = (top_right + bottom_right - top_left - bottom_left) / 2
    side_m = min(abs(up), abs(right))
    return (side_m * up / abs(up), side_m * right / abs(right)) if side_m else None
