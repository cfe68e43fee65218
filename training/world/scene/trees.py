"""Plants trees into a window on a jittered lattice."""

import math
from typing import NamedTuple

import numba
import numpy as np

from training.world.chance import hash_unit, value_noise
from training.world.scene.window import CROWN, I32, LEAF, Window

_STEP_M = 5.0
"""Side of the lattice: at most one tree stands in each of its squares."""
_CONIFER, _OLIVE, _MID_GREEN = 0.72, 0.5, 0.22
"""A tree's species (0-1) above each of these is a conifer, an olive or a mid-green tree."""


class _Tree(NamedTuple):
    """A tree at world (x, y): the crown's radius and top in metres, and its hue (0-1)."""

    x_m: float
    y_m: float
    radius_m: float
    top_m: float
    species: float
    hue: float


@numba.njit(cache=True)
def _tree(seed: int, i: int, j: int, x: float, y: float, cover: float) -> _Tree:
    """Return the tree of a lattice square; woods (`cover` above 0.6) have wider crowns."""
    size = hash_unit(seed + 53, i, j)
    species = hash_unit(seed + 71, i // 5, j // 5) * 0.5 + hash_unit(seed + 73, i, j) * 0.5
    radius = 1.2 + 3.0 * size * size + (0.9 if cover > 0.6 else 0.0)
    top = radius * (1.7 + 1.1 * hash_unit(seed + 59, i, j))
    if species > _CONIFER:
        radius *= 0.72
    return _Tree(x, y, radius, top, species, hash_unit(seed + 61, i, j))


@numba.njit(cache=True, nogil=True)
def plant_trees(seed: int, window: Window) -> None:
    """Plant trees where the ground allows them, in place."""
    rows, columns = window.height_m.shape
    ix0, iy0, cell_m = window.ix0, window.iy0, window.cell_m
    built = window.part_of.copy()
    i0, i1 = math.floor(ix0 * cell_m / _STEP_M), math.floor((ix0 + columns) * cell_m / _STEP_M)
    j0, j1 = math.floor(iy0 * cell_m / _STEP_M), math.floor((iy0 + rows) * cell_m / _STEP_M)
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            x = (i + hash_unit(seed + 41, i, j)) * _STEP_M
            y = (j + hash_unit(seed + 43, i, j)) * _STEP_M
            c, r = math.floor(x / cell_m) - ix0, math.floor(y / cell_m) - iy0
            if c < 0 or r < 0 or c >= columns or r >= rows or built[r, c] >= 0:
                continue
            cover = window.tree[r, c] / 255.0
            if hash_unit(seed + 47, i, j) < cover:
                _plant(seed, _tree(seed, i, j, x, y, cover), window, built)


@numba.njit(cache=True)
def _leaf_colour(species: float, hue: float) -> tuple[float, float, float]:
    """Return the colour of dark conifers, olive, mid-green or yellowish crowns."""
    if species > _CONIFER:
        return 46.0 + 14.0 * hue, 64.0 + 14.0 * hue, 50.0 + 10.0 * hue
    if species > _OLIVE:
        return 84.0 + 26.0 * hue, 92.0 + 20.0 * hue, 58.0 + 12.0 * hue
    if species > _MID_GREEN:
        return 62.0 + 28.0 * hue, 82.0 + 26.0 * hue, 50.0 + 14.0 * hue
    return 98.0 + 34.0 * hue, 104.0 + 18.0 * hue, 56.0 + 14.0 * hue


@numba.njit(cache=True)
def _plant(seed: int, tree: _Tree, window: Window, built: I32) -> None:
    """Raise a tree's lumpy crown; buildings (0 or more in `built`) keep their cells."""
    rows, columns = window.height_m.shape
    cell_m = window.cell_m
    red, green, blue = _leaf_colour(tree.species, tree.hue)
    reach = int(tree.radius_m * 1.2 / cell_m) + 2
    cc = math.floor(tree.x_m / cell_m) - window.ix0
    cr = math.floor(tree.y_m / cell_m) - window.iy0
    for r in range(max(0, cr - reach), min(rows, cr + reach + 1)):
        dy = (window.iy0 + r + 0.5) * cell_m - tree.y_m
        for c in range(max(0, cc - reach), min(columns, cc + reach + 1)):
            if built[r, c] >= 0:
                continue
            dx = (window.ix0 + c + 0.5) * cell_m - tree.x_m
            px, py = (window.ix0 + c) * cell_m, (window.iy0 + r) * cell_m
            lump = value_noise(seed + 67, px * 0.55, py * 0.55)
            fine = value_noise(seed + 69, px * 1.6, py * 1.6)
            far = (dx * dx + dy * dy) / (tree.radius_m * tree.radius_m)
            far = far + 1.1 * (lump - 0.5) + 0.25 * (fine - 0.5)
            if far >= 1.0:
                continue
            near = max(0.0, 1.0 - max(0.0, far))
            shape = near if tree.species > _CONIFER else math.sqrt(near)
            z = tree.top_m * (0.3 + 0.7 * shape) + 0.8 * (fine - 0.5)
            if z > window.height_m[r, c]:
                window.height_m[r, c] = z
                window.part_of[r, c] = CROWN
                window.material[r, c] = LEAF
                window.car[r, c] = 0
                k = 0.86 + 0.24 * lump + 0.28 * fine
                window.rgb[r, c, 0] = np.uint8(red * k)
                window.rgb[r, c, 1] = np.uint8(green * k)
                window.rgb[r, c, 2] = np.uint8(blue * k)
