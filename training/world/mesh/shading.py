"""The colour, the place and the direction of what each pixel shows, in numba.

Legend of suffixes: H and W rows and columns of the image.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.lens import Projection
from training.world.mesh.raster import EMPTY, Drawn
from training.world.mesh.texels import Surface, colour_at
from training.world.mesh.vectors import Vector, along, cross, dot, length, minus, row

F32 = NDArray[np.float32]
_LEAST_M2 = 1e-12
_LEAST_SLANT = 0.12
"""Our choice: at grazing angles a pixel's footprint is not taken for longer than 8 of its widths,
so that façades do not melt."""


class GBuffer(NamedTuple):
    """What each pixel shows: colour (0-255), world point (metres), unit normal to the viewer.

    Computer graphics calls it a geometry buffer.
    """

    colour_HW3: F32
    point_HW3: F32
    normal_HW3: F32


@numba.njit(cache=True, nogil=True)
def _ray(projection: Projection, across: float, upward: float) -> tuple[Vector, Vector]:
    """Return origin and direction of the ray through a position of the image, -1 to 1 each way.

    The direction advances one metre of depth.
    """
    frame, half_width = projection.frame_43, projection.half_width
    aside = along((0.0, 0.0, 0.0), half_width * across, row(frame, 1))
    aside = along(aside, half_width * upward, row(frame, 2))
    if projection.is_parallel:
        return along(row(frame, 0), 1.0, aside), row(frame, 3)
    return row(frame, 0), along(row(frame, 3), 1.0, aside)


@numba.njit(cache=True, nogil=True)
def _triangle(
    surface: Surface, number: int, eye: Vector, ray: Vector, pixel: tuple[float, float, float]
) -> tuple[float, Vector, Vector]:
    """Return depth, normal and colour of a triangle where a ray meets it.

    `pixel` holds the depth to return where the ray runs along the triangle, and a pixel's width
    in metres: at depth 0, and what each metre of depth adds to it.
    """
    triangle = surface.triangle_T3[number]
    a = row(surface.position_V3, triangle[0])
    ab = minus(row(surface.position_V3, triangle[1]), a)
    ac = minus(row(surface.position_V3, triangle[2]), a)
    area = cross(ab, ac)
    doubled_m2 = max(length(area), _LEAST_M2)
    normal = area[0] / doubled_m2, area[1] / doubled_m2, area[2] / doubled_m2
    facing, from_eye = dot(normal, ray), minus(a, eye)
    depth = dot(normal, from_eye) / facing if abs(facing) > 1e-9 else pixel[0]
    ap = along((-from_eye[0], -from_eye[1], -from_eye[2]), depth, ray)
    of_b = min(max(dot(cross(ap, ac), normal) / doubled_m2, 0.0), 1.0)
    of_c = min(max(dot(cross(ab, ap), normal) / doubled_m2, 0.0), 1.0 - of_b)
    slant = max(abs(facing) / length(ray), _LEAST_SLANT)
    pixel_m = pixel[1] + pixel[2] * depth
    colour = colour_at(surface, number, of_b, of_c, pixel_m * pixel_m / slant / doubled_m2)
    if facing > 0.0:
        normal = -normal[0], -normal[1], -normal[2]
    return depth, normal, colour


@numba.njit(cache=True, nogil=True)
def shade(drawn: Drawn, projection: Projection, surface: Surface, gbuffer: GBuffer) -> None:
    """Write what each pixel shows; pixels that show nothing stay as they are.

    The ray through a pixel's middle meets its triangle exactly, so that textures are in true
    perspective whatever the z-buffer's rounding. Points have no direction; they count as level.
    """
    side = drawn.number_HW.shape[0]
    wide = 2.0 * projection.half_width / side
    at_eye, a_metre = (wide, 0.0) if projection.is_parallel else (0.0, wide)
    for line in range(side):
        for column in range(side):
            number = drawn.number_HW[line, column]
            if number == EMPTY:
                continue
            nearness = drawn.nearness_HW[line, column]
            depth = -nearness if projection.is_parallel else 1.0 / nearness
            eye, ray = _ray(projection, 2 * (column + 0.5) / side - 1, 1 - 2 * (line + 0.5) / side)
            if number < EMPTY:
                colour, normal = row(surface.dot_colour_P3, -2 - number), (0.0, 0.0, 1.0)
            else:
                depth, normal, colour = _triangle(
                    surface, number, eye, ray, (depth, at_eye, a_metre)
                )
            point = along(eye, depth, ray)
            for axis in range(3):
                gbuffer.colour_HW3[line, column, axis] = colour[axis]
                gbuffer.point_HW3[line, column, axis] = point[axis]
                gbuffer.normal_HW3[line, column, axis] = normal[axis]


class Averaged(NamedTuple):
    """Means over the samples of each pixel that show something, and the share of those samples."""

    gbuffer: GBuffer
    bright_HW: F32
    weight_HW: F32


@numba.njit(cache=True, nogil=True)
def average(gbuffer: GBuffer, drawn: Drawn, bright_HW: F32, averaged: Averaged) -> None:
    """Write the means of squares of samples; `averaged` starts with zeros."""
    side = averaged.weight_HW.shape[0]
    rays = drawn.number_HW.shape[0] // side
    for line in range(side * rays):
        for column in range(side * rays):
            if drawn.number_HW[line, column] == EMPTY:
                continue
            r, c = line // rays, column // rays
            averaged.weight_HW[r, c] += 1.0
            averaged.bright_HW[r, c] += bright_HW[line, column]
            for axis in range(3):
                averaged.gbuffer.colour_HW3[r, c, axis] += gbuffer.colour_HW3[line, column, axis]
                averaged.gbuffer.point_HW3[r, c, axis] += gbuffer.point_HW3[line, column, axis]
                averaged.gbuffer.normal_HW3[r, c, axis] += gbuffer.normal_HW3[line, column, axis]
    for r in range(side):
        for c in range(side):
            count = max(averaged.weight_HW[r, c], 1.0)
            averaged.weight_HW[r, c] /= rays * rays
            averaged.bright_HW[r, c] /= count
            for axis in range(3):
                averaged.gbuffer.colour_HW3[r, c, axis] /= count
                averaged.gbuffer.point_HW3[r, c, axis] /= count
                averaged.gbuffer.normal_HW3[r, c, axis] /= count


def empty_gbuffer(side: int) -> GBuffer:
    """Return what a square image shows before anything is written: zeros."""
    shape = (side, side, 3)
    return GBuffer(
        colour_HW3=np.zeros(shape, np.float32),
        point_HW3=np.zeros(shape, np.float32),
        normal_HW3=np.zeros(shape, np.float32),
    )
