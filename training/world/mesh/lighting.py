"""A new sun over a mesh: shading by the surface's direction, and shadows from a depth map."""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.drawing import draw
from training.world.mesh.lens import Projection, towards_sun
from training.world.mesh.pack import Pack
from training.world.mesh.raster import EMPTY, Drawn
from training.world.mesh.shading import GBuffer
from training.world.mesh.vectors import Vector, along, dot, minus, row
from training.world.scene.light import Light

F32 = NDArray[np.float32]
_MAP_PX = 768
"""Our choice: about 0.3 m a cell over what a view shows, as fine as its own pixels."""
_OFF_SURFACE_M = 0.35
"""Our choice: points are looked up so far off their surface, or it would shadow itself."""


class _Sun(NamedTuple):
    """The sun's direction and light; a surface that faces it is `ambient + direct` bright."""

    direction: Vector
    ambient: float
    direct: float


def daylight(pack: Pack, gbuffer: GBuffer, drawn: Drawn, light: Light, splat_m: float) -> F32:
    """Return how bright the sun makes each pixel [H, W]: 1 on open level ground.

    Empty pixels get 1.
    """
    shown_HW = drawn.is_shown
    bright_HW = np.ones(shown_HW.shape, np.float32)
    if shown_HW.any():
        lens = towards_sun(light.sun, gbuffer.point_HW3[shown_HW].astype(np.float64), _MAP_PX)
        nearness_HW = draw(pack, lens, splat_m).nearness_HW
        off_m = _OFF_SURFACE_M + 2 * lens.half_width / _MAP_PX
        sun = _Sun(light.sun, light.ambient, light.direct)
        _light_up(gbuffer, drawn, (lens.projection, nearness_HW, off_m), sun, bright_HW)
    return bright_HW


@numba.njit(cache=True, nogil=True)
def _light_up(
    gbuffer: GBuffer,
    drawn: Drawn,
    depth_map: tuple[Projection, F32, float],
    sun: _Sun,
    bright_HW: F32,
) -> None:
    """Write the brightness of each shown pixel from the sun's depth map.

    The map's last number is how far off its surface a point is looked up, metres.
    """
    projection, nearness_HW, off_m = depth_map
    frame, half_width, side = projection.frame_43, projection.half_width, nearness_HW.shape[0]
    level = sun.ambient + sun.direct * sun.direction[2]
    for line in range(bright_HW.shape[0]):
        for column in range(bright_HW.shape[1]):
            if drawn.number_HW[line, column] == EMPTY:
                continue
            normal = row(gbuffer.normal_HW3[line], column)
            point = along(row(gbuffer.point_HW3[line], column), off_m, normal)
            away = minus(point, row(frame, 0))
            x = (dot(away, row(frame, 1)) / half_width + 1.0) * 0.5 * side - 0.5
            y = (1.0 - dot(away, row(frame, 2)) / half_width) * 0.5 * side - 0.5
            facing = max(dot(normal, sun.direction), 0.0)
            if facing > 0.0:
                facing *= _seen_share(nearness_HW, x, y, dot(away, row(frame, 3)))
            bright_HW[line, column] = (sun.ambient + sun.direct * facing) / level


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
