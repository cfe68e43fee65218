"""Where the query lies on the ground according to one match, and which way its top points."""

import cmath
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.geo import distance_m, metres_between, offset
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


def corresponding_points(
    match: Match, aspect: float, most: int
) -> list[tuple[float, float, float, float]] | None:
    """Return points of the photo and of a map tile that show the same.

    Each is x, y in the photo, then x, y in the tile: 0..1 of width and height, from the top left.
    They are evenly taken from all; None where there are none.

    Args:
        match: with a geometry.
        aspect: width of the photo divided by its height.
        most: number of points to return at most.
    """
    sides = _sides_m(match)
    if match.geometry is None or sides is None:
        return None
    width_m, height_m = sides
    square_m = min(width_m, height_m)
    scale_4 = np.array(
        [min(1.0, 1 / aspect), min(1.0, aspect), square_m / width_m, square_m / height_m]
    )
    points_I4 = match.geometry.points_I4 * scale_4 + 0.5
    chosen = np.linspace(0, len(points_I4) - 1, min(most, len(points_I4))).astype(int)
    return [(a, b, c, d) for a, b, c, d in points_I4[chosen].tolist()]


def _sides_m(match: Match) -> tuple[float, float] | None:
    """Return width and height of a map tile, m."""
    corners = match.record.corners
    if corners is None or match.record.view != "satellite":
        return None
    top_left, top_right, _, bottom_left = corners
    return distance_m(*top_left, *top_right), distance_m(*top_left, *bottom_left)


def tile_to_ground(match: Match) -> NDArray[np.float64] | None:
    """Return the matrix from positions in a map tile to metres east and north of its centre.

    Positions are in sides of the tile's centre square; None where the match is no map tile whose
    corners are known.
    """
    axes = _axes_m(match)
    if axes is None:
        return None
    up, right = axes
    return np.array([[right.imag, -up.imag, 0.0], [right.real, -up.real, 0.0], [0.0, 0.0, 1.0]])


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
