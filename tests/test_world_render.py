"""Places are a pure function of seed and index, on disk as in memory."""

import csv
import hashlib
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from training.world.cli import app
from training.world.render import RenderSettings, cell_of_place, place_point, render_place
from training.world.scene import build_scene

SMALL = RenderSettings(preset="nadir", views=2, size_px=64)


def _digests(folder: Path) -> dict[str, str]:
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and ".render" not in f.parts]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_same_seed_gives_the_same_pixels_and_another_seed_does_not() -> None:
    first, again = render_place(3, 1, SMALL), render_place(3, 1, SMALL)
    assert np.array_equal(first.satellite.pixels, again.satellite.pixels)
    assert np.array_equal(first.drones[1].pixels, again.drones[1].pixels)
    other = render_place(4, 1, SMALL)
    assert not np.array_equal(first.satellite.pixels, other.satellite.pixels)


def test_two_windows_rendered_alone_agree_where_they_overlap() -> None:
    # Far enough apart that each sees other cells of the plan.
    left, right = build_scene(5, 0.0, 0.0, 240.0), build_scene(5, 300.0, 150.0, 180.0)
    row, column = right.iy0 - left.iy0, right.ix0 - left.ix0
    assert 0 < row < left.rgb.shape[0]
    assert 0 < column < left.rgb.shape[1]
    for name in ("rgb", "height_m", "material", "car"):
        part = getattr(left, name)[row:, column:]
        assert np.array_equal(part, getattr(right, name)[: part.shape[0], : part.shape[1]])


def test_places_of_a_split_stand_in_cells_of_their_own() -> None:
    cells = [cell_of_place(k, "train") for k in range(200)]
    assert len(set(cells)) == 200
    assert max(max(abs(i), abs(j)) for i, j in cells) == 7
    points = np.array([place_point(2, k) for k in range(40)])
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(40)
    assert apart.min() > 120.0


def test_a_render_goes_on_and_gives_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    runner = CliRunner()
    options = ["--places", "2", "--views", "2", "--size", "64", "--workers", "1"]
    options += ["--split", "both", "--preset", "nadir"]
    assert runner.invoke(app, ["render", str(whole), *options]).exit_code == 0
    assert runner.invoke(app, ["render", str(broken), *options, "--places", "1"]).exit_code == 0
    kept = broken / "train/drone/0001/image-01.jpeg"
    before = kept.stat().st_mtime_ns
    assert runner.invoke(app, ["render", str(broken), *options]).exit_code == 0
    assert kept.stat().st_mtime_ns == before
    assert _digests(broken) == _digests(whole)
    rows = list(csv.DictReader((whole / "gps.csv").read_text().splitlines()))
    assert len(rows) == 2 * 3 + 2 * 2 * 3
    assert all((whole / row["path"]).is_file() for row in rows)
    assert (whole / "test/gallery_satellite/5001/5001.jpg").is_file()


def test_a_folder_of_another_seed_is_refused(tmp_path: Path) -> None:
    options = [
        "--places",
        "1",
        "--views",
        "1",
        "--size",
        "32",
        "--workers",
        "1",
        "--preset",
        "nadir",
    ]
    runner = CliRunner()
    assert runner.invoke(app, ["render", str(tmp_path), *options]).exit_code == 0
    assert runner.invoke(app, ["render", str(tmp_path), *options, "--seed", "9"]).exit_code == 1
