"""Shadows of a height field: one sweep over the grid, away from the sun."""

import math

import numba
import numpy as np

from training.world.scene.light import Light
from training.world.scene.window import F32


@numba.njit(cache=True, nogil=True)
def _sweep(height: F32, major0: int, slope: float, step_m: float, out: F32, flip: bool) -> None:
    """Sweep rows away from the sun; a row's shadow comes from the row nearer to the sun."""
    rows, columns = height.shape
    for k in range(1, rows):
        r = rows - 1 - k if flip else k
        near = r + 1 if flip else r - 1
        shift = math.floor((major0 + near) * slope + 0.5) - math.floor((major0 + r) * slope + 0.5)
        for c in range(columns):
            source = c + shift
            if 0 <= source < columns:
                level = max(height[near, source], out[near, source]) - step_m
                out[r, c] = max(level, np.float32(-1.0))


def shadow_height(height: F32, ix0: int, iy0: int, cell_m: float, light: Light) -> F32:
    """Return the height (metres) below which each cell's column lies in shadow; -1: in the sun.

    The sweep's integer shifts are aligned to world cells, so two windows agree where they overlap
    and are further from their edges than the longest shadow.
    """
    sx, sy, sz = light.sun
    out = np.full(height.shape, -1.0, np.float32)
    if abs(sy) >= abs(sx):
        step_m = cell_m * sz / abs(sy)
        _sweep(height, iy0, sx / sy, step_m, out, sy > 0)
        return out
    step_m = cell_m * sz / abs(sx)
    transposed = np.ascontiguousarray(out.T)
    _sweep(np.ascontiguousarray(height.T), ix0, sy / sx, step_m, transposed, sx > 0)
    return np.ascontiguousarray(transposed.T)
