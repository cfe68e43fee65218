"""The gap-free map: tiles meet, coordinates are true, flights are named."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyproj import Geod
from typer.testing import CliRunner

from training.world.cli import app
from training.world.errors import FarPointError
from training.world.geo import origin_of, point_within_reach, to_latlon, to_world
from training.world.rendering.sensor import Sensor
from training.world.synthetic.area_jobs import AreaSettings, flight_camera


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


def _map(out: Path, *options: str) -> dict[str, dict[str, str]]:
    """Tiles of a small map of world 4 by name."""
    small = "--flights 0 --size 64 --workers 1 --tile-m 60 --seed 4"
    result = CliRunner().invoke(app, ["render-map", str(out), *small.split(), *options])
    assert result.exit_code == 0, result.output
    return {row["id"]: row for row in _rows(out)}


def _bytes(folder: Path, row: dict[str, str]) -> bytes:
    return (folder / row["path"]).read_bytes()


def test_maps_at_neighbouring_points_agree_where_they_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every tile has its own noise; without the sensor the same ground is the same bytes.
    monkeypatch.setattr(
        "training.world.synthetic.area_jobs.draw_sensor", lambda rng, drone: Sensor()
    )
    left = _map(tmp_path / "left", "--tiles", "4x2")
    corner = left["r00c03"]
    at = f"{corner['latitude']},{corner['longitude']}"
    right = _map(tmp_path / "right", "--tiles", "3x3", "--at", at)
    for one, other in (("r00c02", "r01c00"), ("r00c03", "r01c01"), ("r01c03", "r02c01")):
        assert _bytes(tmp_path / "left", left[one]) == _bytes(tmp_path / "right", right[other])
        for column in ("latitude", "longitude", "footprint"):
            assert left[one][column] == right[other][column]
    alone = _map(tmp_path / "alone", "--tiles", "1x1", "--at", at)
    assert _bytes(tmp_path / "alone", alone["r00c00"]) == _bytes(tmp_path / "left", corner)


def test_a_map_lies_where_it_is_told_and_its_flights_with_it(tmp_path: Path) -> None:
    latitude, longitude = origin_of(4)
    at = f"{latitude + 0.7:.6f},{longitude - 0.5:.6f}"
    options = "--tiles 2x2 --flights 1 --images 4 --size 32 --workers 1 --seed 4 --at"
    result = CliRunner().invoke(app, ["render-map", str(tmp_path), *options.split(), at])
    assert result.exit_code == 0, result.output
    assert f"middle of the map {at}, origin of the seed's world {latitude:.4f}" in result.output
    geod = Geod(ellps="WGS84")
    for row in _rows(tmp_path):
        to = float(row["target_longitude"]), float(row["target_latitude"])
        assert geod.inv(longitude - 0.5, latitude + 0.7, *to)[2] < 220.0
        if row["view"] == "drone":
            assert row["id"] in {"r00c00", "r00c01", "r01c00", "r01c01"}
    with Image.open(tmp_path / "satellite/r00c00.jpg") as tile:
        assert np.asarray(tile).std() > 10.0


@pytest.mark.parametrize(
    ("at", "what"),
    [
        ("here", "--at 'here': write LAT,LON in degrees"),
        ("46.9", "--at '46.9': write LAT,LON in degrees"),
        ("nan,7", "--at 'nan,7': latitude is -90..90"),
        ("91,7", "--at '91,7': latitude is -90..90"),
        ("7,-181", "--at '7,-181': latitude is -90..90, longitude -180..180"),
        ("-89,7", "the origin of --seed 4, at most 100; worlds lie from 52 south"),
    ],
)
def test_a_wrong_middle_is_named_in_one_line(tmp_path: Path, at: str, what: str) -> None:
    result = CliRunner().invoke(app, ["render-map", str(tmp_path / "m"), "--seed", "4", "--at", at])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert what in line
    assert not (tmp_path / "m").exists()


def test_a_point_out_of_reach_names_a_seed_whose_world_holds_it() -> None:
    with pytest.raises(FarPointError, match=r"km from .*; use --seed \d+$") as caught:
        point_within_reach(4, 46.95, 7.44)
    seed = int(str(caught.value).split()[-1])
    x_m, y_m = point_within_reach(seed, 46.95, 7.44)
    assert math.hypot(x_m, y_m) < 100_000
    assert to_latlon(seed, x_m, y_m) == pytest.approx((46.95, 7.44), abs=1e-7)


def test_at_the_edge_of_reach_metres_and_north_are_nearly_true() -> None:
    geod = Geod(ellps="WGS84")
    for seed in range(30):
        for x, y in ((70_000.0, 70_000.0), (-99_900.0, 0.0), (0.0, -99_900.0)):
            (south, west), (north, east) = (to_latlon(seed, x, y + dy) for dy in (0.0, 1000.0))
            azimuth, _, length_m = geod.inv(west, south, east, north)
            assert length_m == pytest.approx(1000.0, abs=0.05)
            assert abs(azimuth) < 1.5
