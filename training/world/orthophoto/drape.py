"""Drone views of an orthophoto laid over heights: parallax and façades for real imagery."""

from dataclasses import dataclass

import numpy as np

from training.world.orthophoto.guessed_heights import side_codes
from training.world.plan.arrays import PART
from training.world.rendering.camera import Camera
from training.world.rendering.raymarch import drone_view
from training.world.scene.light import Light
from training.world.scene.scene import LitScene, Scene
from training.world.scene.shadow import shadow_height
from training.world.scene.window import F32, U8, coarse_max


@dataclass(frozen=True, kw_only=True)
class Drape:
    """An orthophoto ready for drone views; its middle is world point (0, 0)."""

    lit: LitScene


def drape(
    rgb: U8, gsd_m: float, *, height_m: F32 | None = None, light: Light | None = None
) -> Drape:
    """Return a north-up orthophoto [H, W, 3] over heights [H, W] (metres above ground; None: flat).

    The photo keeps its own light and shadows; `light` only tints its walls. Beyond its edges the
    photo is mirrored.
    """
    photo = np.ascontiguousarray(rgb[::-1])
    if height_m is None:
        height: F32 = np.zeros(photo.shape[:2], np.float32)
    else:
        height = np.ascontiguousarray(height_m[::-1], dtype=np.float32)
    chosen = light or Light()
    rows, columns = height.shape
    scene = Scene(
        seed=0,
        ix0=-(columns // 2),
        iy0=-(rows // 2),
        cell_m=gsd_m,
        rgb=photo,
        height_m=height,
        material=np.zeros(height.shape, np.uint8),
        part_of=side_codes(photo, height),
        car=np.zeros(height.shape, np.uint8),
        parts=np.zeros(0, PART),
    )
    shadow = shadow_height(height, scene.ix0, scene.iy0, gsd_m, chosen)
    return Drape(
        lit=LitScene(
            scene=scene,
            light=chosen,
            rgb=photo,
            height_m=height,
            shadow_m=shadow,
            coarse_m=coarse_max(height),
        )
    )


def draped_view(
    draped: Drape, camera: Camera, size_px: int, *, haze_per_m: float = 2e-4, supersample: int = 2
) -> F32:
    """Return the view of `camera` (metres about the photo's middle): float32 [S, S, 3], 0-255."""
    return drone_view(draped.lit, camera, size_px, supersample=supersample, haze_per_m=haze_per_m)
