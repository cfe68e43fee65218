"""Heights above the bare ground of a surface model.

A plane is subtracted first, so that a slope counts as ground. A progressive morphological filter
then finds raised objects, and below them the ground is interpolated as a membrane. Source: Zhang
et al., A progressive morphological filter for removing nonground measurements from airborne LIDAR
data, IEEE TGRS 2003.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BLOCK_M = 2.0
"""Our choice: the filter works on the lowest cell of each 2 m square."""
_REACHES_M = (2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 72.0)
"""Half sides of the filter's windows. Our choice: objects up to 144 m wide are removed."""
_STEP_M, _STEP_SLOPE, _STEP_MOST_M = 0.5, 0.05, 2.5
"""Our choice: a block is an object where a wider window lowers it by more than half a metre plus
5 cm for each metre that the window grew, at most 2.5 m."""
_ROUNDS = 300
_OVER = 1.9


def above_ground(surface_m: F32, cell_m: float) -> F32:
    """Return heights (metres) of a surface model [H, W] above its bare ground.

    Slopes become flat, and halls up to 144 m wide keep their height. Cells without data (NaN) are
    0.
    """
    known = np.isfinite(surface_m)
    if not known.any():
        return np.zeros_like(surface_m)
    flat = np.where(known, surface_m - _tilt(surface_m, cell_m), np.inf)
    block = max(1, round(_BLOCK_M / cell_m))
    low = _lowest(flat, block)
    ground = _upsampled(_membrane(low, _is_object(low, block * cell_m)), block, surface_m.shape)
    return np.where(known, np.maximum(flat - ground, 0.0), 0.0).astype(np.float32)


def _tilt(surface_m: F32, cell_m: float) -> F64:
    """Return the plane below the surface by asymmetric least squares: high cells weigh little."""
    rows, columns = surface_m.shape
    step = max(1, round(_BLOCK_M / cell_m))
    r, c = np.mgrid[0:rows:step, 0:columns:step]
    z = surface_m[::step, ::step].astype(np.float64)
    known = np.isfinite(z)
    terms = np.stack([r[known] / rows, c[known] / columns, np.ones(known.sum())], axis=1)
    weight = np.ones(len(terms))
    for _ in range(20):
        root = np.sqrt(weight)
        plane = np.linalg.lstsq(terms * root[:, None], z[known] * root, rcond=None)[0]
        weight = np.where(z[known] > terms @ plane, 0.03, 1.0)
    across: F64 = np.add.outer(
        plane[0] * np.arange(rows) / rows, plane[1] * np.arange(columns) / columns
    )
    return across


def _lowest(flat: F64, block: int) -> F64:
    """Return the lowest cell of every block [ceil(H / block), ceil(W / block)]; inf without any."""
    rows, columns = (math.ceil(n / block) for n in flat.shape)
    padded = np.full((rows * block, columns * block), np.inf)
    padded[: flat.shape[0], : flat.shape[1]] = flat
    lowest: F64 = padded.reshape(rows, block, columns, block).min(axis=(1, 3))
    return lowest


def _is_object(low: F64, block_m: float) -> Mask:
    """Return where blocks are objects or hold no data."""
    objects = ~np.isfinite(low)
    level = np.where(objects, low[~objects].max(), low)
    before_m = 0.0
    for reach_m in _REACHES_M:
        reach = max(1, round(reach_m / block_m))
        opened = -_minimum(-_minimum(level, reach), reach)
        allowed = min(_STEP_M + _STEP_SLOPE * (reach_m - before_m), _STEP_MOST_M)
        objects |= level - opened > allowed
        level, before_m = opened, reach_m
    return objects


def _minimum(grid: F64, reach: int) -> F64:
    """Return the minimum over a square of side 2 reach + 1, edges repeated."""
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(grid, pad, mode="edge")
        grid = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis).min(-1)
    return grid


def _membrane(low: F64, objects: Mask) -> F64:
    """Return the ground's blocks, and under objects the mean of the four neighbours everywhere."""
    if objects.all():
        return np.full_like(low, low[np.isfinite(low)].min())
    level = np.where(objects, np.median(low[~objects]), low)
    _relax(level, objects)
    return level


@numba.njit(cache=True)
def _relax(level: F64, is_object: Mask) -> None:
    """Relax the object cells by successive over-relaxation, in place."""
    rows, columns = level.shape
    for _ in range(_ROUNDS):
        for r in range(rows):
            for c in range(columns):
                if is_object[r, c]:
                    around = level[max(0, r - 1), c] + level[min(rows - 1, r + 1), c]
                    around += level[r, max(0, c - 1)] + level[r, min(columns - 1, c + 1)]
                    level[r, c] += _OVER * (0.25 * around - level[r, c])


def _upsampled(ground: F64, block: int, shape: tuple[int, ...]) -> F64:
    """Return block values as cells [H, W], linear between the blocks' middles."""
    for axis in (0, 1):
        at = np.clip((np.arange(shape[axis]) + 0.5) / block - 0.5, 0, ground.shape[axis] - 1)
        first = np.minimum(at.astype(int), max(0, ground.shape[axis] - 2))
        share = np.expand_dims(at - first, 1 - axis)
        following = np.minimum(first + 1, ground.shape[axis] - 1)
        ground = (1 - share) * ground.take(first, axis) + share * ground.take(following, axis)
    return ground
