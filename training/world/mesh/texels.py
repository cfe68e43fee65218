"""The colour, the place and the direction of what each pixel shows, in numba.

Legend of suffixes: V vertices, T triangles, K textures, L sizes of a texture, N texels, P points,
H and W rows and columns of the image.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.raster import EMPTY

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
_LEAST_SLANT = 0.12
"""Our choice: at grazing angles a pixel's footprint is not taken for longer than 8 of its widths,
so that façades do not melt."""


class Surface(NamedTuple):
    """A mesh and its textures, in world metres; u runs right and v down, both from 0 to 1.

    `size_KL3` holds the first texel, the width and the height of each texture at each halving of
    its size. A triangle whose `texture_T` is -1 has the colours of its vertices.
    """

    position_V3: F32
    uv_V2: F32
    colour_V3: U8
    triangle_T3: I32
    texture_T: I32
    size_KL3: I64
    texel_N3: U8
    dot_colour_P3: U8


class Seen(NamedTuple):
    """What each pixel shows: colour (0-255), world point (metres), unit normal to the viewer."""

    colour_HW3: F32
    point_HW3: F32
    normal_HW3: F32


@numba.njit(cache=True, nogil=True)
def _cross(a_3: F64, b_3: F64, out_3: F64) -> float:
    """Write a x b; return its length."""
    out_3[0] = a_3[1] * b_3[2] - a_3[2] * b_3[1]
    out_3[1] = a_3[2] * b_3[0] - a_3[0] * b_3[2]
    out_3[2] = a_3[0] * b_3[1] - a_3[1] * b_3[0]
    return math.sqrt(out_3[0] ** 2 + out_3[1] ** 2 + out_3[2] ** 2)


@numba.njit(cache=True, nogil=True)
def _dot(a_3: F64, b_3: F64) -> float:
    return float(a_3[0] * b_3[0] + a_3[1] * b_3[1] + a_3[2] * b_3[2])


@numba.njit(cache=True, nogil=True)
def _inside(index: int, count: int) -> int:
    return min(max(index, 0), count - 1)


@numba.njit(cache=True, nogil=True)
def sample(texel_N3: U8, size_3: I64, u: float, v: float, rgb_3: F64) -> None:
    """Write the bilinear colour of one size of a texture; beyond 0 to 1 the texture repeats."""
    first, width, height = size_3[0], size_3[1], size_3[2]
    u = u if 0.0 <= u <= 1.0 else u - math.floor(u)
    v = v if 0.0 <= v <= 1.0 else v - math.floor(v)
    x, y = u * width - 0.5, v * height - 0.5
    column, row = math.floor(x), math.floor(y)
    across, down = x - column, y - row
    left, right = _inside(column, width), _inside(column + 1, width)
    upper, lower = first + _inside(row, height) * width, first + _inside(row + 1, height) * width
    for band in range(3):
        above = (1.0 - across) * texel_N3[upper + left, band] + across * texel_N3[
            upper + right, band
        ]
        below = (1.0 - across) * texel_N3[lower + left, band] + across * texel_N3[
            lower + right, band
        ]
        rgb_3[band] = (1.0 - down) * above + down * below


@numba.njit(cache=True, nogil=True)
def _level(footprint_m2: float, texels_per_m2: float, levels: int) -> int:
    """Return the halving of a texture whose texels are about as large as the pixel's footprint."""
    texels = max(footprint_m2 * texels_per_m2, 1.0)
    return int(min(round(0.5 * math.log2(texels)), levels - 1))


@numba.njit(cache=True, nogil=True)
def _uv_area(surface: Surface, a: int, b: int, c: int) -> float:
    """Return twice a triangle's area on its texture, whose own area counts 1."""
    uv = surface.uv_V2
    return float(
        abs(
            (uv[b, 0] - uv[a, 0]) * (uv[c, 1] - uv[a, 1])
            - (uv[c, 0] - uv[a, 0]) * (uv[b, 1] - uv[a, 1])
        )
    )


