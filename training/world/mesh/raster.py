"""Which triangle or point each pixel shows: a z-buffer in numba.

Legend of suffixes: V vertices, T triangles, H and W rows and columns of the image. A corner is
the column and row (pixels) and the nearness (see `lens`) of a vertex on the image.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.lens import NEAR_M, Projection

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
Corner = tuple[float, float, float]
EMPTY = -1
"""The number of a pixel that shows nothing. Triangles count from 0, points from -2 downwards."""


class Drawn(NamedTuple):
    """The z-buffer of a view: nearness and number of what each pixel shows."""

    nearness_HW: F32
    number_HW: I32

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        """Which pixels show something, bool [H, W]."""
        return np.asarray(self.number_HW != EMPTY)


@numba.njit(cache=True, nogil=True)
def project(position_V3: F32, projection: Projection, projected_V3: F64) -> None:
    """Write right, up and depth of every vertex in the viewer's axes.

    The depth is in metres; right and up are divided by the half width.
    """
    frame = projection.frame_43
    for v in range(position_V3.shape[0]):
        dx = position_V3[v, 0] - frame[0, 0]
        dy = position_V3[v, 1] - frame[0, 1]
        dz = position_V3[v, 2] - frame[0, 2]
        for axis in range(3):
            projected_V3[v, axis] = (
                dx * frame[axis + 1, 0] + dy * frame[axis + 1, 1] + dz * frame[axis + 1, 2]
            )
        projected_V3[v, 0] /= projection.half_width
        projected_V3[v, 1] /= projection.half_width


@numba.njit(cache=True, nogil=True)
def _on_image(seen_3: F64, is_parallel: bool, side: int) -> Corner:
    """Return the corner of a vertex in the viewer's axes, on an image of `side` pixels."""
    right, up, depth = seen_3[0], seen_3[1], seen_3[2]
    if is_parallel:
        return (right + 1.0) * 0.5 * side, (1.0 - up) * 0.5 * side, -depth
    return (right / depth + 1.0) * 0.5 * side, (1.0 - up / depth) * 0.5 * side, 1.0 / depth


@numba.njit(cache=True, nogil=True)
def _widened(span: tuple[float, float], y: float, a: Corner, b: Corner) -> tuple[float, float]:
    """Return the span of a row, widened to where the edge from a to b crosses it."""
    if (a[1] <= y) != (b[1] <= y):
        x = a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
        return min(span[0], x), max(span[1], x)
    return span


@numba.njit(cache=True, nogil=True)
def fill(a: Corner, b: Corner, c: Corner, number: int, drawn: Drawn) -> None:
    """Draw one triangle of the image: pixels whose middle it holds and where it is nearest."""
    height, width = drawn.nearness_HW.shape
    top = max(0, math.ceil(min(a[1], b[1], c[1]) - 0.5))
    bottom = min(height - 1, math.floor(max(a[1], b[1], c[1]) - 0.5))
    if top > bottom or math.ceil(min(a[0], b[0], c[0]) - 0.5) > max(a[0], b[0], c[0]) - 0.5:
        return  # most triangles of a far view hold no pixel's middle
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == 0.0:
        return
    across = ((b[2] - a[2]) * (c[1] - a[1]) - (c[2] - a[2]) * (b[1] - a[1])) / area
    down = ((c[2] - a[2]) * (b[0] - a[0]) - (b[2] - a[2]) * (c[0] - a[0])) / area
    for row in range(top, bottom + 1):
        y = row + 0.5
        span = _widened((1e30, -1e30), y, a, b)
        span = _widened(_widened(span, y, b, c), y, c, a)
        first = math.ceil(max(span[0], 0.0) - 0.5)
        last = min(width - 1, math.floor(min(span[1], float(width)) - 0.5))
        for column in range(max(0, first), last + 1):
            nearness = a[2] + across * (column + 0.5 - a[0]) + down * (y - a[1])
            if nearness > drawn.nearness_HW[row, column]:
                drawn.nearness_HW[row, column] = nearness
                drawn.number_HW[row, column] = number


@numba.njit(cache=True, nogil=True)
def _clip_near(seen_33: F64, clipped_43: F64) -> int:
    """Write the part of a triangle beyond `NEAR_M`; return its number of corners, 0 to 4."""
    count = 0
    for k in range(3):
        here, after = seen_33[k], seen_33[(k + 1) % 3]
        if here[2] >= NEAR_M:
            clipped_43[count] = here
            count += 1
        if (here[2] >= NEAR_M) != (after[2] >= NEAR_M):
            share = (NEAR_M - here[2]) / (after[2] - here[2])
            clipped_43[count] = here + share * (after - here)
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def draw_triangles(
    projected_V3: F64,
    triangle_T3: I32,
    first_vertex: int,
    first_number: int,
    is_parallel: bool,
    drawn: Drawn,
) -> None:
    """Draw triangles over what is drawn already; triangle t gets the number first_number + t.

    `triangle_T3` counts vertices of the whole mesh, and `projected_V3` starts at `first_vertex`.
    What a pinhole has behind it is cut off.
    """
    side = drawn.nearness_HW.shape[0]
    seen_33, clipped_43 = np.empty((3, 3)), np.empty((4, 3))
    for t in range(triangle_T3.shape[0]):
        a = projected_V3[triangle_T3[t, 0] - first_vertex]
        b = projected_V3[triangle_T3[t, 1] - first_vertex]
        c = projected_V3[triangle_T3[t, 2] - first_vertex]
        count = 3
        if not is_parallel and min(a[2], b[2], c[2]) < NEAR_M:
            seen_33[0], seen_33[1], seen_33[2] = a, b, c
            count = _clip_near(seen_33, clipped_43)
            if count == 0:
                continue
            a, b, c = clipped_43[0], clipped_43[1], clipped_43[2]
        corner = _on_image(a, is_parallel, side)
        other = _on_image(c, is_parallel, side)
        fill(corner, _on_image(b, is_parallel, side), other, first_number + t, drawn)
        if count == 4:
            last = _on_image(clipped_43[3], is_parallel, side)
            fill(corner, other, last, first_number + t, drawn)


@numba.njit(cache=True, nogil=True)
def draw_points(
    projected_V3: F64, first_number: int, splat_m: float, projection: Projection, drawn: Drawn
) -> None:
    """Draw points as squares of `splat_m` that face the viewer; point p gets first_number - p."""
    side, is_parallel = drawn.nearness_HW.shape[0], projection.is_parallel
    for p in range(projected_V3.shape[0]):
        depth = projected_V3[p, 2]
        if not is_parallel and depth < NEAR_M:
            continue
        x, y, nearness = _on_image(projected_V3[p], is_parallel, side)
        reach = 0.25 * side * splat_m / projection.half_width / (1.0 if is_parallel else depth)
        reach = max(reach, 0.5)
        left, right = max(0, math.ceil(x - reach - 0.5)), min(side, math.floor(x + reach + 0.5))
        top, bottom = max(0, math.ceil(y - reach - 0.5)), min(side, math.floor(y + reach + 0.5))
        for row in range(top, bottom):
            for column in range(left, right):
                if nearness > drawn.nearness_HW[row, column]:
                    drawn.nearness_HW[row, column] = nearness
                    drawn.number_HW[row, column] = first_number - p
