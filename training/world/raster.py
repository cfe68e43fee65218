"""Rasterises a window of the world into grids: colour, height, material, parts, parked cars.

Grids are [row, column] with row 0 in the south; cell (r, c) covers world
x = (ix0 + c .. + 1) * cell_m, y = (iy0 + r .. + 1) * cell_m. Every cell depends only on the seed
and its own world coordinate.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, river_distance_m, value_noise, warp
from training.world.ground import GRASS, LEAF, PAVED, ROOF, grass, lot_ground, road, water

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
TREE_STEP_M = 5.0


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
) -> tuple[float, float, float, int, float, int]:
    """The ground at world (x, y): see `ground.Ground`."""
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
            return road(seed + node % 7, offset, along, half, x, y)
        return _sidewalk(seed, x, y, along)
    row = lots[lot]
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
) -> None:
    """Fill colour, material, tree probability (0-255) and car codes of every grid cell."""
    rows, columns = material.shape
    for r in range(rows):
        y = (iy0 + r + 0.5) * cell_m
        for c in range(columns):
            x = (ix0 + c + 0.5) * cell_m
            red, green, blue, kind, cover, code = ground_at(
                seed, x, y, lu, lv, hu, hv, cells, nodes, lots
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


@numba.njit(cache=True)
def _roof(roof: int, a: float, b: float, ha: float, hb: float, eave: float, rise: float) -> float:
    """Height of the roof at (a, b) of the part's frame; below zero outside the footprint."""
    if abs(a) > ha or abs(b) > hb:
        return -1.0
    if roof == 4 or roof == 5:
        reach = (a / ha) ** 2 + (b / hb) ** 2
        return -1.0 if reach > 1.0 else eave + rise * math.sqrt(1.0 - reach)
    across, along, half, length = (b, a, hb, ha) if ha >= hb else (a, b, ha, hb)
    if roof == 1:
        return eave + rise * (1.0 - abs(across) / half)
    if roof == 2:
        return eave + rise * min(1.0 - abs(across) / half, (length - abs(along)) / half)
    if roof == 3:
        return eave + rise * ((along + 500.0) % 7.0) / 7.0
    parapet = min(ha - abs(a), hb - abs(b)) < 0.5
    return eave + (0.6 if parapet and ha > 3.0 else 0.0)


@numba.njit(cache=True)
def _roof_shade(part: F64, a: float, b: float) -> tuple[float, float, float]:
    """Factors on the roof colour: tile courses, seams, skylights, solar panels."""
    roof, seed = int(part[8]), int(part[18])
    ha, hb = part[4], part[5]
    across, along = (b, a) if ha >= hb else (a, b)
    k = 1.0
    if roof == 1 or roof == 2:
        k = 0.94 + 0.1 * (0.5 + 0.5 * math.cos(across * 9.0))
        panel = hash_unit(seed, 1, 7)
        half = min(ha, hb)
        if (
            panel < 0.14
            and across > 0.15 * half
            and across < 0.8 * half
            and abs(along) < max(ha, hb) * 0.5
        ):
            line = 0.6 if along % 1.6 < 0.2 else 1.0
            return 40.0 * line / part[9], 52.0 * line / part[10], 84.0 * line / part[11]
    elif part[15] == 3 and min(ha, hb) > 4.0:
        k = 0.96 if along % 2.2 < 0.35 else 1.0
        if (
            hash_unit(seed, 1, 8) < 0.5
            and along % 9.0 < 1.4
            and abs(across) > 2.0
            and abs(across) < min(ha, hb) * 0.75
        ):
            k = 1.28
    else:
        k = 0.9 + 0.2 * value_noise(seed, a * 0.25, b * 0.25)
        if (
            min(ha, hb) > 7.0
            and hash_unit(seed, 1, 9) < 0.3
            and abs(along) < max(ha, hb) * 0.7
            and abs(across) < min(ha, hb) * 0.7
        ) and (across + 300.0) % 3.2 < 1.7:
            return 44.0 / part[9], 54.0 / part[10], 84.0 / part[11]
    return k, k, k


@numba.njit(cache=True, nogil=True)
def raise_parts(
    parts: F64,
    ix0: int,
    iy0: int,
    cell_m: float,
    height: F32,
    rgb: U8,
    material: U8,
    part_of: NDArray[np.int32],
    car: U8,
) -> None:
    """Raise every building part; where two overlap the higher one stays."""
    rows, columns = height.shape
    for n in range(parts.shape[0]):
        row = parts[n]
        cos, sin, ha, hb = row[2], row[3], row[4], row[5]
        ex, ey = abs(cos) * ha + abs(sin) * hb, abs(sin) * ha + abs(cos) * hb
        c0, c1 = (
            max(0, int((row[0] - ex) / cell_m - ix0)),
            min(columns, int((row[0] + ex) / cell_m - ix0) + 2),
        )
        r0, r1 = (
            max(0, int((row[1] - ey) / cell_m - iy0)),
            min(rows, int((row[1] + ey) / cell_m - iy0) + 2),
        )
        for r in range(r0, r1):
            y = (iy0 + r + 0.5) * cell_m - row[1]
            for c in range(c0, c1):
                x = (ix0 + c + 0.5) * cell_m - row[0]
                a, b = cos * x + sin * y, cos * y - sin * x
                z = _roof(int(row[8]), a, b, ha, hb, row[6], row[7])
                if z > height[r, c]:
                    height[r, c] = z
                    part_of[r, c] = n
                    material[r, c] = ROOF
                    car[r, c] = 0
                    kr, kg, kb = _roof_shade(row, a, b)
                    grain = 0.95 + 0.1 * hash_unit(37, ix0 + c, iy0 + r)
                    rgb[r, c, 0] = np.uint8(min(250.0, row[9] * kr * grain))
                    rgb[r, c, 1] = np.uint8(min(250.0, row[10] * kg * grain))
                    rgb[r, c, 2] = np.uint8(min(250.0, row[11] * kb * grain))