@numba.njit(cache=True, nogil=True)
def _blend(
    surface: Surface, number: int, of_b: float, of_c: float, density: float, rgb_3: F64
) -> None:
    """Write a triangle's colour at the shares of its corners b and c.

    `density` is the pixel's footprint over twice the triangle's area.
    """
    a, b, c = surface.triangle_T3[number]
    of_a = 1.0 - of_b - of_c
    texture = surface.texture_T[number]
    if texture < 0:
        for band in range(3):
            rgb_3[band] = (
                of_a * surface.colour_V3[a, band]
                + of_b * surface.colour_V3[b, band]
                + of_c * surface.colour_V3[c, band]
            )
        return
    size_L3, uv = surface.size_KL3[texture], surface.uv_V2
    texels = _uv_area(surface, a, b, c) * size_L3[0, 1] * size_L3[0, 2]
    level = _level(density, texels, size_L3.shape[0])
    u = of_a * uv[a, 0] + of_b * uv[b, 0] + of_c * uv[c, 0]
    v = of_a * uv[a, 1] + of_b * uv[b, 1] + of_c * uv[c, 1]
    sample(surface.texel_N3, size_L3[level], u, v, rgb_3)


@numba.njit(cache=True, nogil=True)
def shade(
    number_HW: I32,
    nearness_HW: F32,
    frame_43: F64,
    half_width: float,
    is_parallel: bool,
    surface: Surface,
    seen: Seen,
) -> None:
    """Write what each pixel shows; pixels that show nothing stay as they are.

    The ray through a pixel's middle meets its triangle exactly, so that textures are in true
    perspective whatever the z-buffer's rounding.
    """
    height, width = number_HW.shape
    eye_3, ray_3, rgb_3, part_3 = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    ab_3, ac_3, ap_3, normal_3 = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for row in range(height):
        for column in range(width):
            number = number_HW[row, column]
            if number == EMPTY:
                continue
            right = ((column + 0.5) / width * 2.0 - 1.0) * half_width
            up = (1.0 - (row + 0.5) / height * 2.0) * half_width
            q = nearness_HW[row, column]
            depth = -q if is_parallel else 1.0 / q
            for axis in range(3):
                aside = right * frame_43[1, axis] + up * frame_43[2, axis]
                eye_3[axis] = frame_43[0, axis] + (aside if is_parallel else 0.0)
                ray_3[axis] = frame_43[3, axis] + (0.0 if is_parallel else aside)
            if number < EMPTY:
                for axis in range(3):
                    seen.colour_HW3[row, column, axis] = surface.dot_colour_P3[-2 - number, axis]
                    seen.point_HW3[row, column, axis] = eye_3[axis] + depth * ray_3[axis]
                    seen.normal_HW3[row, column, axis] = 1.0 if axis == 2 else 0.0
                continue
            a, b, c = surface.triangle_T3[number]
            for axis in range(3):
                start = surface.position_V3[a, axis]
                ab_3[axis] = surface.position_V3[b, axis] - start
                ac_3[axis] = surface.position_V3[c, axis] - start
                ap_3[axis] = start - eye_3[axis]
            doubled_m2 = max(_cross(ab_3, ac_3, normal_3), 1e-12)
            for axis in range(3):
                normal_3[axis] /= doubled_m2
            facing = _dot(normal_3, ray_3)
            if abs(facing) > 1e-9:
                depth = _dot(normal_3, ap_3) / facing
            for axis in range(3):
                seen.point_HW3[row, column, axis] = eye_3[axis] + depth * ray_3[axis]
                seen.normal_HW3[row, column, axis] = (
                    -normal_3[axis] if facing > 0.0 else normal_3[axis]
                )
                ap_3[axis] = depth * ray_3[axis] - ap_3[axis]
            _cross(ap_3, ac_3, part_3)
            of_b = min(max(_dot(part_3, normal_3) / doubled_m2, 0.0), 1.0)
            _cross(ab_3, ap_3, part_3)
            of_c = min(max(_dot(part_3, normal_3) / doubled_m2, 0.0), 1.0 - of_b)
            pixel_m = 2.0 * half_width / width * (1.0 if is_parallel else depth)
            slant = max(abs(facing) / math.sqrt(_dot(ray_3, ray_3)), _LEAST_SLANT)
            _blend(surface, number, of_b, of_c, pixel_m * pixel_m / slant / doubled_m2, rgb_3)
            for band in range(3):
                seen.colour_HW3[row, column, band] = rgb_3[band]
