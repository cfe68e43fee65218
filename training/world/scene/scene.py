"""A window of the world as grids, and the same window under one light and season."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.world.plan.arrays import gather
from training.world.scene.light import Light, add_cars, coarse_max, shade, shadow_height
from training.world.scene.roofs import raise_parts
from training.world.scene.surface import paint_ground
from training.world.scene.textures import TextureBank, lay_textures
from training.world.scene.trees import plant_trees

CELL_SIZE_M = 0.35
"""Ours: a drone pixel spans 0.4-1 m at the presets' ranges: no cell is seen as a block."""
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
    car: NDArray[np.uint8]
    parts: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LitScene:
    """A scene under one light: colours as seen, heights with cars, and the height of shadow."""

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
    """The world within `half_extent_m` (east-west and north-south) of world point (x, y) metres."""
    n = 2 * math.ceil(half_extent_m / cell_m)
    ix0, iy0 = (
        math.floor(x_m / cell_m) - n // 2 - _PAD_CELLS,
        math.floor(y_m / cell_m) - n // 2 - _PAD_CELLS,
    )
    size = n + 2 * _PAD_CELLS
    plan = gather(seed, ix0 * cell_m, iy0 * cell_m, (ix0 + size) * cell_m, (iy0 + size) * cell_m)
    rgb = np.empty((size, size, 3), np.uint8)
    material, tree, car = (np.empty((size, size), np.uint8) for _ in range(3))
    height = np.zeros((size, size), np.float32)
    part_of = np.full((size, size), -1, np.int32)
    lot_of = np.empty((size, size), np.int32)
    paint_ground(
        seed,
        ix0,
        iy0,
        cell_m,
        plan.lines_u,
        plan.lines_v,
        plan.half_u,
        plan.half_v,
        plan.cells,
        plan.nodes,
        plan.lots,
        rgb,
        material,
        tree,
        car,
        lot_of,
    )
    raise_parts(plan.parts, ix0, iy0, cell_m, height, rgb, material, part_of, car)
    plant_trees(seed, ix0, iy0, cell_m, tree, height, rgb, material, part_of, car)
    if textures is not None:
        lay_textures(textures, (ix0, iy0), cell_m, rgb, material, lot_of, part_of, plan.parts)
    inner = slice(_PAD_CELLS, size - _PAD_CELLS)
    return Scene(
        seed=seed,
        ix0=ix0 + _PAD_CELLS,
        iy0=iy0 + _PAD_CELLS,
        cell_m=cell_m,
        rgb=np.ascontiguousarray(rgb[inner, inner]),
        height_m=np.ascontiguousarray(height[inner, inner]),
        material=np.ascontiguousarray(material[inner, inner]),
        part_of=np.ascontiguousarray(part_of[inner, inner]),
        car=np.ascontiguousarray(car[inner, inner]),
        parts=plan.parts,
    )


def light_scene(scene: Scene, light: Light) -> LitScene:
    """The scene under `light`, with the cars of its epoch."""
    rgb, height = scene.rgb.copy(), scene.height_m.copy()
    add_cars(scene.car, light.epoch, rgb, height)
    shadow = shadow_height(height, scene.ix0, scene.iy0, scene.cell_m, light)
    lit = shade(rgb, height, shadow, scene.material, scene.cell_m, light)
    return LitScene(
        scene=scene,
        light=light,
        rgb=lit,
        height_m=height,
        shadow_m=shadow,
        coarse_m=coarse_max(height),
    )
