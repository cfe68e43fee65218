"""A gap-free map of a user's own mesh, with named drone flights over it, as `render-map` makes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.world.chance import RandomStream
from training.world.mesh.appearance import Appearance, draw_appearance
from training.world.mesh.fly_jobs import FlySettings
from training.world.mesh.scene import MeshScene, open_scene
from training.world.output.jobs import MapPartJob, map_parts, write_map_part
from training.world.output.view import View
from training.world.rendering.camera import Camera, aimed
from training.world.rendering.sensor import draw_sensor
from training.world.synthetic.area_jobs import AreaSettings, flight_camera, flight_name, tile_name

_TILE_COVERED = 0.25
_VIEW_COVERED = 0.8
"""Our choice: shares that the mesh fills of a tile and of a view; the rest is left out."""
_FLIGHT_TILE_M = 150.0
"""The flights are made for tiles of this side; over others their heights change in proportion."""
_OTHER_TRIES = 4


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """The map's flights beside how the mesh is flown over."""

    fly: FlySettings
    flights: int = 6
    images_per_flight: int = 84
    overlap: float = 0.0
    """Share of its side that a tile has in common with the next one."""


@dataclass(frozen=True, kw_only=True)
class MapJob(MapPartJob):
    """A part of the mesh's map."""

    pack: Path
    settings: MapSettings
    area: AreaSettings


def map_jobs(out: Path, pack: Path, seed: int, settings: MapSettings) -> list[MapJob]:
    """Return every job of the map, tiles first."""
    fly = settings.fly
    scene = open_scene(pack, fly.splat_m)
    low, high = scene.pack.low_3[:2], scene.pack.high_3[:2]
    columns, rows = (max(1, math.ceil(float(side) / fly.span_m)) for side in high - low)
    middle = (low + high) / 2
    area = AreaSettings(
        columns=columns,
        rows=rows,
        tile_m=fly.span_m,
        overlap=settings.overlap,
        size_px=fly.size_px,
        flights=settings.flights,
        images_per_flight=settings.images_per_flight,
        middle_m=(float(middle[0]), float(middle[1])),
    )
    parts = map_parts(
        len(area.north_m), len(area.east_m), settings.flights, settings.images_per_flight
    )
    return [
        MapJob(out=out, pack=pack, seed=seed, settings=settings, area=area, **part)
        for part in parts
    ]


def run_map_job(job: MapJob) -> int:
    """Render and write the images of one part; return the number of images."""
    return write_map_part(job, _tiles(job) if job.flight < 0 else _flight(job))


def _appearance(job: MapJob, flight: int) -> Appearance:
    """Return the appearance of the whole map (flight -1), or of one flight, which differs."""
    if flight < 0:
        return replace(
            draw_appearance(RandomStream(job.seed, 81), drone=False), coarse=1.0, sharpened=0.0
        )
    return draw_appearance(
        RandomStream(job.seed, 82, flight), drone=True, other=_appearance(job, -1)
    )


def _tiles(job: MapJob) -> Iterator[tuple[str, str, View]]:
    fly, scene, appearance = (
        job.settings.fly,
        open_scene(job.pack, job.settings.fly.splat_m),
        _appearance(job, -1),
    )
    for column in range(job.count):
        middle = (
            job.area.middle_m[0] + job.area.east_m[column],
            job.area.middle_m[1] + job.area.north_m[job.first],
        )
        if scene.relief.square_covered(*middle, fly.span_m) < _TILE_COVERED:
            continue
        grain = RandomStream(job.seed, 83, job.first, column).below(1 << 30)
        own = replace(appearance, sensor=replace(appearance.sensor, seed=grain, jpeg_quality=90))
        name = tile_name(job.first, column)
        view = scene.from_satellite(fly.where, middle, fly.span_m, own, fly.size_px)
        yield f"satellite/{name}.jpg", name, view


def _camera(job: MapJob, scene: MeshScene, k: int) -> Camera | None:
    """Return the pose of image k of the flight; None where the mesh does not fill its view."""
    for attempt in range(_OTHER_TRIES):
        camera = flight_camera(job.seed + attempt, job.area, job.flight, k)
        scale = job.settings.fly.span_m / _FLIGHT_TILE_M
        camera = aimed(
            *camera.ground_point(0.0, 0.0),
            camera.z_m * scale,
            camera.heading_deg + 90.0 * attempt,
            camera.gimbal_pitch_deg,
            camera.field_of_view_deg,
        )
        steps = np.linspace(-0.9, 0.9, 7)
        points = [camera.ground_point(across, along) for across in steps for along in steps]
        if scene.relief.share_covered(np.array(points)) >= _VIEW_COVERED:
            return camera
    return None


def _flight(job: MapJob) -> Iterator[tuple[str, str, View]]:
    fly, scene = job.settings.fly, open_scene(job.pack, job.settings.fly.splat_m)
    name, appearance = flight_name(job.flight), _appearance(job, job.flight)
    for k in range(job.first, job.first + job.count):
        camera = _camera(job, scene, k)
        if camera is None:
            continue
        sensor = draw_sensor(RandomStream(job.seed, 84, job.flight, k), drone=True)
        view, _ = scene.from_drone(
            fly.where, camera, replace(appearance, sensor=sensor), fly.size_px
        )
        row, column = job.area.nearest_tile(*camera.ground_point(0.0, 0.0))
        view = replace(view, flight_id=name)
        yield f"drone/{name}/{k + 1:04d}.jpg", tile_name(row, column), view
