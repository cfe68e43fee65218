"""A new sun over a mesh: shading by the surface's direction, and shadows from a depth map."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.drawing import draw
from training.world.mesh.lens import towards_sun
from training.world.mesh.pack import Pack
from training.world.mesh.texels import Seen
from training.world.scene.light import Light

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
_MAP_PX = 768
"""Our choice: about 0.3 m a cell over what a view shows, as fine as its own pixels."""
_OFF_SURFACE_M = 0.35
"""Our choice: points are looked up so far off their surface, or it would shadow itself."""


def daylight(pack: Pack, seen: Seen, shown_HW: Mask, light: Light, splat_m: float) -> F32:
    """Return how bright the sun makes each pixel [H, W]: 1 on open level ground.

    Empty pixels get 1.
    """
    sun = light.sun
    bright_HW = np.ones(shown_HW.shape, np.float32)
    if not shown_HW.any():
        return bright_HW
    lens = towards_sun(sun, seen.point_HW3[shown_HW].astype(np.float64), _MAP_PX)
    nearness_HW = draw(pack, lens, splat_m).nearness_HW
    lit_HW = np.zeros(shown_HW.shape, np.float32)
    cell_m = 2 * lens.half_width / _MAP_PX
    _light_up(
        seen, shown_HW, lens.frame, lens.half_width, nearness_HW, _OFF_SURFACE_M + cell_m, lit_HW
    )
    facing_HW = np.maximum(seen.normal_HW3 @ np.array(sun, np.float32), 0.0)
    level = light.ambient + light.direct * sun[2]
    bright_HW[shown_HW] = ((light.ambient + light.direct * facing_HW * lit_HW) / level)[shown_HW]
    return bright_HW


@numba.njit(cache=True, nogil=True)
def _light_up(
    seen: Seen,
    shown_HW: Mask,
    frame_43: NDArray[np.float64],
    half_width: float,
    nearness_HW: F32,
    off_m: float,
    lit_HW: F32,
) -> None:
    """Write the share of the sun's disc that each shown pixel sees, from four cells of its map."""
    side = nearness_HW.shape[0]
    point_3 = np.empty(3)
    for row in range(lit_HW.shape[0]):
        for column in range(lit_HW.shape[1]):
            if not shown_HW[row, column]:
                continue
            for axis in range(3):
                point_3[axis] = (
                    seen.point_HW3[row, column, axis]
                    + off_m * seen.normal_HW3[row, column, axis]
                    - frame_43[0, axis]
                )
            right, up, depth = 0.0, 0.0, 0.0
            for axis in range(3):
                right += point_3[axis] * frame_43[1, axis]
                up += point_3[axis] * frame_43[2, axis]
                depth += point_3[axis] * frame_43[3, axis]
            x = (right / half_width + 1.0) * 0.5 * side - 0.5
            y = (1.0 - up / half_width) * 0.5 * side - 0.5
            lit_HW[row, column] = _seen_share(nearness_HW, x, y, depth)


@numba.njit(cache=True, nogil=True)
def _seen_share(nearness_HW: F32, x: float, y: float, depth: float) -> float:
    """Return how much of the four cells about (x, y) is not nearer to the sun than `depth`."""
    side = nearness_HW.shape[0]
    column, row = math.floor(x), math.floor(y)
    total = 0.0
    for k in range(4):
        r, c = row + k // 2, column + k % 2
        weight = (y - row if k // 2 else row + 1 - y) * (x - column if k % 2 else column + 1 - x)
        is_outside = r < 0 or c < 0 or r >= side or c >= side
        if is_outside or nearness_HW[r, c] <= -depth:
            total += weight
    return total
