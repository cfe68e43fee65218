"""The gap-free map: tiles meet, coordinates are true, flights are named."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod
from typer.testing import CliRunner

from training.world.area import AreaSettings, flight_camera
from training.world.cli import app
from training.world.geo import to_latlon, to_world


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "map"
    options = "--tiles 3x2 --flights 2 --images 4 --size 64 --workers 1 --tile-m 120 --seed 4"
    result = CliRunner().invoke(app, ["render-map", str(out), *options.split()])
    assert result.exit_code == 0, result.output
    return out


def _rows(area: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((area / "gps.csv").read_text().splitlines()))


def test_tiles_share_their_edges_to_the_centimetre(area: Path) -> None:
    tiles = {row["id"]: row for row in _rows(area) if row["view"] == "satellite"}
    assert len(tiles) == 6
    geod = Geod(ellps="WGS84")
    middle, east = tiles["r00c01"], tiles["r00c02"]
    south = tiles["r01c01"]
    for one, other, turn in ((middle, east, 90.0), (middle, south, 180.0)):
        azimuth, _, distance_m = geod.inv(
            float(one["longitude"]), float(one["latitude"]),
            float(other["longitude"]), float(other["latitude"]),
        )  # fmt: skip
        assert distance_m == pytest.approx(120.0, abs=0.01)
        assert azimuth % 360 == pytest.approx(turn, abs=0.01)


def test_overlapping_tiles_cover_the_same_map_at_half_steps(tmp_path: Path) -> None:
    settings = AreaSettings(columns=3, rows=2, tile_m=120.0, overlap=0.5)
    assert settings.east_m == [-120.0, -60.0, 0.0, 60.0, 120.0]
    assert settings.north_m == [60.0, 0.0, -60.0]
    assert settings.nearest_tile(31.0, -31.0) == (2, 3)
    assert settings.nearest_tile(-179.0, 119.0) == (0, 0)
    assert settings.nearest_tile(181.0, 0.0) == (1, -1)
    uneven = AreaSettings(columns=3, rows=1, tile_m=100.0, overlap=0.4)
    assert uneven.east_m == [-100.0, -50.0, 0.0, 50.0, 100.0]
    assert uneven.north_m == [0.0]
    out = tmp_path / "map"
    options = "--tiles 2x1 --overlap 0.5 --flights 1 --images 2 --size 32 --workers 1 --tile-m 120"
    result = CliRunner().invoke(app, ["render-map", str(out), *options.split()])
    assert result.exit_code == 0, result.output
    assert "3 tiles, 5 lines" in result.output
    tiles = [row for row in _rows(out) if row["view"] == "satellite"]
    assert tiles[1]["west"] == tiles[0]["longitude"]


def test_a_flight_names_its_images_and_says_when_they_were_taken(area: Path) -> None:
    drones = [row for row in _rows(area) if row["view"] == "drone"]
    assert {row["flight_id"] for row in drones} == {"flight-01-nadir-90", "flight-02-nadir-140"}
    assert all(row["captured_at"].endswith("Z") and row["altitude_m"] for row in drones)
    assert all((area / row["path"]).is_file() for row in drones)


def test_a_drone_image_carries_the_tile_it_looks_at(area: Path) -> None:
    tiles = {row["id"]: row for row in _rows(area) if row["view"] == "satellite"}
    for row in _rows(area):
        tile = tiles[row["id"]]
        assert float(tile["south"]) <= float(row["target_latitude"]) <= float(tile["north"])
        assert float(tile["west"]) <= float(row["target_longitude"]) <= float(tile["east"])


def test_a_nadir_camera_looks_at_the_ground_below_it() -> None:
    settings = AreaSettings()
    camera = flight_camera(4, settings, 0, 17)
    x, y = camera.ground_point(0.0, 0.0)
    assert math.hypot(x - camera.x_m, y - camera.y_m) < 1e-6


def test_world_metres_come_back_from_degrees() -> None:
    points = np.random.default_rng(0).uniform(-40_000, 40_000, (50, 2))
    back = np.array([to_world(9, *to_latlon(9, x, y)) for x, y in points])
    assert np.abs(back - points).max() < 1e-3


def test_a_wrong_grid_is_bad_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["render-map", str(tmp_path), "--tiles", "12"])
    assert result.exit_code == 2
