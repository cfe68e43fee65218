"""Drone views of an orthophoto: true projection, heights that raise what they should."""

import math
from pathlib import Path

import numpy as np
import pytest

from training.world.orthophoto.bare_ground import above_ground
from training.world.orthophoto.drape import drape, draped_view
from training.world.orthophoto.guessed_heights import guess_heights
from training.world.rendering.camera import Camera


def _pinhole(camera: Camera, size_px: int, x: float, y: float, z: float) -> tuple[float, float]:
    """Independent projection: rotation matrices in camera order, no shared code."""
    yaw, tilt = math.radians(camera.heading_deg), math.radians(90 + camera.gimbal_pitch_deg)
    turn = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    lift = np.array(
        [[1, 0, 0], [0, math.cos(tilt), math.sin(tilt)], [0, -math.sin(tilt), math.cos(tilt)]]
    )
    # At nadir and heading 0: image right is east, image up is north, depth is down.
    offset = np.array([x - camera.x_m, y - camera.y_m, z - camera.z_m])
    right, up, away = lift @ (turn @ offset)
    focal = size_px / 2 / math.tan(math.radians(camera.field_of_view_deg) / 2)
    return size_px / 2 + focal * right / -away, size_px / 2 - focal * up / -away


@pytest.mark.parametrize(("heading", "pitch"), [(0, -90), (37, -90), (122, -60), (300, -45)])
def test_a_known_ground_point_lands_where_a_pinhole_puts_it(heading: float, pitch: float) -> None:
    rgb = np.full((801, 801, 3), 60, np.uint8)
    # Row 0 is north; the middle cell (400, 400) spans x 0..0.5 m and y 0..0.5 m.
    x, y = 14.25, -9.25
    rgb[418:421, 427:430] = (255, 0, 0)
    back = 60.0 / math.tan(math.radians(-pitch))
    camera = Camera(
        x_m=x - back * math.sin(math.radians(heading)) + 6.0,
        y_m=y - back * math.cos(math.radians(heading)) - 4.0,
        z_m=60.0,
        heading_deg=heading,
        gimbal_pitch_deg=pitch,
        field_of_view_deg=50.0,
    )
    view = draped_view(drape(rgb, 0.5), camera, 512, haze_per_m=0.0)
    excess = np.clip(view[..., 0] - view[..., 1], 0, None)
    rows, columns = np.nonzero(excess > 60)
    u, v = _pinhole(camera, 512, x, y, 0.0)
    assert len(rows) > 4
    assert np.hypot(columns.mean() + 0.5 - u, rows.mean() + 0.5 - v) < 2.0


def test_footprint_corners_lie_under_the_images_corners() -> None:
    camera = Camera(
        x_m=40.0,
        y_m=-15.0,
        z_m=120.0,
        heading_deg=205.0,
        gimbal_pitch_deg=-58.0,
        field_of_view_deg=44.0,
    )
    seen = [_pinhole(camera, 256, x, y, 0.0) for x, y in camera.footprint()]
    wanted = [(0, 0), (256, 0), (256, 256), (0, 256)]
    assert np.allclose(seen, wanted, atol=1e-6)


def test_a_raised_roof_leans_away_from_the_camera() -> None:
    rgb = np.full((301, 301, 3), 60, np.uint8)
    rgb[140:161, 190:211] = (0, 0, 255)
    height = np.zeros((301, 301), np.float32)
    height[140:161, 190:211] = 12.0
    camera = Camera(
        x_m=0.0, y_m=0.0, z_m=90.0, heading_deg=0.0, gimbal_pitch_deg=-90.0, field_of_view_deg=90.0
    )  # fmt: skip
    view = draped_view(drape(rgb, 0.5, height_m=height), camera, 400, haze_per_m=0.0)
    is_roof = view[..., 2] > view[..., 0] + 120
    u, _ = _pinhole(camera, 400, 25.0, 0.0, 12.0)
    columns = np.nonzero(is_roof)[1]
    assert abs(columns.mean() + 0.5 - u) < 2.0


def _town(slope: float) -> tuple[np.ndarray, np.ndarray]:
    """A surface model of 370 m at 0.5 m, and what stands on it: a 120 m hall, houses, trees."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:740, 0:740] * 0.5
    ground = 430 + slope * x + 0.5 * slope * y + np.sin(x / 90) + 0.7 * np.cos(y / 70)
    true = np.zeros(ground.shape)
    turn = math.radians(20.0)
    u = (x - 170) * math.cos(turn) + (y - 190) * math.sin(turn)
    v = (y - 190) * math.cos(turn) - (x - 170) * math.sin(turn)
    true[np.maximum(abs(u), abs(v)) < 60] = 9.0
    for middle_x, middle_y in rng.uniform(20, 350, (30, 2)):
        true[(abs(x - middle_x) < 8) & (abs(y - middle_y) < 6) & (true == 0)] = 7.0
    for middle_x, middle_y in rng.uniform(0, 370, (60, 2)):
        off = np.hypot(x - middle_x, y - middle_y) / 4.0
        crown = 4.0 + 6.0 * np.sqrt(np.clip(1 - off**2, 0, None))
        true = np.where(off < 1, np.maximum(true, crown), true)
    surface = ground + true + rng.normal(0, 0.05, ground.shape)
    return surface.astype(np.float32), true


@pytest.mark.parametrize("slope", [0.0, 0.06, 0.2])
def test_a_wide_hall_and_trees_on_sloping_ground_keep_their_heights(slope: float) -> None:
    surface, true = _town(slope)
    off = np.abs(above_ground(surface, 0.5) - true)
    assert (off < 0.5).mean() > 0.98
    assert (off[true == 9.0] < 0.5).mean() > 0.98
    assert np.median(off[true == 0]) < 0.15


def test_what_a_surface_model_leaves_out_is_ground_and_moves_nothing_around_it() -> None:
    surface, true = _town(0.06)
    surface[100:260, 500:700] = np.nan
    height = above_ground(surface, 0.5)
    known = np.isfinite(surface)
    assert height[~known].max() == 0.0
    assert (np.abs(height - true)[known] < 0.5).mean() > 0.98
    assert above_ground(np.full((9, 9), np.nan, np.float32), 0.5).max() == 0.0
    assert above_ground(np.full((9, 9), 431.0, np.float32), 5.0).max() == pytest.approx(0, abs=1e-3)


def test_buildings_and_streets_of_a_real_surface_model_are_as_measured() -> None:
    folder = Path(__file__).resolve().parents[2] / "shared/data/overhead/zurich_ortho"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: no real surface model at hand")
    surface, true = (np.load(folder / f"zh_lidar_{kind}.npy") for kind in ("dsm", "ndsm"))
    height = above_ground(surface, 0.5)
    # Lake cells are filled by streaks in the one and zero in the other.
    land = (true > 0) & (surface - true < 409.5)
    raised, bare = land & (true >= 3.0), land & (true < 0.3)
    assert (height[raised] >= 0.8 * true[raised]).mean() > 0.95
    assert np.median(np.abs(height - true)[raised]) < 0.3
    assert height[bare].mean() < 0.1


def test_guessed_heights_raise_a_bright_block_and_leave_grass_flat() -> None:
    rng = np.random.default_rng(0)
    rgb = np.full((200, 200, 3), (70, 95, 60), np.uint8)
    rgb[60:100, 60:120] = (190, 185, 180)
    rgb += rng.integers(0, 3, rgb.shape, dtype=np.uint8)
    height = guess_heights(rgb, 0.5, 1)
    assert height[80, 90] > 3.0
    assert height[150:, 150:].max() == 0.0
