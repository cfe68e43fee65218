"""Places are a pure function of seed and index, on disk as in memory."""

import csv
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from training.world.chance import RandomStream
from training.world.cli import app
from training.world.plan.arrays import part_records
from training.world.plan.cell import PlacedPart
from training.world.plan.parts import BOWL, DOME, FLAT, GABLE, HIP, RIBS, Part
from training.world.rendering.camera import Camera, Jitter, fly
from training.world.rendering.raymarch import drone_view
from training.world.scene.light import Light
from training.world.scene.roofs import raise_parts
from training.world.scene.scene import LitScene, Scene, build_scene, light_scene
from training.world.scene.window import PAVED, empty_window
from training.world.synthetic.place import RenderSettings, cell_of_place, place_point, render_place

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


ROOF_RGB, WALL_RGB = (200.0, 40.0, 40.0), (40.0, 200.0, 40.0)


def _lone_building(roof: int, half_a: float, half_b: float, rise_m: float) -> LitScene:
    """One red-roofed building with green, windowless walls in the middle of grey ground."""
    placed = PlacedPart(
        x_m=0.0,
        y_m=0.0,
        angle_rad=0.3,
        part=Part(
            a_m=0,
            b_m=0,
            half_a_m=half_a,
            half_b_m=half_b,
            eave_m=6.0,
            rise_m=rise_m,
            roof=roof,
            roof_rgb=ROOF_RGB,
            wall_rgb=WALL_RGB,
            style=RIBS,
            floor_m=50.0,
            bay_m=50.0,
        ),
        seed=1,
    )
    side, cell_m = 300, 0.35
    parts = part_records([placed])
    window = empty_window(-150, -150, side, cell_m)
    window.rgb[:], window.material[:], window.car[:] = 128, PAVED, 0
    raise_parts(parts, window)
    scene = Scene(
        seed=1,
        ix0=-150,
        iy0=-150,
        cell_m=cell_m,
        rgb=window.rgb,
        height_m=window.height_m,
        material=window.material,
        part_of=window.part_of,
        car=window.car,
        parts=parts,
    )
    return light_scene(scene, Light(sun_elevation_deg=60.0))


def _seen(lit: LitScene, azimuth_deg: float) -> np.ndarray:
    """Which of ground, roof and wall (0, 1, 2) is seen looking along that azimuth, 128 px."""
    turn = math.radians(azimuth_deg)
    camera = Camera(
        x_m=-80 * math.sin(turn),
        y_m=-80 * math.cos(turn),
        z_m=84.0,
        heading_deg=azimuth_deg % 360,
        gimbal_pitch_deg=-45.0,
        field_of_view_deg=22.0,
    )
    view = drone_view(lit, camera, 128, supersample=1)
    red, green = view[..., 0] > 1.4 * view[..., 1], view[..., 1] > 1.4 * view[..., 0]
    return np.where(red, 1, np.where(green, 2, 0))


@pytest.mark.parametrize("azimuth_deg", [0.0, 40.0, 90.0, 163.0, 250.0])
@pytest.mark.parametrize("roof", [FLAT, HIP, DOME])
def test_a_roof_shows_no_wall_above_itself(roof: int, azimuth_deg: float) -> None:
    seen = _seen(_lone_building(roof, 12.0, 8.0, 0.0 if roof == FLAT else 5.0), azimuth_deg)
    assert (seen == 1).sum() > 400
    assert (seen == 2).sum() > 100
    wrong = 0
    for column in seen.T:
        roofs, walls = np.flatnonzero(column == 1), np.flatnonzero(column == 2)
        if len(roofs) and len(walls):
            wrong += int((walls < roofs.max() - 1).sum())
    assert wrong < 0.02 * (seen == 1).sum()


def test_a_gables_end_is_wall_up_to_the_ridge() -> None:
    lit = _lone_building(GABLE, 12.0, 8.0, 6.0)
    seen = _seen(lit, 90.0 - math.degrees(0.3) + 180.0)
    middle = seen[:, 64]
    walls = np.flatnonzero(middle == 2)
    eave_only = _seen(_lone_building(FLAT, 12.0, 8.0, 0.0), 90.0 - math.degrees(0.3) + 180.0)
    assert len(walls) > 1.6 * (eave_only[:, 64] == 2).sum()


def test_a_stadiums_stands_slope_down_to_its_pitch() -> None:
    lit = _lone_building(BOWL, 40.0, 30.0, 0.0)
    height, turn = lit.scene.height_m, 0.3
    across = [
        float(
            height[int(150 + math.cos(turn) * b / 0.35 - 0.5), int(150 - math.sin(turn) * b / 0.35)]
        )
        for b in np.linspace(10.0, 29.0, 20)
    ]
    assert across[0] == 0.0
    assert across[-1] > 5.0
    assert np.all(np.diff(across) >= 0.0)
    assert np.diff([h for h in across if h > 0.0]).max() < 1.2


def test_a_tiles_pixel_spans_two_to_six_decimetres() -> None:
    low, high = (span / 256 for span in RenderSettings().satellite_span_m)
    assert low >= 0.4
    assert high <= 0.6
    place = render_place(3, 0, SMALL)
    assert 130.0 <= place.satellite.gsd_m * SMALL.size_px <= 153.0


def test_footprints_are_comparable_with_the_tile() -> None:
    cameras = fly("university-1652", 54, 0.0, 0.0, RandomStream(1), Jitter())
    tile_m = sum(RenderSettings().satellite_span_m) / 2
    sides = [math.sqrt(_area_m2(camera.footprint())) for camera in cameras]
    assert 0.8 < min(sides) / tile_m < max(sides) / tile_m < 2.0


def _area_m2(corners: tuple[tuple[float, float], ...]) -> float:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def test_streets_hold_few_cars_and_carry_crossings() -> None:
    scene = build_scene(5, 0.0, 0.0, 240.0)
    assert 0.0005 < np.mean((scene.car & 15) > 0) < 0.012
    white = (scene.rgb.min(axis=2) > 185) & (scene.height_m == 0.0)
    assert white.mean() > 0.0005
