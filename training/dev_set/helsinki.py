"""Helsinki: one provider's orthophoto as tiles, views of another's coloured point cloud.

The two differ in year, season, sun and sensor, as a drone photo and a map do.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.geo import offset
from training.dev_set.images import SEED, SIDE_PX, Shown
from training.world.chance import RandomStream
from training.world.orthophoto.point_cloud import PointCloud, splat
from training.world.rendering.camera import aimed

TILE_M = 60.0
"""Our choice: a little more ground than the views show; cut at half steps."""
VIEWS = 30
_ORTHO_GSD_M = 0.5
_POINT_M = 0.3


def helsinki(folder: Path) -> Iterator[Shown]:
    """Yield tiles of every `NAME_ortho.jpg`, and views of every `NAME_cloud.ply`.

    The places' coordinates are not published with them: each gets a degree of latitude of its own.
    """
    for number, file in enumerate(sorted(folder.glob("*_cloud.ply"))):
        middle = (60.0 + number, 25.0)
        name = file.name.removesuffix("_cloud.ply")
        with Image.open(folder / f"{name}_ortho.jpg") as opened:
            yield from _tiles(opened.convert("RGB"), name, middle)
        yield from _views(PointCloud.read(file), name, middle, RandomStream(SEED, 1, number))


def _tiles(ortho: Image.Image, name: str, middle: tuple[float, float]) -> Iterator[Shown]:
    half_m, step_m = ortho.width * _ORTHO_GSD_M / 2, TILE_M / 2
    steps_m = np.arange(step_m - half_m, half_m - step_m + 1e-6, step_m).tolist()
    side = TILE_M / _ORTHO_GSD_M
    for north_m in steps_m:
        for east_m in steps_m:
            left = (half_m + east_m - step_m) / _ORTHO_GSD_M
            top = (half_m - north_m - step_m) / _ORTHO_GSD_M
            box = (left, top, left + side, top + side)
            yield Shown(
                view="satellite",
                place=f"{name}_{north_m:.0f}_{east_m:.0f}",
                position=offset(*middle, north_m, east_m),
                pixels=ortho.resize((SIDE_PX,) * 2, Image.Resampling.BICUBIC, box=box),
                ground_m=TILE_M,
            )


def _views(
    cloud: PointCloud, name: str, middle: tuple[float, float], rng: RandomStream
) -> Iterator[Shown]:
    """Yield views from 55 to 90 m above ground, 45 to 90 degrees down, that show 35 to 55 m."""
    ground_m = float(np.percentile(cloud.xyz_N3[:, 2], 10))
    lowered = PointCloud(
        xyz_N3=cloud.xyz_N3 - np.array((0, 0, ground_m), np.float32), rgb_N3=cloud.rgb_N3
    )
    for _ in range(VIEWS):
        pitch = -90.0 if rng.chance(0.2) else rng.between(-90, -45)
        height_m, seen_m = rng.between(55, 90), rng.between(35, 55)
        slant_m = height_m / math.sin(math.radians(-pitch))
        fov = 2 * math.degrees(math.atan(seen_m / 2 / slant_m))
        east_m, north_m = rng.between(-20, 20), rng.between(-20, 20)
        camera = aimed(east_m, north_m, height_m, rng.between(0, 360), pitch, fov)
        yield Shown(
            view="drone",
            place=name,
            position=offset(*middle, north_m, east_m),
            pixels=splat(lowered, camera, SIDE_PX, point_m=_POINT_M),
        )
