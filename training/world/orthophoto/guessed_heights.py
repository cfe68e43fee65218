"""Heights above ground guessed from a user's orthophoto.

Compact, evenly coloured regions are raised as buildings, and rough dark green ones as trees. The
heights are plausible, not true: they give a network parallax and façades to learn from.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, value_noise
from training.world.scene.window import CROWN, F32, I32, NO_PART, PLAIN_WALL, U8

_EDGES = (26.0, 18.0, 12.0)
"""Our choice: steps of brightness (0-255) between a roof and its surroundings, largest first."""


@numba.njit(cache=True)
def _edges(grey: F32, limit: float, out: U8) -> None:
    rows, columns = grey.shape
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            gx = grey[r, c + 1] - grey[r, c - 1]
            gy = grey[r + 1, c] - grey[r - 1, c]
            if gx * gx + gy * gy > limit * limit:
                out[r, c] = 1


class _Region(NamedTuple):
    """One flooded region: its size, and means over its cells."""

    size: int
    greenness: float
    """Twice green, less red and blue (0-255)."""
    brightness: float
    """Sum of red, green and blue."""
    major: float
    """Variance along its longest axis, cells squared."""
    minor: float


@numba.njit(cache=True)
def _flood(rgb: U8, visited: U8, stack: NDArray[np.int64]) -> _Region:
    """Flood from the cell in `stack[0]` to unvisited neighbours; `stack` then holds the region."""
    rows, columns = visited.shape
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
            if 0 <= nr < rows and 0 <= nc < columns and not visited[nr, nc]:
                visited[nr, nc] = 1
                stack[size] = nr * columns + nc
                size += 1
    mx, my = sx / size, sy / size
    vx, vy, vxy = sxx / size - mx * mx, syy / size - my * my, sxy / size - mx * my
    spread = math.sqrt(max(0.0, (vx - vy) ** 2 + 4.0 * vxy * vxy))
    major, minor = (vx + vy + spread) / 2.0, max(0.05, (vx + vy - spread) / 2.0)
    return _Region(size, green / size, level / size, major, minor)


@numba.njit(cache=True)
def _is_roof(region: _Region, area_m2: float) -> bool:
    """Return whether a region looks like a roof: of a house's size, bright, compact, not green."""
    if not 45.0 <= area_m2 <= 6000.0 or region.greenness > 14.0 or region.brightness < 130.0:
        return False
    # A filled rectangle has area 12 sqrt(major minor); long thin regions are streets.
    filled = region.size / (12.0 * math.sqrt(region.major * region.minor))
    return filled >= 0.62 and region.major / region.minor <= 14.0


@numba.njit(cache=True)
def _raise_roofs(edge: U8, rgb: U8, cell_m: float, seed: int, height: F32) -> None:
    """Raise the regions between edges that look like a roof, in place."""
    rows, columns = edge.shape
    visited = edge.copy()
    stack = np.empty(rows * columns, np.int64)
    for start in range(rows * columns):
        if visited[start // columns, start % columns]:
            continue
        visited[start // columns, start % columns] = 1
        stack[0] = start
        region = _flood(rgb, visited, stack)
        area_m2 = region.size * cell_m * cell_m
        if not _is_roof(region, area_m2):
            continue
        top = 3.5 + 6.0 * hash_unit(seed, start, 3) + (7.0 if area_m2 > 900.0 else 0.0)
        for k in range(region.size):
            height[stack[k] // columns, stack[k] % columns] = top


def _box_mean(grid: F32, reach: int) -> F32:
    """Return the mean over a square of side 2 reach + 1, edges repeated."""
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
    """Return plausible heights above ground (metres) of an orthophoto [H, W, 3]."""
    grey = rgb.astype(np.float32).mean(axis=2)
    smooth = _box_mean(grey, 1)
    height = np.zeros(grey.shape, np.float32)
    for limit in _EDGES:
        edge = (height > 0).astype(np.uint8)
        _edges(smooth, limit, edge)
        _raise_roofs(edge, rgb, cell_m, seed, height)
    rough = _box_mean(np.abs(grey - smooth), 2)
    crown = (_leafy(rgb) & (smooth < 92.0) & (rough > 3.0)).astype(np.float32)
    _trees(_box_mean(crown, max(1, round(1.3 / cell_m))), cell_m, seed, height)
    return height


def side_codes(rgb: U8, height_m: F32) -> I32:
    """Return a scene's `part_of`: raised cells are CROWN where they are green, else PLAIN_WALL."""
    code = np.where(_leafy(rgb), CROWN, PLAIN_WALL).astype(np.int32)
    return np.where(height_m > 1.0, code, np.int32(NO_PART)).astype(np.int32)
