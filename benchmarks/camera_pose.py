"""Camera poses and positions against the rendered world's true cameras, by pitch.

`python benchmarks/camera_pose.py FOLDER` renders a map, photos at five pitches and a surface model
into FOLDER once, builds two galleries there (one with the heights) and prints a table. 100 % of the
photos lie within the map; the lights of map and photos differ.
"""

import argparse
import csv
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.geo import distance_m
from indexer.localization.localize import localize
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.embedder import Embedder
from training.world.chance import RandomStream
from training.world.geo import origin_of, to_latlon
from training.world.output.gps_csv import write_gps
from training.world.rendering.camera import Camera, aimed
from training.world.rendering.sensor import draw_sensor, jpeg
from training.world.rendering.weather import RenderedWeather
from training.world.scene.light import draw_light
from training.world.scene.scene import Scene, build_scene, light_scene
from training.world.synthetic.area_jobs import AreaSettings, area_jobs, run_area_job
from training.world.synthetic.place import expose_drone

SEED = 5
SETTINGS = AreaSettings(
    columns=6, rows=6, tile_m=100.0, overlap=0.5, size_px=320, flights=0, images_per_flight=1
)
PITCHES = (90, 75, 60, 45, 35)
VIEWS = 16
SIZE_PX = 640
COLUMNS = ("file", "pitch", "latitude", "longitude", "height_m", "heading_deg", "pitch_deg", "fov",
           "target_latitude", "target_longitude")  # fmt: skip


