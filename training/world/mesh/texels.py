"""The colour of a mesh at a point of one of its triangles, in numba.

Legend of suffixes: V vertices, T triangles, K textures, L sizes of a texture, N texels, P points.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.vectors import Vector, along, row

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


class Surface(NamedTuple):
    """A mesh and its textures, in world metres; u runs right and v down, both from 0 to 1.

    `size_KL3` holds the first texel, the width and the height of each texture at each mipmap
    level. A triangle whose `texture_T` is -1 has the colours of its vertices.
    """

    position_V3: NDArray[np.float32]
    uv_V2: NDArray[np.float32]
    colour_V3: U8
    triangle_T3: NDArray[np.int32]
    texture_T: NDArray[np.int32]
    size_KL3: I64
    texel_N3: U8
    dot_colour_P3: U8


@numba.njit(cache=True, nogil=True)
def _mix(a: Vector, b: Vector, share: float) -> Vector:
    """Return a mixed with a share of b."""
    left = 1.0 - share
    return left * a[0] + share * b[0], left * a[1] + share * b[1], left * a[2] + share * b[2]


@numba.njit(cache=True, nogil=True)
def _inside(index: int, count: int) -> int:
    return min(max(index, 0), count - 1)


@numba.njit(cache=True, nogil=True)
def sample(texel_N3: U8, size_3: I64, u: float, v: float) -> Vector:
    """Return the bilinear colour of one size of a texture; beyond 0 to 1 the texture repeats."""
    first, width, height = size_3[0], size_3[1], size_3[2]
    u = u if 0.0 <= u <= 1.0 else u - math.floor(u)
    v = v if 0.0 <= v <= 1.0 else v - math.floor(v)
    x, y = u * width - 0.5, v * height - 0.5
    column, line = math.floor(x), math.floor(y)
    left, right = _inside(column, width), _inside(column + 1, width)
    upper, lower = first + _inside(line, height) * width, first + _inside(line + 1, height) * width
    above = _mix(row(texel_N3, upper + left), row(texel_N3, upper + right), x - column)
    below = _mix(row(texel_N3, lower + left), row(texel_N3, lower + right), x - column)
    return _mix(above, below, y - line)


@numba.njit(cache=True, nogil=True)
def _level(texels: float, levels: int) -> int:
    """Return the mipmap level of which one texel stands for `texels` of the whole texture."""
    return int(min(round(0.5 * math.log2(max(texels, 1.0))), levels - 1))


@numba.njit(cache=True, nogil=True)
def colour_at(surface: Surface, number: int, of_b: float, of_c: float, density: float) -> Vector:
    """Return a triangle's colour (0-255) at the shares of its corners b and c.

    `density` is the pixel's footprint on the triangle over twice the triangle's area.
    """
    triangle = surface.triangle_T3[number]
    a, b, c = triangle[0], triangle[1], triangle[2]
    of_a = 1.0 - of_b - of_c
    texture = surface.texture_T[number]
    if texture < 0:
        colour = along((0.0, 0.0, 0.0), of_a, row(surface.colour_V3, a))
        return along(
            along(colour, of_b, row(surface.colour_V3, b)), of_c, row(surface.colour_V3, c)
        )
    uv = surface.uv_V2
    ub, vb = uv[b, 0] - uv[a, 0], uv[b, 1] - uv[a, 1]
    uc, vc = uv[c, 0] - uv[a, 0], uv[c, 1] - uv[a, 1]
    size_L3 = surface.size_KL3[texture]
    texels = abs(ub * vc - uc * vb) * size_L3[0, 1] * size_L3[0, 2]
    size_3 = size_L3[_level(density * texels, size_L3.shape[0])]
    u, v = uv[a, 0] + of_b * ub + of_c * uc, uv[a, 1] + of_b * vb + of_c * vc
    return sample(surface.texel_N3, size_3, u, v)