@numba.njit(cache=True, nogil=True)
def plant_trees(
    seed: int,
    ix0: int,
    iy0: int,
    cell_m: float,
    tree: U8,
    height: F32,
    rgb: U8,
    material: U8,
    part_of: NDArray[np.int32],
    car: U8,
) -> None:
    """Plant trees on a jittered lattice where the ground allows them."""
    rows, columns = height.shape
    ground_part = part_of.copy()
    i0, i1 = (
        math.floor(ix0 * cell_m / TREE_STEP_M),
        math.floor((ix0 + columns) * cell_m / TREE_STEP_M),
    )
    j0, j1 = (
        math.floor(iy0 * cell_m / TREE_STEP_M),
        math.floor((iy0 + rows) * cell_m / TREE_STEP_M),
    )
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            x = (i + hash_unit(seed + 41, i, j)) * TREE_STEP_M
            y = (j + hash_unit(seed + 43, i, j)) * TREE_STEP_M
            c, r = math.floor(x / cell_m) - ix0, math.floor(y / cell_m) - iy0
            if c < 0 or r < 0 or c >= columns or r >= rows or ground_part[r, c] >= 0:
                continue
            cover = tree[r, c] / 255.0
            if hash_unit(seed + 47, i, j) >= cover:
                continue
            size = hash_unit(seed + 53, i, j)
            species = hash_unit(seed + 71, i // 5, j // 5) * 0.5 + hash_unit(seed + 73, i, j) * 0.5
            radius = 1.2 + 3.0 * size * size + (0.9 if cover > 0.6 else 0.0)
            top = radius * (1.7 + 1.1 * hash_unit(seed + 59, i, j))
            if species > 0.72:
                radius *= 0.72
            hue = hash_unit(seed + 61, i, j)
            _crown(
                seed,
                x,
                y,
                radius,
                top,
                hue,
                species,
                ix0,
                iy0,
                cell_m,
                height,
                rgb,
                material,
                part_of,
                ground_part,
                car,
            )


@numba.njit(cache=True)
def _leaf_colour(species: float, hue: float) -> tuple[float, float, float]:
    """Dark conifers, olive, mid green or yellowish crowns."""
    if species > 0.72:
        return 46.0 + 14.0 * hue, 64.0 + 14.0 * hue, 50.0 + 10.0 * hue
    if species > 0.5:
        return 84.0 + 26.0 * hue, 92.0 + 20.0 * hue, 58.0 + 12.0 * hue
    if species > 0.22:
        return 62.0 + 28.0 * hue, 82.0 + 26.0 * hue, 50.0 + 14.0 * hue
    return 98.0 + 34.0 * hue, 104.0 + 18.0 * hue, 56.0 + 14.0 * hue


@numba.njit(cache=True)
def _crown(
    seed: int,
    x: float,
    y: float,
    radius: float,
    top: float,
    hue: float,
    species: float,
    ix0: int,
    iy0: int,
    cell_m: float,
    height: F32,
    rgb: U8,
    material: U8,
    part_of: NDArray[np.int32],
    ground_part: NDArray[np.int32],
    car: U8,
) -> None:
    rows, columns = height.shape
    red, green, blue = _leaf_colour(species, hue)
    reach = int(radius * 1.2 / cell_m) + 2
    cc, cr = math.floor(x / cell_m) - ix0, math.floor(y / cell_m) - iy0
    for r in range(max(0, cr - reach), min(rows, cr + reach + 1)):
        dy = (iy0 + r + 0.5) * cell_m - y
        for c in range(max(0, cc - reach), min(columns, cc + reach + 1)):
            if ground_part[r, c] >= 0:
                continue
            dx = (ix0 + c + 0.5) * cell_m - x
            px, py = (ix0 + c) * cell_m, (iy0 + r) * cell_m
            lump = value_noise(seed + 67, px * 0.55, py * 0.55)
            fine = value_noise(seed + 69, px * 1.6, py * 1.6)
            far = (dx * dx + dy * dy) / (radius * radius) + 1.1 * (lump - 0.5) + 0.25 * (fine - 0.5)
            if far >= 1.0:
                continue
            near = max(0.0, 1.0 - max(0.0, far))
            shape = near if species > 0.72 else math.sqrt(near)
            z = top * (0.3 + 0.7 * shape) + 0.8 * (fine - 0.5)
            if z > height[r, c]:
                height[r, c] = z
                part_of[r, c] = -2
                material[r, c] = LEAF
                car[r, c] = 0
                k = 0.86 + 0.24 * lump + 0.28 * fine
                rgb[r, c, 0] = np.uint8(red * k)
                rgb[r, c, 1] = np.uint8(green * k)
                rgb[r, c, 2] = np.uint8(blue * k)


__all__ = ["GRASS", "ground_at", "paint_ground", "plant_trees", "raise_parts"]
