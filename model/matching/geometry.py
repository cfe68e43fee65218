"""From corresponding points to a homography, or to nothing where they contradict each other.

Positions are in sides of the images' squares, see `interface`. Shapes: C correspondences,
I inliers.
"""

import math

import numpy as np
import poselib
from numpy.typing import NDArray

from model.matching.interface import Geometry

MIN_POINTS = 6
"""Least number of correspondences and of inliers: four fit any homography."""

TOLERANCE = 6 / 224
"""Largest distance of an inlier from where the homography puts it, in sides of the square. Our
choice: roofs and trees are displaced in an oblique photo."""

MOST_SHIFT = 0.25
"""Largest difference of a correspondence's displacement from the most common one, in sides. Our
choice: chance correspondences lie beyond; those of a photo tilted by 45 degrees within."""

SHIFT_SCALE = 0.1
"""Width of the kernel that finds the most common displacement, in sides."""

SCALES = (0.35, 2.5)
"""Bounds on the size of the query's square in the gallery image, relative to the expected one."""

MOST_ROTATION_DEG = 40.0
"""Largest rotation of the query, which is turned upright roughly before. Our choice: descriptors
survive 25 degrees, and half a step of the headings more."""

MOST_STRETCH = 4.0
"""Largest ratio of the mapped square's longest side to its shortest. Our choice: beyond, the
photo would look along the ground."""

GRID = 6
"""Cells a side of the grid that the spread of the inliers is counted on."""

MIN_SPREAD = 4 / GRID**2
"""Least spread of the inliers: those of one corner of a photo fix no homography."""

SHARE_POINTS = 20
"""Points a side on which the share of a square is counted."""

_RANSAC = {
    "max_iterations": 300,
    "min_iterations": 50,
    "seed": 0,
}

CENTRE_LINES = ((0.0, 0.0), (0.05, 0.0), (0.0, 0.05))
"""The centre, and the ends of short lines to the right and down from it."""

HORIZON = 0.1
"""Least depth of a corner of the photo, of the centre's: beyond, the ground is ten times as far."""

SQUARE_42 = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
"""Corners of the centre square, clockwise from the top left."""


def homography(
    query_C2: NDArray[np.float32],
    candidate_C2: NDArray[np.float32],
    scale: float = 1.0,
    *,
    more_than: int = 0,
) -> Geometry | None:
    """Return the geometry that most correspondences agree on; None where there is none.

    Mirrored, degenerate and wildly stretched solutions are none.

    Args:
        query_C2: positions in the query.
        candidate_C2: corresponding positions in the gallery image, which is rotated against the
            query by 30 degrees at most.
        scale: expected size of the query's square in the gallery image, sides.
        more_than: with so many inliers or fewer it is none.
    """
    near = _around_most_common_shift(query_C2 * np.float32(scale), candidate_C2)
    if near.sum() < max(MIN_POINTS, more_than + 1):
        return None
    points_C4 = np.hstack((query_C2[near], candidate_C2[near])).astype(np.float64)
    found = verified(points_C4, TOLERANCE, MOST_ROTATION_DEG, scale)
    return None if found is None or found.inliers <= more_than else found


def verified(
    points_C4: NDArray[np.float64],
    tolerance: float,
    most_rotation_deg: float,
    scale: float = 1.0,
) -> Geometry | None:
    """Return the geometry of a robust fit to correspondences; None where it is not plausible.

    Args:
        points_C4: x, y in the query, then x, y in the gallery image.
        tolerance: largest distance of an inlier from where the homography puts it, sides.
        most_rotation_deg: largest rotation of the query.
        scale: expected size of the query's square in the gallery image, sides.
    """
    if len(points_C4) < MIN_POINTS:
        return None
    settings = _RANSAC | {"max_reproj_error": tolerance}
    found_33, report = poselib.estimate_homography(points_C4[:, :2], points_C4[:, 2:], settings, {})
    inlier_C = np.array(report["inliers"], dtype=bool)
    if inlier_C.sum() < MIN_POINTS or not is_plausible(found_33, most_rotation_deg, scale):
        return None
    points_I4 = points_C4[inlier_C]
    covered = spread(points_I4[:, :2])
    if covered < MIN_SPREAD:
        return None
    return Geometry(
        homography_33=found_33 / found_33[2, 2],
        inliers=int(inlier_C.sum()),
        spread=covered,
        points_I4=points_I4,
        pairs=len(points_C4),
    )


