"""Paints the ground of a window: colour, material, tree cover, parked cars and lots.

Grids are [row, column] with row 0 in the south; cell (r, c) covers world
x = (ix0 + c .. + 1) * cell_m, y = (iy0 + r .. + 1) * cell_m. Every cell depends only on the seed
and its own world coordinate.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, river_distance_m, value_noise, warp
from training.world.scene.ground import PAVED, grass, lot_ground, road, water

FAR_M = 1e9
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
def _walk(
    nodes: F64, root: int, p: float, q: float
) -> tuple[int, float, float, float, int, float, float]:
    """Descend the split tree: lot, street's signed offset, half width, along, node, gap, bound.

    A street that ends at a wider one crosses its pavement; `gap` and `bound` are the street's
    distance to that junction and the side that drives towards it.
    """
    node, found = root, -1
    off, wide, run = 0.0, 0.0, 0.0
    gap_p, gap_q, bound_p, bound_q = FAR_M, FAR_M, 0.0, 0.0
    while node >= 0:
        axis = int(nodes[node, 0])
        half = nodes[node, 2] * 0.5
        offset = (p if axis == 0 else q) - nodes[node, 1]
        if half > 0.0:
            distance = abs(offset) - half
            if distance < 0.0 or (distance < 2.2 and found < 0):
                off, wide, run, found = offset, half, (q if axis == 0 else p), node
                if distance < 0.0 and axis == 0:
                    return -1, off, wide, run, node, gap_q, bound_q
                if distance < 0.0:
                    return -1, off, wide, run, node, gap_p, bound_p
            if axis == 0 and distance < gap_p:
                gap_p, bound_p = distance, (1.0 if offset > 0.0 else -1.0)
            elif axis == 1 and distance < gap_q:
                gap_q, bound_q = distance, (-1.0 if offset > 0.0 else 1.0)
        node = int(nodes[node, 3]) if offset < 0.0 else int(nodes[node, 4])
    if found >= 0:
        return -1, off, wide, run, found, FAR_M, 0.0
    return -1 - node, 0.0, 0.0, 0.0, 0, FAR_M, 0.0


@numba.njit(cache=True)
def _bound(axis: int, cos: float, sin: float, du: float, dv: float, is_u: bool) -> float:
    """The side of a cell's street (by its offset's sign) that drives towards a main road."""
    if axis == 0:
        away = (-sin if du > 0.0 else sin) if is_u else (cos if dv > 0.0 else -cos)
        return -1.0 if away > 0.0 else 1.0
    away = (cos if du > 0.0 else -cos) if is_u else (sin if dv > 0.0 else -sin)
    return 1.0 if away > 0.0 else -1.0


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
    """The ground at world (x, y), see `ground.Ground`; lot_seed[0] becomes its lot's, or -1."""
    lot_seed[0] = -1
    u, v = warp(seed, x, y)
    i, j = _line_below(lu, u), _line_below(lv, v)
    ku = i if u - lu[i] < lu[i + 1] - u else i + 1
    kv = j if v - lv[j] < lv[j + 1] - v else j + 1
    du, dv = u - lu[ku], v - lv[kv]
    gap_u, gap_v = abs(du) - hu[ku], abs(dv) - hv[kv]
    if gap_u < 0.0 and (gap_v >= 0.0 or hu[ku] >= hv[kv]):
        return road(seed, du, v, hu[ku], x, y, gap_v, -1.0 if dv > 0.0 else 1.0)
    if gap_v < 0.0:
        return road(seed, dv, u, hv[kv], x, y, gap_u, 1.0 if du > 0.0 else -1.0)
    river = river_distance_m(seed, x, y)
    if river < 0.0:
        return water(seed, x, y)
    is_pavement = gap_u < 2.6 or gap_v < 2.6
    if river < 1.2 and not is_pavement:
        k = 92.0 + 24.0 * value_noise(seed, x * 0.4, y * 0.4)
        return k, k * 0.95, k * 0.82, PAVED, 0.0, 0
    if river < 7.0 and not is_pavement:
        r, g, b, material, _, _ = grass(seed, x, y, 0.4)
        return r, g, b, material, 0.3, 0
    cell = cells[j, i]
    p = cell[2] * (u - cell[0]) + cell[3] * (v - cell[1])
    q = -cell[3] * (u - cell[0]) + cell[2] * (v - cell[1])
    lot, offset, half, along, node, gap, bound = _walk(nodes, int(cell[4]), p, q)
    if lot < 0 and abs(offset) < half and (river > 7.0 or not is_pavement):
        axis = int(nodes[node, 0])
        slant = abs(cell[3]) if (gap_u < gap_v) == (axis == 0) else abs(cell[2])
        edge = min(gap_u, gap_v)
        if edge < 11.0 and edge < gap:
            gap, bound = edge, 0.0
            if slant > 0.75:
                bound = _bound(axis, cell[2], cell[3], du, dv, gap_u < gap_v)
        tone = seed + int(abs(nodes[node, 1]) * 10.0) % 7
        if not is_pavement or slant > 0.4:
            return road(tone, offset, along, half, x, y, gap, bound)
    if lot < 0 and half < 3.0 and not is_pavement:
        return grass(seed, x, y, 0.5)
    if is_pavement or lot < 0:
        return _sidewalk(seed, x, y, u + v if is_pavement else along)
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
