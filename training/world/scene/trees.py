"""Plants trees into a window's grids (see `surface` for their frame)."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, value_noise
from training.world.scene.ground import LEAF

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
TREE_STEP_M = 5.0


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
