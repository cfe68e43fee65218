"""A gap-free map of satellite tiles with named drone flights over it, for galleries and demos."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from training.world.chance import RandomStream
from training.world.output.jobs import MapPartJob, map_parts, write_map_part
from training.world.output.view import View
from training.world.rendering.camera import Camera
from training.world.rendering.sensor import Sensor, draw_sensor
from training.world.rendering.weather import RenderedWeather
from training.world.scene.light import draw_light
from training.world.scene.scene import LitScene, Scene, build_scene, light_scene
from training.world.synthetic.place import expose_drone, expose_satellite

_MARGIN_M = 70.0
"""Our choice: longer than any shadow under the map's sun, so that tiles fit at their edges."""
_FLIGHTS = (
    ("nadir-90", 110.0, -90.0, 62.0),
    ("nadir-140", 140.0, -90.0, 54.0),
    ("oblique-60", 115.0, -60.0, 50.0),
    ("nadir-180", 180.0, -90.0, 46.0),
    ("oblique-70", 150.0, -70.0, 48.0),
    ("oblique-50", 105.0, -50.0, 46.0),
)
"""Name, height above ground (metres), gimbal pitch and horizontal field of view (degrees)."""


@dataclass(frozen=True, kw_only=True)
class AreaSettings:
    """The map's size, in sides of a tile, and its flights; metres and pixels."""

    columns: int = 12
    rows: int = 12
    tile_m: float = 150.0
    overlap: float = 0.0
    """Share of a tile's side that the next tile covers too."""
    size_px: int = 256
    flights: int = 6
    images_per_flight: int = 84
    middle_m: tuple[float, float] = (0.0, 0.0)
    """World x east, y north of the map's middle."""
    cell_m: float = 0.45

    @property
    def east_m(self) -> list[float]:
        """Middles of the tile columns, west to east, metres from the map's middle."""
        return _middles(self.columns, self.tile_m, self.overlap)

    @property
    def north_m(self) -> list[float]:
        """Middles of the tile rows, north to south, metres from the map's middle."""
        return _middles(self.rows, self.tile_m, self.overlap)[::-1]

    def nearest_tile(self, x_m: float, y_m: float) -> tuple[int, int]:
        """Return row and column of the tile nearest to a world point; -1 beyond the map's edge."""

        def nearest(middles: list[float], at_m: float, sides: int) -> int:
            if abs(at_m) > sides * self.tile_m / 2:
                return -1
            return min(range(len(middles)), key=lambda number: abs(middles[number] - at_m))

        east, north = x_m - self.middle_m[0], y_m - self.middle_m[1]
        return nearest(self.north_m, north, self.rows), nearest(self.east_m, east, self.columns)

    @property
    def half_extent_m(self) -> float:
        """Half the side of the square that holds the map and its margin."""
        return max(self.columns, self.rows) * self.tile_m / 2 + _MARGIN_M


def _middles(sides: int, tile_m: float, overlap: float) -> list[float]:
    """Return evenly spread middles of tiles that cover `sides` tile sides and overlap."""
    steps = math.ceil((sides - 1) / (1.0 - overlap) - 1e-9)
    reach_m = (sides - 1) * tile_m
    return [reach_m * (number / steps - 0.5) for number in range(steps + 1)] if steps else [0.0]


@dataclass(frozen=True, kw_only=True)
class AreaJob(MapPartJob):
    """A part of the rendered map."""

    settings: AreaSettings


def area_jobs(out: Path, seed: int, settings: AreaSettings) -> list[AreaJob]:
    """Return every job of the map, tiles first."""
    rows, columns = len(settings.north_m), len(settings.east_m)
    parts = map_parts(rows, columns, settings.flights, settings.images_per_flight)
    return [AreaJob(out=out, seed=seed, settings=settings, **part) for part in parts]


def run_area_job(job: AreaJob) -> int:
    """Render and write the images of one job; return their number."""
    return write_map_part(job, _tiles(job) if job.flight < 0 else _flight(job))


@lru_cache(maxsize=1)
def _scene(seed: int, settings: AreaSettings) -> Scene:
    return build_scene(seed, *settings.middle_m, settings.half_extent_m, settings.cell_m)


