"""The orthographic view from above."""

import math

import numba
import numpy as np

from training.world.scene.scene import LitScene
from training.world.scene.window import F32, U8

_TAPS = 3
"""Samples along each side of a pixel."""


@numba.njit(cache=True, nogil=True)
def _sample(
    lit: U8, origin: tuple[int, int, float], corner: tuple[float, float, float], out: F32
) -> None:
    """Fill `out` from cells at `origin` (ix0, iy0, cell_m) and `corner` (west, north, gsd_m)."""
    ix0, iy0, cell_m = origin
    west, north, gsd = corner
    rows, columns = lit.shape[0], lit.shape[1]
    for py in range(out.shape[0]):
        for px in range(out.shape[1]):
            for k in range(_TAPS * _TAPS):
                x = west + (px + (k % _TAPS + 0.5) / _TAPS) * gsd
                y = north - (py + (k // _TAPS + 0.5) / _TAPS) * gsd
                c = min(columns - 1, max(0, math.floor(x / cell_m) - ix0))
                r = min(rows - 1, max(0, math.floor(y / cell_m) - iy0))
                for band in range(3):
                    out[py, px, band] += lit[r, c, band] / (_TAPS * _TAPS)


def satellite_view(lit: LitScene, x_m: float, y_m: float, size_px: int, gsd_m: float) -> F32:
    """Return the view from above, centred on world (x, y): float32 [size, size, 3], 0-255."""
    scene = lit.scene
    out = np.zeros((size_px, size_px, 3), np.float32)
    half = size_px * gsd_m / 2
    origin = (scene.ix0, scene.iy0, scene.cell_m)
    _sample(lit.rgb, origin, (x_m - half, y_m + half, gsd_m), out)
    return out
