"""A user's own map: true windows from GeoTIFF and XYZ, places as a data set."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from typer.testing import CliRunner

from training.world.cli import app
from training.world.errors import MapSourceError
from training.world.orthophoto.drape import drape, draped_view
from training.world.orthophoto.map_source import MapSource
from training.world.rendering.camera import Camera

LATITUDE, LONGITUDE = 46.95, 7.44


def _red_dot(side: int) -> np.ndarray:
    pixels = np.full((3, side, side), 120, np.uint8)
    pixels[:, side // 2 - 4 : side // 2 + 4, side // 2 - 4 : side // 2 + 4] = [
        [[250]],
        [[0]],
        [[0]],
    ]
    return pixels


@pytest.fixture
def geotiff(tmp_path: Path) -> Path:
    """A 240 m square in UTM with a red dot at its middle."""
    (x, y, _, _) = transform_bounds(
        "EPSG:4326", "EPSG:32632", LONGITUDE, LATITUDE, LONGITUDE, LATITUDE
    )
    path = tmp_path / "map.tif"
    transform = Affine(0.5, 0.0, x - 120, 0.0, -0.5, y + 120)
    with rasterio.open(
        path, "w", driver="GTiff", width=480, height=480, count=3, dtype="uint8",
        crs="EPSG:32632", transform=transform,
    ) as file:  # fmt: skip
        file.write(_red_dot(480))
    return path


def test_a_geotiff_window_has_its_point_in_the_middle(geotiff: Path) -> None:
    with MapSource(geotiff) as source:
        rgb, share = source.photo(LATITUDE, LONGITUDE, 40.0, 0.4)
    rows, columns = np.nonzero(rgb[..., 0].astype(int) - rgb[..., 1] > 80)
    assert rgb.shape == (200, 200, 3)
    assert share == 1.0
    assert abs(rows.mean() + 0.5 - 100) < 1.0
    assert abs(columns.mean() + 0.5 - 100) < 1.0


def test_an_xyz_folder_window_has_its_point_in_the_middle(tmp_path: Path) -> None:
    zoom = 18
    tiles = 2**zoom
    x = (LONGITUDE + 180) / 360 * tiles
    y = (1 - math.asinh(math.tan(math.radians(LATITUDE))) / math.pi) / 2 * tiles
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            tile = Image.new("RGB", (256, 256), (90, 90, 90))
            if dx == dy == 0:
                px, py = round((x % 1) * 256), round((y % 1) * 256)
                tile.paste((255, 0, 0), (px - 3, py - 3, px + 3, py + 3))
            folder = tmp_path / str(zoom) / str(int(x) + dx)
            folder.mkdir(parents=True, exist_ok=True)
            tile.save(folder / f"{int(y) + dy}.png")
    with MapSource(tmp_path) as source:
        rgb, _ = source.photo(LATITUDE, LONGITUDE, 30.0, 0.3)
    rows, columns = np.nonzero(rgb[..., 0].astype(int) - rgb[..., 1] > 80)
    assert abs(rows.mean() + 0.5 - 100) < 2.0
    assert abs(columns.mean() + 0.5 - 100) < 2.0


def test_drape_writes_places_with_true_coordinates(geotiff: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = "--views 2 --size 64 --span 60 --spacing 80 --gsd 0.5 --workers 1 --places 3"
    result = CliRunner().invoke(app, ["drape", str(geotiff), "--out", str(out), *options.split()])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((out / "gps.csv").read_text().splitlines()))
    assert len(rows) == 9
    assert all((out / row["path"]).is_file() for row in rows)
    east_m = 111_200 * math.cos(math.radians(LATITUDE))
    metres = [
        math.hypot(
            (float(row["target_latitude"]) - LATITUDE) * 111_200,
            (float(row["target_longitude"]) - LONGITUDE) * east_m,
        )
        for row in rows
    ]
    assert max(metres) < 150.0


def test_a_surface_model_raises_the_views(geotiff: Path, tmp_path: Path) -> None:
    with rasterio.open(geotiff) as file:
        profile = file.profile | {"count": 1, "dtype": "float32", "nodata": -9999.0}
    surface = np.full((1, 480, 480), 431.0, np.float32)
    surface[:, 225:255, 225:255] += 25.0
    surface[:, :20] = -9999.0
    with rasterio.open(tmp_path / "dsm.tif", "w", **profile) as file:
        file.write(surface)
    options = "--views 2 --size 64 --span 100 --spacing 200 --gsd 0.5 --workers 1 --places 1"
    pictures = []
    for name, how in (("flat", ["--heights", "flat"]), ("dsm", ["--dsm", f"{tmp_path}/dsm.tif"])):
        call = ["drape", str(geotiff), "--out", str(tmp_path / name), *options.split(), *how]
        assert CliRunner().invoke(app, call).exit_code == 0
        with Image.open(tmp_path / name / "train/drone/0001/image-01.jpeg") as image:
            pictures.append(np.asarray(image).astype(int))
    assert np.mean(np.abs(pictures[0] - pictures[1]).max(axis=2) > 25) > 0.015


def _drape(*options: object) -> tuple[int, str]:
    small = [
        "--views",
        "1",
        "--size",
        "32",
        "--span",
        "60",
        "--gsd",
        "1",
        "--workers",
        "1",
        "--heights",
        "flat",
    ]
    result = CliRunner().invoke(app, ["drape", *map(str, options), *small])
    return result.exit_code, result.output


def _places(out: Path) -> dict[str, tuple[str, str]]:
    rows = csv.DictReader((out / "gps.csv").read_text().splitlines())
    return {
        row["path"]: (row["latitude"], row["longitude"])
        for row in rows
        if row["view"] == "satellite"
    }


def test_more_places_are_the_same_ones_and_others(geotiff: Path, tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    spacing = ("--spacing", 45)
    assert _drape(geotiff, "--out", few, *spacing, "--places", 2)[0] == 0
    assert _drape(geotiff, "--out", few, *spacing, "--places", 4)[0] == 0
    assert _drape(geotiff, "--out", many, *spacing, "--places", 4)[0] == 0
    assert _places(few) == _places(many)
    assert len(set(_places(few).values())) == 4


def test_training_and_test_places_share_no_ground(geotiff: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _drape(geotiff, "--out", out, "--spacing", 25, "--split", "both")[0] == 0
    sides = {
        side: [float(place[0]) for path, place in _places(out).items() if path.startswith(side)]
        for side in ("train", "test")
    }
    apart_m = (min(sides["train"]) - max(sides["test"])) * 111_320
    assert apart_m > 60 - 2 * 3.5
    code, output = _drape(geotiff, "--out", out, "--spacing", 25, "--split", "test")
    assert (code, "other settings" in output) == (1, True)


def test_a_surface_model_of_elsewhere_is_refused(geotiff: Path, tmp_path: Path) -> None:
    with rasterio.open(geotiff) as file:
        profile = file.profile | {"count": 1, "dtype": "float32"}
        profile["transform"] = file.transform @ Affine.translation(4000, 0)
    with rasterio.open(tmp_path / "dsm.tif", "w", **profile) as file:
        file.write(np.full((1, 480, 480), 431.0, np.float32))
    code, output = _drape(geotiff, "--out", tmp_path / "out", "--dsm", tmp_path / "dsm.tif")
    assert code == 1
    assert "dsm.tif: does not cover the place" in output


def test_what_a_surface_model_does_not_cover_is_ground(geotiff: Path, tmp_path: Path) -> None:
    with rasterio.open(geotiff) as file:
        profile = file.profile | {"count": 1, "dtype": "float32"}
        profile["transform"] = file.transform @ Affine.translation(200, 0)
    with rasterio.open(tmp_path / "dsm.tif", "w", **profile) as file:
        file.write(np.full((1, 480, 480), 431.0, np.float32))
    with MapSource(tmp_path / "dsm.tif") as source:
        surface = source.surface(LATITUDE, LONGITUDE, 80.0, 1.0)
    assert 0.3 < np.isnan(surface).mean() < 0.7
    assert np.nanmax(np.abs(surface - 431.0)) < 0.01


def test_a_map_that_ends_early_is_named(geotiff: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tif"
    cut.write_bytes(geotiff.read_bytes()[:200_000])
    code, output = _drape(cut, "--out", tmp_path / "out")
    assert code == 1
    assert "cut.tif: cannot be read to its end" in output
    assert not (tmp_path / "out").exists()
    assert _drape(geotiff, "--out", tmp_path / "out", "--places", 1)[0] == 0


def test_a_broken_tile_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "18" / "1"
    folder.mkdir(parents=True)
    Image.new("RGB", (256, 256)).save(folder / "1.png")
    (folder / "2.png").write_bytes(b"no picture")
    code, output = _drape(tmp_path, "--out", tmp_path / "out")
    assert code == 1
    assert "2.png: not a readable image" in output


def test_what_cannot_be_written_is_named(geotiff: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    code, output = _drape(geotiff, "--out", taken)
    assert code == 1
    assert "taken: cannot be made a folder" in output
    assert _drape(geotiff, "--out", tmp_path / "out", "--places", 1)[0] == 0
    for name in ("sheet.xyz", "nowhere/sheet.jpg"):
        call = ["sheet", str(tmp_path / "out"), str(tmp_path / name)]
        result = CliRunner().invoke(app, call)
        assert result.exit_code == 1
        assert "cannot be written" in result.output


def test_a_slope_of_a_surface_model_keeps_its_own_colour() -> None:
    rgb = np.full((201, 201, 3), (40, 40, 200), np.uint8)
    height = np.zeros((201, 201), np.float32)
    height[:, 100:160] = np.arange(60) * 0.4  # a roof that rises by 0.4 m a cell, then drops
    camera = Camera(
        x_m=-70.0, y_m=0.0, z_m=70.0, heading_deg=90.0, gimbal_pitch_deg=-45.0,
        field_of_view_deg=40.0,
    )  # fmt: skip
    view = draped_view(drape(rgb, 0.5, height_m=height), camera, 128, haze_per_m=0.0)
    assert (view[..., 0] > 55).mean() < 0.01
    behind = replace(camera, x_m=130.0, heading_deg=270.0)
    view = draped_view(drape(rgb, 0.5, height_m=height), behind, 128, haze_per_m=0.0)
    assert (view[..., 0] > 55).mean() > 0.1


def test_an_infrared_band_is_not_taken_for_alpha(geotiff: Path, tmp_path: Path) -> None:
    with rasterio.open(geotiff) as file:
        profile, rgb = file.profile | {"count": 4, "photometric": "MINISBLACK"}, file.read()
    with rasterio.open(tmp_path / "rgbn.tif", "w", **profile) as file:
        file.write(np.concatenate([rgb, np.zeros((1, 480, 480), np.uint8)]))
    with MapSource(tmp_path / "rgbn.tif") as source:
        assert source.photo(LATITUDE, LONGITUDE, 40.0, 0.4)[1] == 1.0


def test_a_text_file_is_no_map(tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_text("no raster")
    with pytest.raises(MapSourceError, match="not a readable raster"):
        MapSource(tmp_path / "map.tif")


def test_a_raster_without_a_coordinate_system_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(MapSourceError, match="no coordinate system"):
        MapSource(tmp_path / "plain.png")