@lru_cache(maxsize=1)
def _lit(seed: int, settings: AreaSettings, flight: int) -> LitScene:
    light = draw_light(RandomStream(seed, 31, flight), 0 if flight < 0 else 1)
    if flight < 0:
        light = replace(light, sun_elevation_deg=max(50.0, light.sun_elevation_deg))
    return light_scene(_scene(seed, settings), light)


def tile_name(row: int, column: int) -> str:
    """Return the name of a tile; row 0 is the northernmost, column 0 the westernmost."""
    return f"r{row:02d}c{column:02d}"


def _tiles(job: AreaJob) -> Iterator[tuple[str, str, View]]:
    settings, lit = job.settings, _lit(job.seed, job.settings, -1)
    base = replace(draw_sensor(RandomStream(job.seed, 32), drone=False), jpeg_quality=90)
    for column in range(job.count):
        middle = (
            settings.middle_m[0] + settings.east_m[column],
            settings.middle_m[1] + settings.north_m[job.first],
        )
        sensor = replace(base, seed=RandomStream(job.seed, 33, job.first, column).below(1 << 30))
        name = tile_name(job.first, column)
        view = expose_satellite(job.seed, lit, middle, settings.tile_m, settings.size_px, sensor)
        yield f"satellite/{name}.jpg", name, view


def flight_name(flight: int) -> str:
    """Return the name of a flight: its number and kind."""
    return f"flight-{flight + 1:02d}-{_FLIGHTS[flight % len(_FLIGHTS)][0]}"


def flight_camera(seed: int, settings: AreaSettings, flight: int, k: int) -> Camera:
    """Return the pose of image k of a flight along serpentine lines, with small deviations."""
    _, height, pitch, fov = _FLIGHTS[flight % len(_FLIGHTS)]
    rng = RandomStream(seed, 34, flight, k)
    width, depth = settings.columns * settings.tile_m, settings.rows * settings.tile_m
    lines = max(1, round(math.sqrt(settings.images_per_flight * depth / width)))
    per_line = math.ceil(settings.images_per_flight / lines)
    line, step = divmod(k, per_line)
    share = (step + 0.5) / per_line
    is_north_south = flight % 2 == 1
    across = (line + 0.5) / lines - 0.5
    along = (share if line % 2 == 0 else 1.0 - share) - 0.5
    inset = 0.78
    x, y = (across, along) if is_north_south else (along, across)
    heading = (0.0 if is_north_south else 90.0) + (180.0 if line % 2 else 0.0)
    back = height / math.tan(math.radians(-pitch)) if pitch > -89 else 0.0
    heading += rng.between(-8, 8) + 23.0 * flight
    toward = math.radians(heading)
    return Camera(
        x_m=settings.middle_m[0] + x * width * inset + rng.between(-9, 9) - back * math.sin(toward),
        y_m=settings.middle_m[1] + y * depth * inset + rng.between(-9, 9) - back * math.cos(toward),
        z_m=height + rng.between(-6, 6),
        heading_deg=heading % 360.0,
        gimbal_pitch_deg=max(-90.0, pitch + (rng.between(-3, 3) if pitch > -89 else 0.0)),
        field_of_view_deg=fov,
    )


def _captured_at(seed: int, flight: int, k: int) -> str:
    rng = RandomStream(seed, 35, flight)
    day, hour = 1 + rng.below(28), 9 + rng.below(7)
    seconds = 4 * k
    return f"2025-{4 + flight % 6:02d}-{day:02d}T{hour:02d}:{seconds // 60:02d}:{seconds % 60:02d}Z"


def _flight(job: AreaJob) -> Iterator[tuple[str, str, View]]:
    settings, lit = job.settings, _lit(job.seed, job.settings, job.flight)
    name = flight_name(job.flight)
    for k in range(job.first, job.first + job.count):
        camera = flight_camera(job.seed, settings, job.flight, k)
        sensor: Sensor = draw_sensor(RandomStream(job.seed, 36, job.flight, k), drone=True)
        view = expose_drone(
            job.seed, lit, camera, settings.size_px, sensor, RenderedWeather(haze_per_m=3e-4)
        )
        x, y = camera.ground_point(0.0, 0.0)
        row, column = settings.nearest_tile(x, y)
        view = replace(view, flight_id=name, captured_at=_captured_at(job.seed, job.flight, k))
        yield f"drone/{name}/{k + 1:04d}.jpg", tile_name(row, column), view
