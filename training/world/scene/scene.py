"""A window of the world as grids, and the same window under one light and season."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.world.plan.arrays import Records, gather
from training.world.scene.cars import add_cars
from training.world.scene.light import Light, Surface, shade
from training.world.scene.paint_ground import paint_ground
from training.world.scene.roofs import raise_parts
from training.world.scene.shadow import shadow_height
from training.world.scene.textures import TextureBank, lay_textures
from training.world.scene.trees import plant_trees
from training.world.scene.window import coarse_max, empty_window

CELL_SIZE_M = 0.35
"""Our choice: a drone pixel spans 0.4-1 m at the presets' ranges, so no cell shows as a block."""
_PAD_CELLS = 24
"""Crowns reach at most 8 m over the window's edge."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Grids [row, column], row 0 in the south; origin (ix0, iy0) in whole cells of `cell_m`."""

    seed: int
    ix0: int
    iy0: int
    cell_m: float
    rgb: NDArray[np.uint8]
    height_m: NDArray[np.float32]
    material: NDArray[np.uint8]
    part_of: NDArray[np.int32]
    """Number in `parts` of the part that a cell shows, or a code (see `window`)."""
    car: NDArray[np.uint8]
    parts: Records


@dataclass(frozen=True, kw_only=True)
class LitScene:
    """A scene under one light: colours from above, heights with cars, and shadow heights."""

    scene: Scene
    light: Light
    rgb: NDArray[np.uint8]
    height_m: NDArray[np.float32]
    shadow_m: NDArray[np.float32]
    coarse_m: NDArray[np.float32]


def build_scene(
    seed: int,
    x_m: float,
    y_m: float,
    half_extent_m: float,
    cell_m: float = CELL_SIZE_M,
    textures: TextureBank | None = None,
) -> Scene:
    """Return the world within `half_extent_m` of world point (x, y) on each axis, metres."""
    n = 2 * math.ceil(half_extent_m / cell_m)
    ix0 = math.floor(x_m / cell_m) - n // 2 - _PAD_CELLS
    iy0 = math.floor(y_m / cell_m) - n // 2 - _PAD_CELLS
    size = n + 2 * _PAD_CELLS
    plan = gather(seed, ix0 * cell_m, iy0 * cell_m, (ix0 + size) * cell_m, (iy0 + size) * cell_m)
    window = empty_window(ix0, iy0, size, cell_m)
    paint_ground(plan, window)
    raise_parts(plan.parts, window)
    plant_trees(seed, window)
    if textures is not None:
        lay_textures(textures, plan.parts, window)
    inner = slice(_PAD_CELLS, size - _PAD_CELLS)
    return Scene(
        seed=seed,
        ix0=ix0 + _PAD_CELLS,
        iy0=iy0 + _PAD_CELLS,
        cell_m=cell_m,
        rgb=np.ascontiguousarray(window.rgb[inner, inner]),
        height_m=np.ascontiguousarray(window.height_m[inner, inner]),
        material=np.ascontiguousarray(window.material[inner, inner]),
        part_of=np.ascontiguousarray(window.part_of[inner, inner]),
        car=np.ascontiguousarray(window.car[inner, inner]),
        parts=plan.parts,
    )


def light_scene(scene: Scene, light: Light) -> LitScene:
    """Return the scene under `light`, with the cars of its epoch."""
    rgb, height = scene.rgb.copy(), scene.height_m.copy()
    add_cars(scene.car, light.epoch, rgb, height)
    shadow = shadow_height(height, scene.ix0, scene.iy0, scene.cell_m, light)
    surface = Surface(
        rgb=rgb,
        material=scene.material,
        height_m=height,
        shadow_m=shadow,
        cell_m=scene.cell_m,
    )
    return LitScene(
        scene=scene,
        light=light,
        rgb=shade(surface, light),
        height_m=height,
        shadow_m=shadow,
        coarse_m=coarse_max(height),
    )
