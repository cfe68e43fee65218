"""Places of a user's own mesh as a data set: its view from above as tile, drone views about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.world.chance import RandomStream
from training.world.errors import MeshError
from training.world.mesh.appearance import draw_appearance
from training.world.mesh.flights import FREE, FlightRanges, over, preset_over
from training.world.mesh.georeference import Georeference
from training.world.mesh.scene import MeshScene, open_scene
from training.world.output.jobs import PlaceJob
from training.world.output.place_files import save_place, university_files
from training.world.output.view import View

_COVERED = 0.9
"""Our choice: the share of a tile that the mesh fills at least."""
_MISREGISTRATION_M = 3.0
_TEST_SHARE = 0.2

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class FlySettings:
    """How a mesh is cut into places and flown over; metres, degrees, pixels.

    `digest` is that of the mesh's content. `split` is train or test, or both: then the southern
    fifth of the mesh is for testing. `splat_m` is of clouds of points.
    """

    mesh: str
    digest: str
    where: Georeference
    split: str = "train"
    preset: str = FREE
    ranges: FlightRanges = field(default_factory=FlightRanges)
    views: int = 54
    size_px: int = 256
    span_m: float = 160.0
    spacing_m: float = 120.0
    splat_m: float | None = None


@dataclass(frozen=True, kw_only=True)
class FlyJob(PlaceJob):
    """One place of the mesh."""

    pack: Path
    middle_m: Point
    settings: FlySettings


def fly_jobs(out: Path, pack: Path, seed: int, settings: FlySettings, most: int) -> list[FlyJob]:
    """Return the places on a grid that the mesh covers to nine tenths; at most `most` a split.

    They come in an order drawn from the seed, so that more places are the same ones and others.

    Raises:
        MeshError: no place is covered, or not enough for both splits.
    """
    scene = open_scene(pack, settings.splat_m)
    covered = [
        point
        for point in _grid(scene, settings)
        if scene.relief.square_covered(*point, settings.span_m) >= _COVERED
    ]
    if not covered:
        width, depth = (scene.pack.high_3 - scene.pack.low_3)[:2]
        raise MeshError(
            f"{settings.mesh}: {width:.3g} x {depth:.3g} m hold no whole tile of "
            f"{settings.span_m:g} m; use a smaller --span, or give the mesh's --unit"
        )
    order = np.random.default_rng(seed).permutation(len(covered)).tolist()
    splits = _splits([covered[k] for k in order], settings)
    return [
        FlyJob(
            out=out, pack=pack, seed=seed, index=k, split=split, middle_m=middle, settings=settings
        )
        for split, points in splits.items()
        for k, middle in enumerate(points[:most])
    ]


def _grid(scene: MeshScene, settings: FlySettings) -> Iterator[Point]:
    """Yield middles of tiles that lie within the mesh's extent, evenly spread."""
    low, high = scene.pack.low_3[:2], scene.pack.high_3[:2]
    axes = []
    for axis in (0, 1):
        room_m = float(high[axis] - low[axis]) - settings.span_m
        middle = float(low[axis] + high[axis]) / 2
        steps = max(0, int(room_m / settings.spacing_m))
        axes.append(middle + (np.arange(steps + 1) - steps / 2) * settings.spacing_m)
    for y in axes[1][::-1].tolist():
        for x in axes[0].tolist():
            yield x, y


def _splits(points: list[Point], settings: FlySettings) -> dict[str, list[Point]]:
    """Return the points of each split; no tile of one reaches over the other's."""
    if settings.split != "both":
        return {settings.split: points}
    border = float(np.quantile([y for _, y in points], _TEST_SHARE))
    found = {
        "train": [point for point in points if point[1] > border + settings.span_m],
        "test": [point for point in points if point[1] <= border],
    }
    if not all(found.values()):
        raise MeshError(
            f"{settings.mesh}: too small for --split both; use --split train, or another mesh"
        )
    return found


def run_fly_job(job: FlyJob) -> int:
    """Render and write the images of one place; return the number of images."""
    files = university_files(job.split, job.place_id, list(_views(job)))
    return save_place(job.out, job.place_id, files, "", job.split, job.done_file)


def _views(job: FlyJob) -> Iterator[View]:
    settings, scene = job.settings, open_scene(job.pack, job.settings.splat_m)
    rng = RandomStream(job.seed, 71, job.index, 1 if job.split == "test" else 0)
    tile_appearance = draw_appearance(rng, drone=False)
    off_m = tuple(_MISREGISTRATION_M * rng.between(-1, 1) for _ in range(2))
    yield scene.from_satellite(
        settings.where,
        job.middle_m,
        settings.span_m,
        tile_appearance,
        settings.size_px,
        (off_m[0], off_m[1]),
    )
    if settings.preset == FREE:
        cameras = [
            over(scene.relief, job.middle_m, settings.span_m, settings.ranges, rng)
            for _ in range(settings.views)
        ]
    else:
        cameras = preset_over(settings.preset, settings.views, job.middle_m, settings.span_m, rng)
    for camera in cameras:
        appearance = draw_appearance(rng, drone=True, other=tile_appearance)
        yield scene.from_drone(settings.where, camera, appearance, settings.size_px)[0]
