"""Which triangle or point each pixel shows: a z-buffer in numba.

Legend of suffixes: V vertices, T triangles, H and W rows and columns of the image.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.lens import NEAR_M

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
EMPTY = -1
"""The number of a pixel that shows nothing. Triangles count from 0, points from -2 downwards."""


@numba.njit(cache=True, nogil=True)
def project(position_V3: F32, frame_43: F64, half_width: float, seen_V3: F64) -> None:
    """Write right, up and depth of every vertex in the viewer's axes.

    The depth is in metres; right and up are divided by `half_width` (see `lens`).
    """
    for v in range(position_V3.shape[0]):
        dx = position_V3[v, 0] - frame_43[0, 0]
        dy = position_V3[v, 1] - frame_43[0, 1]
        dz = position_V3[v, 2] - frame_43[0, 2]
        for axis in range(3):
            seen_V3[v, axis] = (
                dx * frame_43[axis + 1, 0] + dy * frame_43[axis + 1, 1] + dz * frame_43[axis + 1, 2]
            )
        seen_V3[v, 0] /= half_width
        seen_V3[v, 1] /= half_width


@numba.njit(cache=True, nogil=True)
def _on_image(seen_3: F64, is_parallel: bool, side: int) -> tuple[float, float, float]:
    """Return column, row (pixels) and nearness of a point in the viewer's axes."""
    right, up, depth = seen_3[0], seen_3[1], seen_3[2]
    if is_parallel:
        return (right + 1.0) * 0.5 * side, (1.0 - up) * 0.5 * side, -depth
    return (right / depth + 1.0) * 0.5 * side, (1.0 - up / depth) * 0.5 * side, 1.0 / depth


@numba.njit(cache=True, nogil=True)
def _crossing(
    y: float, xa: float, ya: float, xb: float, yb: float, left: float, right: float
) -> tuple[float, float]:
    """Return the span of a row, widened to where the edge from a to b crosses it."""
    if (ya <= y) != (yb <= y):
        x = xa + (y - ya) * (xb - xa) / (yb - ya)
        return min(left, x), max(right, x)
    return left, right


@numba.njit(cache=True, nogil=True)
def fill(
    x0: float,
    y0: float,
    q0: float,
    x1: float,
    y1: float,
    q1: float,
    x2: float,
    y2: float,
    q2: float,
    number: int,
    nearness_HW: F32,
    number_HW: I32,
) -> None:
    """Draw one triangle of the image: pixels whose middle it holds and where it is nearest."""
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if area == 0.0:
        return
    height, width = nearness_HW.shape
    top = max(0, math.ceil(min(y0, y1, y2) - 0.5))
    bottom = min(height - 1, math.floor(max(y0, y1, y2) - 0.5))
    q_across = ((q1 - q0) * (y2 - y0) - (q2 - q0) * (y1 - y0)) / area
    q_down = ((q2 - q0) * (x1 - x0) - (q1 - q0) * (x2 - x0)) / area
    for row in range(top, bottom + 1):
        y = row + 0.5
        left, right = _crossing(y, x0, y0, x1, y1, 1e30, -1e30)
        left, right = _crossing(y, x1, y1, x2, y2, left, right)
        left, right = _crossing(y, x2, y2, x0, y0, left, right)
        first = max(0, math.ceil(max(left, 0.0) - 0.5))
        last = min(width - 1, math.floor(min(right, float(width)) - 0.5))
        for column in range(first, last + 1):
            q = q0 + q_across * (column + 0.5 - x0) + q_down * (y - y0)
            if q > nearness_HW[row, column]:
                nearness_HW[row, column] = q
                number_HW[row, column] = number


@numba.njit(cache=True, nogil=True)
def _clip_near(corner_33: F64, clipped_43: F64) -> int:
    """Write the part of a triangle beyond `NEAR_M`; return its number of corners, 0 to 4."""
    count = 0
    for k in range(3):
        here, after = corner_33[k], corner_33[(k + 1) % 3]
        if here[2] >= NEAR_M:
            clipped_43[count] = here
            count += 1
        if (here[2] >= NEAR_M) != (after[2] >= NEAR_M):
            share = (NEAR_M - here[2]) / (after[2] - here[2])
            clipped_43[count] = here + share * (after - here)
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _fill_clipped(
    corner_33: F64, clipped_43: F64, number: int, nearness_HW: F32, number_HW: I32
) -> None:
    """Draw a pinhole's triangle that reaches behind the viewer."""
    side = nearness_HW.shape[0]
    count = _clip_near(corner_33, clipped_43)
    for k in range(1, count - 1):
        x0, y0, q0 = _on_image(clipped_43[0], False, side)
        x1, y1, q1 = _on_image(clipped_43[k], False, side)
        x2, y2, q2 = _on_image(clipped_43[k + 1], False, side)
        fill(x0, y0, q0, x1, y1, q1, x2, y2, q2, number, nearness_HW, number_HW)


@numba.njit(cache=True, nogil=True)
def draw_triangles(
    seen_V3: F64,
    triangle_T3: I32,
    first_vertex: int,
    first_number: int,
    is_parallel: bool,
    nearness_HW: F32,
    number_HW: I32,
) -> None:
    """Draw triangles over what the buffers hold; triangle t gets the number first_number + t.

    `triangle_T3` counts vertices of the whole mesh, and `seen_V3` starts at `first_vertex`.
    """
    side = nearness_HW.shape[0]
    corner_33, clipped_43 = np.empty((3, 3)), np.empty((4, 3))
    for t in range(triangle_T3.shape[0]):
        a = seen_V3[triangle_T3[t, 0] - first_vertex]
        b = seen_V3[triangle_T3[t, 1] - first_vertex]
        c = seen_V3[triangle_T3[t, 2] - first_vertex]
        number = first_number + t
        if not is_parallel and min(a[2], b[2], c[2]) < NEAR_M:
            if max(a[2], b[2], c[2]) >= NEAR_M:
                corner_33[0], corner_33[1], corner_33[2] = a, b, c
                _fill_clipped(corner_33, clipped_43, number, nearness_HW, number_HW)
            continue
        x0, y0, q0 = _on_image(a, is_parallel, side)
        x1, y1, q1 = _on_image(b, is_parallel, side)
        x2, y2, q2 = _on_image(c, is_parallel, side)
        fill(x0, y0, q0, x1, y1, q1, x2, y2, q2, number, nearness_HW, number_HW)


@numba.njit(cache=True, nogil=True)
def draw_points(
    seen_V3: F64,
    first_number: int,
    splat_m: float,
    half_width: float,
    is_parallel: bool,
    nearness_HW: F32,
    number_HW: I32,
) -> None:
    """Draw points as squares of `splat_m` that face the viewer; point p gets first_number - p."""
    side = nearness_HW.shape[0]
    for p in range(seen_V3.shape[0]):
        depth = seen_V3[p, 2]
        if not is_parallel and depth < NEAR_M:
            continue
        x, y, q = _on_image(seen_V3[p], is_parallel, side)
        reach = 0.25 * side * splat_m / half_width / (1.0 if is_parallel else depth)
        reach = max(reach, 0.5)
        for row in range(
            max(0, math.ceil(y - reach - 0.5)), min(side, math.floor(y + reach + 0.5))
        ):
            for column in range(
                max(0, math.ceil(x - reach - 0.5)), min(side, math.floor(x + reach + 0.5))
            ):
                if q > nearness_HW[row, column]:
                    nearness_HW[row, column] = q
                    number_HW[row, column] = first_number - p