def is_plausible(
    homography_33: NDArray[np.float64],
    most_rotation_deg: float = MOST_ROTATION_DEG,
    scale: float = 1.0,
) -> bool:
    """Return whether a homography can be a photo of the ground that is rotated so much at most.

    `scale` is the expected size of its square in the gallery image, sides.
    """
    if not np.isfinite(homography_33).all() or abs(homography_33[2, 2]) < 1e-9:
        return False
    rows = (homography_33 / homography_33[2, 2]).tolist()  # numbers: arrays so small are slow
    if min(_depth(rows, x, y) for x, y in SQUARE_42.tolist()) <= HORIZON:
        return False
    corners = [_moved(rows, x, y) for x, y in SQUARE_42.tolist()]
    edges = [
        (there[0] - here[0], there[1] - here[1])
        for here, there in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    bends = [
        one[0] * other[1] - one[1] * other[0]
        for one, other in zip(edges, edges[1:] + edges[:1], strict=True)
    ]
    if min(bends) <= 0:  # mirrored, or not convex
        return False
    if abs(_rotation_deg(rows)) > most_rotation_deg:
        return False
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    area = abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2  # by its diagonals
    sides = [math.hypot(x, y) for x, y in edges]
    smallest, largest = SCALES
    fits = smallest <= math.sqrt(area) / scale <= largest
    return fits and max(sides) <= MOST_STRETCH * min(sides)


def rotation_deg(homography_33: NDArray[np.float64]) -> float:
    """Return by how many degrees a homography rotates the query's centre clockwise, -180..180."""
    return _rotation_deg(homography_33.tolist())


def scale_of(homography_33: NDArray[np.float64]) -> float:
    """Return the size of the query's square in the gallery image, sides, by its centre."""
    (right, down), rows = homography_33[2, :2], homography_33[:2]
    slope_22 = rows[:, :2] - np.outer(rows[:, 2], (right, down)) / homography_33[2, 2]
    return math.sqrt(abs(float(np.linalg.det(slope_22)))) / abs(float(homography_33[2, 2]))


def _rotation_deg(rows: list[list[float]]) -> float:
    centre, right, down = (_moved(rows, x, y) for x, y in CENTRE_LINES)
    return math.degrees(
        math.atan2(
            right[1] - centre[1] - down[0] + centre[0], right[0] - centre[0] + down[1] - centre[1]
        )
    )


def _depth(rows: list[list[float]], x: float, y: float) -> float:
    return rows[2][0] * x + rows[2][1] * y + rows[2][2]


def _moved(rows: list[list[float]], x: float, y: float) -> tuple[float, float]:
    depth = _depth(rows, x, y)
    return (
        (rows[0][0] * x + rows[0][1] * y + rows[0][2]) / depth,
        (rows[1][0] * x + rows[1][1] * y + rows[1][2]) / depth,
    )


def mapped(
    homography_33: NDArray[np.float64], places_N2: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return positions [N, 2] moved by a homography."""
    places_N3 = np.hstack((places_N2, np.ones((len(places_N2), 1)))) @ homography_33.T
    moved_N2: NDArray[np.float64] = places_N3[:, :2] / places_N3[:, 2:]
    return moved_N2


def outline(
    geometry: Geometry, half_width: float, half_height: float
) -> NDArray[np.float64] | None:
    """Return the photo's corners in the gallery image [4, 2], clockwise from its top left.

    None where a part of the photo lies beyond the horizon.

    Args:
        geometry: of the gallery image.
        half_width: of the photo, in sides of its centre square; 0.5 for a square photo.
        half_height: the same for its height.
    """
    corners_42 = SQUARE_42 * 2 * np.array([half_width, half_height])
    depth_4 = np.hstack((corners_42, np.ones((4, 1)))) @ geometry.homography_33[2]
    if depth_4.min() <= HORIZON:
        return None
    return mapped(geometry.homography_33, corners_42)


def shown_share(geometry: Geometry) -> float:
    """Return the share of the query's square that lies within the gallery image's, 0..1."""
    axis = (np.arange(SHARE_POINTS) + 0.5) / SHARE_POINTS - 0.5
    places_N2 = np.stack(np.meshgrid(axis, axis), axis=2).reshape(-1, 2)
    ahead_N = np.hstack((places_N2, np.ones((len(places_N2), 1)))) @ geometry.homography_33[2] > 0
    inside_N = (np.abs(mapped(geometry.homography_33, places_N2)) <= 0.5).all(axis=1)
    return float((ahead_N & inside_N).mean())


def spread(places_I2: NDArray[np.float64]) -> float:
    """Return the share of the cells of a grid over the square that hold a position, 0..1."""
    cells_I2 = np.clip(((places_I2 + 0.5) * GRID).astype(int), 0, GRID - 1)
    return len(set((cells_I2 @ (GRID, 1)).tolist())) / GRID**2


def rotation(angle_deg: float) -> NDArray[np.float64]:
    """Return the matrix that rotates positions clockwise on an image, whose y points down."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _around_most_common_shift(
    query_C2: NDArray[np.float32], candidate_C2: NDArray[np.float32]
) -> NDArray[np.bool_]:
    if len(query_C2) < MIN_POINTS:
        return np.zeros(len(query_C2), dtype=bool)
    across_C, down_C = (candidate_C2 - query_C2).T
    across_CC, down_CC = np.subtract.outer(across_C, across_C), np.subtract.outer(down_C, down_C)
    squared_CC = across_CC * across_CC + down_CC * down_CC
    centre = np.exp(-squared_CC / (2 * SHIFT_SCALE**2)).sum(axis=1).argmax()
    near_C: NDArray[np.bool_] = squared_CC[centre] <= MOST_SHIFT**2
    return near_C
