"""Places of a user's own map: its crop is the satellite tile, drone views are draped over it."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

from training.world.chance import RandomStream
from training.world.errors import MapSourceError
from training.world.orthophoto.bare_ground import above_ground
from training.world.orthophoto.drape import Drape, drape, draped_view
from training.world.orthophoto.guessed_heights import guess_heights
from training.world.orthophoto.map_source import MapSource
from training.world.output.jobs import PlaceJob
from training.world.output.place_files import save_place, university_files
from training.world.output.view import LatLon, View
from training.world.rendering.camera import Camera, Jitter, fly
from training.world.rendering.sensor import draw_sensor, expose
from training.world.scene.light import draw_light

_COVERED, _WINDOW_COVERED, _DSM_COVERED = 0.9, 0.5, 0.5
"""Our choice: least covered shares of a tile, of the window that drone views cover, and of the
heights in that window."""
_MISREGISTRATION_M = 3.0
_JITTER = Jitter(yaw_deg=20.0, pitch_deg=8.0, field_of_view_deg=4.0, aim_m=8.0)


@dataclass(frozen=True, kw_only=True)
class DrapeSettings:
    """How a map is cut into places and flown over; metres, degrees, pixels.

    `heights` is flat or guess, and is not used where a surface model is given. `split` is train or
    test, or both: then the southern fifth of the map is for testing.
    """

    map_file: str
    dsm_file: str = ""
    heights: str = "guess"
    split: str = "train"
    preset: str = "university-1652"
    views: int = 54
    size_px: int = 256
    span_m: float = 160.0
    spacing_m: float = 120.0
    gsd_m: float = 0.3
    jitter: Jitter = _JITTER

    @property
    def reach_m(self) -> float:
        """Half the side of the window that is read around a place."""
        return self.span_m * 1.15


@dataclass(frozen=True, kw_only=True)
class DrapeJob(PlaceJob):
    """One place of the map."""

    middle: LatLon
    settings: DrapeSettings


@lru_cache(maxsize=4)
def _opened(path: str) -> MapSource:
    return MapSource(Path(path))


def drape_jobs(out: Path, seed: int, settings: DrapeSettings, most: int) -> list[DrapeJob]:
    """Return at most `most` places of each split, on a grid over the map where 90 % is covered.

    Their order is drawn from the seed: increasing `most` keeps the existing places and adds new
    ones.

    Raises:
        MapSourceError: the map or the surface model cannot be read, or no place is covered.
    """
    source = _opened(settings.map_file)
    if settings.dsm_file:
        _opened(settings.dsm_file)
    half, reach = settings.span_m / 2, settings.reach_m
    covered = [
        point
        for point in _grid(source.bounds, settings.spacing_m)
        if source.photo(*point, half, settings.span_m / 32)[1] >= _COVERED
        and source.photo(*point, reach, settings.span_m / 32)[1] >= _WINDOW_COVERED
    ]
    if not covered:
        raise MapSourceError(
            f"{settings.map_file}: covers no place of {settings.span_m:g} m; use a smaller --span"
        )
    order = np.random.default_rng(seed).permutation(len(covered)).tolist()
    return [
        DrapeJob(out=out, seed=seed, index=k, split=split, middle=middle, settings=settings)
        for split, points in _splits([covered[k] for k in order], settings).items()
        for k, middle in enumerate(points[:most])
    ]


def _grid(bounds: tuple[float, float, float, float], spacing_m: float) -> list[LatLon]:
    west, south, east, north = bounds
    per_degree = 111_320.0
    rows = max(1, int((north - south) * per_degree / spacing_m))
    narrow = math.cos(math.radians((north + south) / 2))
    columns = max(1, int((east - west) * per_degree * narrow / spacing_m))
    return [
        (north - (r + 0.5) / rows * (north - south), west + (c + 0.5) / columns * (east - west))
        for r in range(rows)
        for c in range(columns)
    ]


def _splits(points: list[LatLon], settings: DrapeSettings) -> dict[str, list[LatLon]]:
    """Return the points of each split; a strip one tile wide between both splits is left out."""
    if settings.split != "both":
        return {settings.split: points}
    border = float(np.quantile([latitude for latitude, _ in points], 0.2))
    apart = border + settings.span_m / 111_320.0
    found = {
        "train": [point for point in points if point[0] > apart],
        "test": [point for point in points if point[0] <= border],
    }
    if not all(found.values()):
        raise MapSourceError(
            f"{settings.map_file}: too small for --split both; use --split train, or another map"
        )
    return found


def _heights(job: DrapeJob, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    settings = job.settings
    if settings.dsm_file:
        surface = _opened(settings.dsm_file).surface(*job.middle, settings.reach_m, settings.gsd_m)
        if np.isfinite(surface).mean() < _DSM_COVERED:
            raise MapSourceError(
                f"{settings.dsm_file}: does not cover the place at {job.middle[0]:.6f}, "
                f"{job.middle[1]:.6f}; give a surface model of the map's area, or leave out --dsm"
            )
        return above_ground(surface, settings.gsd_m)
    if settings.heights == "guess":
        return guess_heights(rgb, settings.gsd_m, job.seed + job.index)
    return None


def run_drape_job(job: DrapeJob) -> int:
    """Render and write one place; return the number of images."""
    settings, rng = job.settings, RandomStream(job.seed, 51, job.index)
    rgb, _ = _opened(settings.map_file).photo(*job.middle, settings.reach_m, settings.gsd_m)
    draped = drape(rgb, settings.gsd_m, height_m=_heights(job, rgb), light=draw_light(rng, 0))
    # A preset is flown lower over a small window: ranges scale with the tile's side.
    scale = min(1.0, settings.span_m / 200.0)
    cameras = fly(settings.preset, settings.views, 0.0, 0.0, rng, settings.jitter)
    views = [_satellite(job, rgb)]
    for camera in cameras:
        lower = replace(
            camera, x_m=camera.x_m * scale, y_m=camera.y_m * scale, z_m=camera.z_m * scale
        )
        views.append(_drone(job, draped, lower, rng))
    files = university_files(job.split, job.place_id, views)
    return save_place(job.out, job.place_id, files, "", job.split, job.done_file)


def _degrees(job: DrapeJob, points: list[tuple[float, float]]) -> tuple[LatLon, ...]:
    latitude, longitude = job.middle
    plane = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
    to_degrees = Transformer.from_crs(plane, "EPSG:4326", always_xy=True)
    found = [to_degrees.transform(x, y) for x, y in points]
    return tuple((lat, lon) for lon, lat in found)


def _satellite(job: DrapeJob, rgb: NDArray[np.uint8]) -> View:
    """Return the tile, a few metres off, as a product of another day would be."""
    settings, half = job.settings, job.settings.span_m / 2
    rng = RandomStream(job.seed, 52, job.index)
    most = min(_MISREGISTRATION_M, settings.reach_m - half)
    left, top = (
        (settings.reach_m - half + most * rng.between(-1, 1)) / settings.gsd_m for _ in range(2)
    )
    side = settings.span_m / settings.gsd_m
    crop = Image.fromarray(rgb).resize(
        (settings.size_px,) * 2,
        Image.Resampling.LANCZOS,
        box=(left, top, left + side, top + side),
    )
    sensor = draw_sensor(rng, drone=False)
    corners = [(-half, half), (half, half), (half, -half), (-half, -half)]
    return View(
        kind="satellite",
        latitude=job.middle[0],
        longitude=job.middle[1],
        altitude_m=None,
        heading_deg=0.0,
        gimbal_pitch_deg=-90.0,
        gsd_m=settings.span_m / settings.size_px,
        field_of_view_deg=None,
        footprint=_degrees(job, corners),
        target=job.middle,
        jpeg_quality=sensor.jpeg_quality,
        pixels=expose(np.asarray(crop, dtype=np.float32), sensor),
    )


def _drone(job: DrapeJob, draped: Drape, camera: Camera, rng: RandomStream) -> View:
    sensor = draw_sensor(rng, drone=True)
    view = draped_view(draped, camera, job.settings.size_px, haze_per_m=8e-4 * rng.unit() ** 3)
    here, target = _degrees(job, [(camera.x_m, camera.y_m), camera.ground_point(0.0, 0.0)])
    slant = camera.z_m / math.sin(math.radians(-camera.gimbal_pitch_deg))
    wide = 2 * slant * math.tan(math.radians(camera.field_of_view_deg) / 2)
    return View(
        kind="drone",
        latitude=here[0],
        longitude=here[1],
        altitude_m=camera.z_m,
        heading_deg=camera.heading_deg,
        gimbal_pitch_deg=camera.gimbal_pitch_deg,
        gsd_m=wide / job.settings.size_px,
        field_of_view_deg=camera.field_of_view_deg,
        footprint=_degrees(job, list(camera.footprint())),
        target=target,
        jpeg_quality=sensor.jpeg_quality,
        pixels=expose(view, sensor),
    )
