"""Helsinki: one provider's orthophoto as tiles, views of another's coloured point cloud.

The two differ in year, season, sun and sensor, as a drone photo and a map do.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.geo import offset
from training.dev_set.images import SEED, SIDE_PX, Shown
from training.world.chance import RandomStream
from training.world.orthophoto.point_cloud import PointCloud, splat
from training.world.rendering.camera import Camera, aimed

TILE_M = 60.0
"""Our choice: a little more ground than the views show."""
STEP_M = 30.0
VIEWS = 30

WIDE_TILE_M = 75.0
WIDE_STEP_M = 35.0
"""Our choice: six tiles by six of an orthophoto of 250 m reach all of its edges."""
WIDE_PITCHES_DEG = (-90.0, -75.0, -60.0, -45.0)
WIDE_VIEWS = 6
"""Views from each of these pitches."""

_ORTHO_GSD_M = 0.5
_POINT_M = 0.3


@dataclass(frozen=True, kw_only=True)
class _Test:
    """Tiles of the orthophotos, and the cameras that look at each place."""

    tile_m: float
    step_m: float
    """From the middle of a tile to that of the next."""
    cameras: Callable[[RandomStream], Iterator[Camera]]
    stream: int
    """Number of the random numbers."""


def helsinki(folder: Path) -> Iterator[Shown]:
    """Yield tiles of every `NAME_ortho.jpg`, and views of every `NAME_cloud.ply`.

    The views are from 55 to 90 m above ground, 45 to 90 degrees down, and show 35 to 55 m. The
    places' coordinates are not published with them: each gets a degree of latitude of its own.
    """
    test = _Test(tile_m=TILE_M, step_m=STEP_M, cameras=_cameras, stream=1)
    yield from _shown(folder, test)


def helsinki_75(folder: Path) -> Iterator[Shown]:
    """Yield tiles of 75 m and views that show 64 to 84 m, as many from each of four pitches.

    They are from 60 to 90 m above ground, at the places of `helsinki`.
    """
    test = _Test(tile_m=WIDE_TILE_M, step_m=WIDE_STEP_M, cameras=_wide_cameras, stream=2)
    yield from _shown(folder, test)


def _shown(folder: Path, test: _Test) -> Iterator[Shown]:
    for number, file in enumerate(sorted(folder.glob("*_cloud.ply"))):
        middle = (60.0 + number, 25.0)
        name = file.name.removesuffix("_cloud.ply")
        with Image.open(folder / f"{name}_ortho.jpg") as opened:
            yield from _tiles(opened.convert("RGB"), name, middle, test)
        cloud = _on_the_ground(PointCloud.read(file))
        for camera in test.cameras(RandomStream(SEED, test.stream, number)):
            east_m, north_m = camera.ground_point(0.0, 0.0)
            yield Shown(
                view="drone",
                place=name,
                position=offset(*middle, north_m, east_m),
                pixels=splat(cloud, camera, SIDE_PX, point_m=_POINT_M),
            )


def _tiles(
    ortho: Image.Image, name: str, middle: tuple[float, float], test: _Test
) -> Iterator[Shown]:
    half_m = (ortho.width * _ORTHO_GSD_M - test.tile_m) / 2
    steps_m = np.arange(-half_m, half_m + 1e-6, test.step_m).tolist()
    side = test.tile_m / _ORTHO_GSD_M
    for north_m in steps_m:
        for east_m in steps_m:
            left, top = (half_m + east_m) / _ORTHO_GSD_M, (half_m - north_m) / _ORTHO_GSD_M
            box = (left, top, left + side, top + side)
            yield Shown(
                view="satellite",
                place=f"{name}_{north_m:.0f}_{east_m:.0f}",
                position=offset(*middle, north_m, east_m),
                pixels=ortho.resize((SIDE_PX,) * 2, Image.Resampling.BICUBIC, box=box),
                ground_m=test.tile_m,
            )


def _on_the_ground(cloud: PointCloud) -> PointCloud:
    """Return a cloud whose ground, below all but a tenth of its points, is at height 0."""
    ground_m = float(np.percentile(cloud.xyz_N3[:, 2], 10))
    lowered_N3 = cloud.xyz_N3 - np.array((0, 0, ground_m), np.float32)
    return PointCloud(xyz_N3=lowered_N3, rgb_N3=cloud.rgb_N3)


def _cameras(rng: RandomStream) -> Iterator[Camera]:
    for _ in range(VIEWS):
        pitch = -90.0 if rng.chance(0.2) else rng.between(-90, -45)
        height_m, seen_m = rng.between(55, 90), rng.between(35, 55)
        yield _camera(rng, pitch, height_m, seen_m, off_m=20)


def _wide_cameras(rng: RandomStream) -> Iterator[Camera]:
    for pitch in WIDE_PITCHES_DEG:
        for _ in range(WIDE_VIEWS):
            height_m, seen_m = rng.between(60, 90), rng.between(64, 84)
            yield _camera(rng, pitch, height_m, seen_m, off_m=12)


def _camera(
    rng: RandomStream, pitch: float, height_m: float, seen_m: float, off_m: float
) -> Camera:
    """Return a camera that shows `seen_m` of ground, aimed at most `off_m` off the middle."""
    slant_m = height_m / math.sin(math.radians(-pitch))
    fov = 2 * math.degrees(math.atan(seen_m / 2 / slant_m))
    east_m, north_m = rng.between(-off_m, off_m), rng.between(-off_m, off_m)
    return aimed(east_m, north_m, height_m, rng.between(0, 360), pitch, fov)
