"""Paints the ground of a window: colour, material, tree cover, parked cars and lots.

Grids are [row, column] with row 0 in the south; cell (r, c) covers world
x = (ix0 + c .. + 1) * cell_m, y = (iy0 + r .. + 1) * cell_m. Every cell depends only on the seed
and its own world coordinate.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, river_distance_m, value_noise, warp
from training.world.ground import PAVED, grass, lot_ground, road, water

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]


@numba.njit(cache=True)
def _line_below(lines: F64, value: float) -> int:
    k = 0
    while k + 2 < lines.shape[0] and lines[k + 1] <= value:
        k += 1
    return k


@numba.njit(cache=True)
def _walk(nodes: F64, root: int, p: float, q: float) -> tuple[int, float, float, float, int]:
    """Descend the split tree: lot, nearest street's signed offset, half width, along, node."""
    node = root
    while node >= 0:
        axis = int(nodes[node, 0])
        half = nodes[node, 2] * 0.5
        offset = (p if axis == 0 else q) - nodes[node, 1]
        if half > 0.0 and abs(offset) < half + 2.2:
            return -1, offset, half, (q if axis == 0 else p), node
        node = int(nodes[node, 3]) if offset < 0.0 else int(nodes[node, 4])
    return -1 - node, 0.0, 0.0, 0.0, 0


@numba.njit(cache=True)
def _sidewalk(
    seed: int, x: float, y: float, along: float
) -> tuple[float, float, float, int, float, int]:
    k = 0.94 if along % 2.0 < 0.25 else 1.0
    k *= 168.0 + 14.0 * value_noise(seed, x * 0.4, y * 0.4)
    return k, k * 0.98, k * 0.94, PAVED, 0.16, 0


@numba.njit(cache=True)
def ground_at(
    seed: int,
    x: float,
    y: float,
    lu: F64,
    lv: F64,
    hu: F64,
    hv: F64,
    cells: F64,
    nodes: F64,
    lots: F64,
    lot_seed: I32,
) -> tuple[float, float, float, int, float, int]:
    """The ground at world (x, y), see `ground.Ground`; lot_seed[0] becomes the lot's, or -1."""
    lot_seed[0] = -1
    u, v = warp(seed, x, y)
    i, j = _line_below(lu, u), _line_below(lv, v)
    ku = i if u - lu[i] < lu[i + 1] - u else i + 1
    kv = j if v - lv[j] < lv[j + 1] - v else j + 1
    du, dv = u - lu[ku], v - lv[kv]
    if abs(du) < hu[ku] and (abs(dv) >= hv[kv] or hu[ku] >= hv[kv]):
        return road(seed, du, v if abs(dv) > hv[kv] else 5.0, hu[ku], x, y)
    if abs(dv) < hv[kv]:
        return road(seed, dv, u if abs(du) > hu[ku] else 5.0, hv[kv], x, y)
    river = river_distance_m(seed, x, y)
    if river < 0.0:
        return water(seed, x, y)
    if abs(du) < hu[ku] + 2.6 or abs(dv) < hv[kv] + 2.6:
        return _sidewalk(seed, x, y, u + v)
    if river < 7.0:
        r, g, b, material, _, _ = grass(seed, x, y, 0.4)
        return r, g, b, material, 0.3, 0
    cell = cells[j, i]
    p = cell[2] * (u - cell[0]) + cell[3] * (v - cell[1])
    q = -cell[3] * (u - cell[0]) + cell[2] * (v - cell[1])
    lot, offset, half, along, node = _walk(nodes, int(cell[4]), p, q)
    if lot < 0:
        if abs(offset) < half:
            return road(seed + int(abs(nodes[node, 1]) * 10.0) % 7, offset, along, half, x, y)
        return _sidewalk(seed, x, y, along)
    row = lots[lot]
    lot_seed[0] = int(row[5])
    return lot_ground(int(row[0]), int(row[5]), p - row[1], q - row[2], row[3], row[4], x, y)


@numba.njit(cache=True, nogil=True)
def paint_ground(
    seed: int,
    ix0: int,
    iy0: int,
    cell_m: float,
    lu: F64,
    lv: F64,
    hu: F64,
    hv: F64,
    cells: F64,
    nodes: F64,
    lots: F64,
    rgb: U8,
    material: U8,
    tree: U8,
    car: U8,
    lot_of: I32,
) -> None:
    """Fill colour, material, tree probability (0-255), car codes and lot seeds of every cell."""
    lot_seed = np.empty(1, np.int32)
    rows, columns = material.shape
    for r in range(rows):
        y = (iy0 + r + 0.5) * cell_m
        for c in range(columns):
            x = (ix0 + c + 0.5) * cell_m
            red, green, blue, kind, cover, code = ground_at(
                seed, x, y, lu, lv, hu, hv, cells, nodes, lots, lot_seed
            )
            grain = 0.93 + 0.14 * hash_unit(seed + 31, ix0 + c, iy0 + r)
            if kind == 4:
                grain = 1.0
            rgb[r, c, 0] = np.uint8(min(255.0, red * grain))
            rgb[r, c, 1] = np.uint8(min(255.0, green * grain))
            rgb[r, c, 2] = np.uint8(min(255.0, blue * grain))
            material[r, c] = kind
            tree[r, c] = np.uint8(cover * 255.0)
            car[r, c] = code
            lot_of[r, c] = lot_seed[0]
