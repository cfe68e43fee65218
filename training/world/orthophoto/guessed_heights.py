"""Heights above ground guessed from a user's orthophoto.

The guess raises compact evenly coloured regions as buildings and rough dark green as trees. It
is plausible, not true: it gives a network parallax and façades to learn from.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, value_noise

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
_EDGES = (26.0, 18.0, 12.0)
"""Ours: steps of brightness (0-255) that part a roof from its surroundings, strongest first."""
TREE, WALL = -2, -3
"""Codes in a scene's `part_of` for cells whose sides are leaves, or a wall without a plan."""


@numba.njit(cache=True)
def _edges(grey: F32, limit: float, out: U8) -> None:
    rows, columns = grey.shape
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            gx = grey[r, c + 1] - grey[r, c - 1]
            gy = grey[r + 1, c] - grey[r - 1, c]
            if gx * gx + gy * gy > limit * limit:
                out[r, c] = 1


@numba.njit(cache=True)
def _regions(edge: U8, rgb: U8, cell_m: float, seed: int, height: F32) -> None:
    """Flood regions between edges; raise those that look like a roof."""
    rows, columns = edge.shape
    seen = edge.copy()
    stack = np.empty(rows * columns, np.int64)
    for start in range(rows * columns):
        if seen[start // columns, start % columns]:
            continue
        seen[start // columns, start % columns] = 1
        stack[0] = start
        size, done = 1, 0
        sx = sy = sxx = syy = sxy = green = level = 0.0
        while done < size:
            r, c = stack[done] // columns, stack[done] % columns
            done += 1
            sx, sy = sx + c, sy + r
            sxx, syy, sxy = sxx + c * c, syy + r * r, sxy + c * r
            red, grn, blu = float(rgb[r, c, 0]), float(rgb[r, c, 1]), float(rgb[r, c, 2])
            green += 2.0 * grn - red - blu
            level += red + grn + blu
            for k in range(4):
                nr, nc = r + (k == 0) - (k == 1), c + (k == 2) - (k == 3)
                if 0 <= nr < rows and 0 <= nc < columns and not seen[nr, nc]:
                    seen[nr, nc] = 1
                    stack[size] = nr * columns + nc
                    size += 1
        area = size * cell_m * cell_m
        if area < 45.0 or area > 6000.0 or green / size > 14.0 or level / size < 130.0:
            continue
        mx, my = sx / size, sy / size
        vx, vy, vxy = sxx / size - mx * mx, syy / size - my * my, sxy / size - mx * my
        spread = math.sqrt(max(0.0, (vx - vy) ** 2 + 4.0 * vxy * vxy))
        major, minor = (vx + vy + spread) / 2.0, max(0.05, (vx + vy - spread) / 2.0)
        # A filled rectangle has area 12 sqrt(major minor); long thin regions are streets.
        if size / (12.0 * math.sqrt(major * minor)) < 0.62 or major / minor > 14.0:
            continue
        top = 3.5 + 6.0 * hash_unit(seed, start, 3) + (7.0 if area > 900.0 else 0.0)
        for k in range(size):
            height[stack[k] // columns, stack[k] % columns] = top


def _box_mean(grid: F32, reach: int) -> F32:
    """Mean over a square of side 2 reach + 1, edges repeated."""
    side = 2 * reach + 1
    total = np.pad(grid.astype(np.float64), ((reach + 1, reach), (reach + 1, reach)), mode="edge")
    total = total.cumsum(axis=0).cumsum(axis=1)
    inner = total[side:, side:] - total[:-side, side:] - total[side:, :-side]
    return ((inner + total[:-side, :-side]) / side**2).astype(np.float32)


def _leafy(rgb: U8) -> NDArray[np.bool_]:
    red, green, blue = (rgb[..., band].astype(np.float32) for band in range(3))
    result: NDArray[np.bool_] = (green > 1.02 * red) & (green > 1.05 * blue)
    return result


@numba.njit(cache=True)
def _trees(share: F32, cell_m: float, seed: int, height: F32) -> None:
    """Raise crowns where leaves fill their surroundings; thin lines stay low."""
    rows, columns = share.shape
    for r in range(rows):
        for c in range(columns):
            if share[r, c] > 0.35 and height[r, c] == 0.0:
                top = 3.0 + 7.0 * value_noise(seed, c * cell_m / 5.0, r * cell_m / 5.0)
                height[r, c] = top * min(1.0, (share[r, c] - 0.35) / 0.4)


def guess_heights(rgb: U8, cell_m: float, seed: int) -> F32:
    """Plausible heights above ground (metres) of an orthophoto [H, W, 3]."""
    grey = rgb.astype(np.float32).mean(axis=2)
    smooth = _box_mean(grey, 1)
    height = np.zeros(grey.shape, np.float32)
    for limit in _EDGES:
        edge = (height > 0).astype(np.uint8)
        _edges(smooth, limit, edge)
        _regions(edge, rgb, cell_m, seed, height)
    rough = _box_mean(np.abs(grey - smooth), 2)
    crown = (_leafy(rgb) & (smooth < 92.0) & (rough > 3.0)).astype(np.float32)
    _trees(_box_mean(crown, max(1, round(1.3 / cell_m))), cell_m, seed, height)
    return height


def side_codes(rgb: U8, height_m: F32) -> I32:
    """What the sides of raised cells look like: `TREE` where the top is green, else `WALL`."""
    code = np.where(_leafy(rgb), TREE, WALL).astype(np.int32)
    return np.where(height_m > 1.0, code, np.int32(-1)).astype(np.int32)
