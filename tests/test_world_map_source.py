"""A user's own map: true windows from GeoTIFF and XYZ, places as a data set."""

import csv
import math
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
from training.world.mapsource import MapSource

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
    assert np.mean(np.abs(pictures[0] - pictures[1]).max(axis=2) > 25) > 0.02


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
