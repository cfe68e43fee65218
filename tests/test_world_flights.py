"""Flights, layouts and weather of the presets."""

import csv
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from training.data.sues import sues_benchmark
from training.world.chance import RandomStream
from training.world.cli import app
from training.world.errors import UnknownPresetError
from training.world.rendering.camera import Jitter, fly
from training.world.rendering.sensor import Sensor, expose
from training.world.rendering.weather import NAMES, RenderedWeather, draw_weather, precipitate
from training.world.synthetic.place import RenderSettings, render_place
from training.world.synthetic.place_jobs import RenderJob, run_render_job


def test_the_university_flight_spirals_down_and_looks_at_the_place() -> None:
    cameras = fly("university-1652", 54, 30.0, -20.0, RandomStream(1), Jitter())
    assert [cameras[0].z_m, cameras[-1].z_m] == [256.0, 121.5]
    assert np.all(np.diff([camera.z_m for camera in cameras]) < 0)
    turned = np.unwrap(np.radians([camera.heading_deg for camera in cameras]))
    assert np.degrees(turned[-1] - turned[0]) == pytest.approx(1080.0, abs=1e-6)
    for camera in cameras:
        assert camera.ground_point(0.0, 0.0) == pytest.approx((30.0, -20.0), abs=1e-6)


def test_sues_has_fifty_views_at_each_of_four_heights() -> None:
    heights = [camera.z_m for camera in fly("sues-200", 200, 0, 0, RandomStream(1), Jitter())]
    assert {h: heights.count(h) for h in heights} == {150: 50, 200: 50, 250: 50, 300: 50}


def test_a_footprint_runs_clockwise_from_the_images_top_left() -> None:
    camera = fly("nadir", 1, 0.0, 0.0, RandomStream(2), Jitter())[0]
    corners = np.array(camera.footprint())
    following = np.roll(corners, -1, axis=0)
    doubled_area = np.sum(corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1])
    assert doubled_area < 0


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UnknownPresetError, match="sues-200"):
        fly("orbit", 3, 0.0, 0.0, RandomStream(1), Jitter())


def test_a_sues_render_is_read_as_a_sues_benchmark(tmp_path: Path) -> None:
    settings = RenderSettings(preset="sues-200", views=4, size_px=32)
    # Place 0008 is the first that is no training place of the benchmark.
    assert (
        run_render_job(RenderJob(out=tmp_path, seed=1, index=7, split="train", settings=settings))
        == 5
    )
    benchmark = sues_benchmark(tmp_path)
    assert benchmark.layout == "SUES-200"
    assert len(benchmark.directions) == 8


def test_weather_is_drawn_in_its_share_and_recorded(tmp_path: Path) -> None:
    names = [draw_weather(RandomStream(3, k), 0.5).name for k in range(400)]
    assert 150 < sum(name != "normal" for name in names) < 250
    assert set(names) == set(NAMES)
    options = "--places 1 --views 6 --size 32 --workers 1 --weather 1 --preset nadir"
    assert CliRunner().invoke(app, ["render", str(tmp_path), *options.split()]).exit_code == 0
    rows = csv.DictReader((tmp_path / "gps.csv").read_text().splitlines())
    assert all(row["weather"] in NAMES[1:] for row in rows if row["view"] == "drone")


def test_rain_covers_some_of_the_view_and_repeats() -> None:
    view = np.full((128, 128, 3), 90.0, np.float32)
    rain = RenderedWeather(name="rain", streaks=5000)
    wet = precipitate(view, rain, 7)
    assert 0.02 < np.mean(wet[..., 0] > 92) < 0.6
    assert np.array_equal(wet, precipitate(view, rain, 7))


def test_a_plain_sensor_changes_nothing() -> None:
    view = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.float32)
    assert np.array_equal(expose(view, Sensor()), view.astype(np.uint8))


OPTIONS = ["--places", "2", "--views", "2", "--size", "32", "--preset", "nadir"]
COLUMNS = [
    "path", "id", "view", "latitude", "longitude", "altitude_m", "heading_deg",
    "gimbal_pitch_deg", "gsd_m",
]  # fmt: skip
"""What gps.csv of any data set starts with."""
MORE_COLUMNS = [
    "field_of_view_deg", "target_latitude", "target_longitude", "footprint", "west", "south",
    "east", "north", "altitude_datum", "flight_id", "captured_at", "district", "split", "weather",
]  # fmt: skip


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of a render, its notes for going on included."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def two_places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two places rendered in one go by one process."""
    out = tmp_path_factory.mktemp("flights") / "whole"
    result = CliRunner().invoke(app, ["render", str(out), *OPTIONS, "--workers", "1"])
    assert result.exit_code == 0, result.output
    return out


def test_gps_csv_has_the_promised_columns(two_places: Path) -> None:
    header = (two_places / "gps.csv").read_text().splitlines()[0].split(",")
    assert header == COLUMNS + MORE_COLUMNS


def test_two_processes_write_the_bytes_of_one(two_places: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    result = CliRunner().invoke(app, ["render", str(out), *OPTIONS, "--workers", "2"])
    assert result.exit_code == 0, result.output
    assert _files(out) == _files(two_places)


def test_a_render_killed_midway_goes_on_to_the_bytes_of_an_unbroken_one(
    two_places: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = ["render", str(out), *OPTIONS, "--workers", "1"]
    running = subprocess.Popen(
        [sys.executable, "-m", "training.world.cli", *command], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (out / "train/drone/0001/image-01.jpeg").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    running.wait()
    assert not (out / "gps.csv").exists()
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert _files(out) == _files(two_places)


def test_a_tile_is_off_its_coordinates_by_no_more_than_the_setting() -> None:
    assert RenderSettings().misregistration_m == 3.0
    seen = []
    for place in range(2):
        settings = RenderSettings(preset="nadir", views=1, size_px=128, misregistration_m=0.0)
        exact = render_place(2, place, settings).satellite
        off = render_place(2, place, replace(settings, misregistration_m=8.0)).satellite
        assert off.footprint == exact.footprint
        pixels = [view.pixels.mean(axis=2) - view.pixels.mean() for view in (exact, off)]
        spectrum = np.fft.fft2(pixels[0]) * np.conj(np.fft.fft2(pixels[1]))
        peak = np.unravel_index(np.argmax(np.fft.ifft2(spectrum).real), (128, 128))
        seen.append([min(p, 128 - p) * exact.gsd_m for p in peak])
    assert np.max(seen) <= 8.0 + exact.gsd_m / 2
    assert np.max(seen) > 2.0