def main() -> None:
    """Make what is missing, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heights", action="store_true", help="search with the surface model")
    parser.add_argument("--details", action="store_true", help="print every photo")
    asked = parser.parse_args()
    folder: Path = asked.folder
    if not (folder / "views.csv").exists():
        _render(folder)
    name = "heights" if asked.heights else "plane"
    embedder = Embedder.load(None, device="cpu")
    if not (folder / "galleries" / name / "CURRENT").exists():
        _build(folder, name, embedder)
    rows = list(_errors(folder, name, embedder, asked.details))
    _print(rows)


def _render(folder: Path) -> None:
    for job in area_jobs(folder, SEED, SETTINGS):
        run_area_job(job)
    write_gps(folder)
    scene = build_scene(SEED, *SETTINGS.middle_m, SETTINGS.half_extent_m + 60, SETTINGS.cell_m)
    _write_heights(scene, folder / "heights.tif")
    lines = list(_views(scene, folder / "views"))
    with (folder / "views.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *lines])


def _write_heights(scene: Scene, path: Path) -> None:
    rows, columns = scene.height_m.shape
    latitude, longitude = origin_of(SEED)
    cell = scene.cell_m
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype="float32",
        crs=f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m",
        transform=Affine(cell, 0, scene.ix0 * cell, 0, -cell, (scene.iy0 + rows) * cell),
        compress="deflate",
    ) as raster:  # fmt: skip
        raster.write(scene.height_m[::-1], 1)


def _views(scene: Scene, folder: Path) -> Iterator[list[object]]:
    folder.mkdir(exist_ok=True)
    lit = light_scene(scene, draw_light(RandomStream(SEED, 71), 1))
    for pitch in PITCHES:
        for number in range(VIEWS):
            rng = RandomStream(SEED, 72, pitch, number)
            camera = _camera(rng, pitch)
            sensor = draw_sensor(rng, drone=True)
            weather = RenderedWeather(haze_per_m=3e-4)
            view = expose_drone(SEED, lit, camera, SIZE_PX, sensor, weather)
            file = folder / f"{pitch}-{number:02d}.jpg"
            file.write_bytes(jpeg(view.pixels, view.jpeg_quality))
            x, y = camera.ground_point(0.0, 0.0)
            yield [
                file.name, pitch, *to_latlon(SEED, camera.x_m, camera.y_m), camera.z_m,
                camera.heading_deg, camera.gimbal_pitch_deg, camera.field_of_view_deg,
                *to_latlon(SEED, x, y),
            ]  # fmt: skip


def _camera(rng: RandomStream, pitch: int) -> Camera:
    reach = SETTINGS.columns * SETTINGS.tile_m / 2 - 100.0
    east, north = rng.between(-reach, reach), rng.between(-reach, reach)
    tilt = 0.0 if pitch == 90 else rng.between(-3, 3)
    return aimed(
        SETTINGS.middle_m[0] + east, SETTINGS.middle_m[1] + north, rng.between(80, 130),
        rng.between(0, 360), -pitch + tilt, rng.between(40, 58),
    )  # fmt: skip


def _build(folder: Path, name: str, embedder: Embedder) -> None:
    source = open_source(folder, SourceOptions(view="satellite"))
    heights = folder / "heights.tif" if name == "heights" else None
    build(folder / "galleries", name, source, embedder, surface_model=heights)


def _errors(
    folder: Path, name: str, embedder: Embedder, details: bool
) -> Iterator[dict[str, float]]:
    gallery = Gallery.open(folder / "galleries", name, embedder=embedder)
    with (folder / "views.csv").open() as stream:
        for row in csv.DictReader(stream):
            true: dict[str, Any] = {key: float(row[key]) for key in COLUMNS[1:]}
            answer = localize(
                folder / "views" / row["file"], gallery, embedder, fov_deg=true["fov"]
            )
            found = _compared(true, answer)
            if details:
                print(row["file"], answer.status, {k: round(v, 2) for k, v in found.items()})
            yield found
    gallery.close()


def _compared(true: dict[str, Any], answer: Any) -> dict[str, float]:
    found = {"pitch": true["pitch"], "answered": float(answer.estimate is not None)}
    if answer.estimate is None:
        return found
    estimate, camera = answer.estimate, answer.estimate.camera
    found["centre_m"] = distance_m(
        true["target_latitude"], true["target_longitude"], estimate.latitude, estimate.longitude
    )
    if camera is None:
        return found
    found["horizontal_m"] = distance_m(
        true["latitude"], true["longitude"], camera.latitude, camera.longitude
    )
    found["height_%"] = 100 * abs(camera.height_m / true["height_m"] - 1)
    found["heading_deg"] = abs((camera.heading_deg - true["heading_deg"] + 180) % 360 - 180)
    found["pitch_deg"] = abs(camera.pitch_deg - true["pitch_deg"])
    found["roll_deg"] = abs(camera.roll_deg)
    found["horizontal_spreads"] = found["horizontal_m"] / camera.horizontal_spread_m
    found["height_spreads"] = abs(camera.height_m - true["height_m"]) / camera.height_spread_m
    found["pitch_spreads"] = found["pitch_deg"] / camera.pitch_spread_deg
    found["heading_spreads"] = found["heading_deg"] / camera.heading_spread_deg
    return found


def _print(rows: list[dict[str, float]]) -> None:
    keys = ("centre_m", "horizontal_m", "height_%", "heading_deg", "pitch_deg", "roll_deg")
    print("pitch", "photos", "answered", "cameras", *keys, sep="\t")
    for pitch in (*PITCHES, None):
        chosen = [row for row in rows if pitch is None or row["pitch"] == pitch]
        medians = [_median(chosen, key) for key in keys]
        cameras = sum("height_%" in row for row in chosen)
        answered = int(sum(row["answered"] for row in chosen))
        print(pitch or "all", len(chosen), answered, cameras, *medians, sep="\t")
    for key in ("horizontal_spreads", "height_spreads", "pitch_spreads", "heading_spreads"):
        values = np.array([row[key] for row in rows if key in row])
        if len(values):
            shares = ", ".join(f"{(values <= k).mean():.2f} within {k}" for k in (1, 2, 3))
            print(f"{key}: {shares}")


def _median(rows: Iterable[dict[str, float]], key: str) -> str:
    values = [row[key] for row in rows if key in row]
    return f"{statistics.median(values):.2f}" if values else "-"


if __name__ == "__main__":
    main()
