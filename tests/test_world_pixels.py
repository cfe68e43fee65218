"""Pixels of the world stay the same, bit for bit, until `WORLD_VERSION` is raised.

The digests are of grids and of views before the sensor: those use float64 arithmetic that rounds
alike on every x86-64 processor, whereas the sensor's float32 exponential does not.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.world.chance import RandomStream
from training.world.orthophoto.drape import drape, draped_view
from training.world.orthophoto.guessed_heights import guess_heights
from training.world.rendering.camera import Camera, Jitter, fly
from training.world.rendering.raymarch import drone_view
from training.world.rendering.satellite import satellite_view
from training.world.rendering.weather import RenderedWeather, precipitate
from training.world.scene.light import Light, draw_light
from training.world.scene.scene import LitScene, build_scene, light_scene
from training.world.scene.textures import load_textures

WINDOWS = {
    "residential, offices, parking": (1, 608.3, 1176.4, 75.0),
    "pitch, pond, stadium": (1, 125.6, -641.2, 75.0),
    "field, meadow, orchard, saw-tooth hall": (3, 958.3, -834.6, 75.0),
    "yard, tanks": (1, -916.5, -834.2, 60.0),
    "courts, round tower": (1, 474.4, -126.9, 60.0),
    "bare soil": (2, -159.7, 915.3, 60.0),
    "streets, river": (5, 0.0, 0.0, 150.0),
}
"""Seed, world point and half side (metres): together they hold every kind of lot, roof and wall."""

DIGESTS = {
    "residential, offices, parking": ("eafc10b5c60390fa", "6c073cd107c7c535", "4be1dba5e2dfca1a"),
    "pitch, pond, stadium": ("9e3543f93ca7d023", "9c7a21e17f36ad44", "79aae9074e1d78ad"),
    "field, meadow, orchard, saw-tooth hall": (
        "346b11735c934a7c",
        "33927f3f0a371474",
        "53233b91d7198ec4",
    ),
    "yard, tanks": ("104277971a79c3ed", "c077e4c5a80e15b3", "b10ccebc1b164cd4"),
    "courts, round tower": ("ffec5914685b0dd1", "372d3b5fc8f8f94c", "dd797a161b506725"),
    "bare soil": ("7a88ee87f9dbb811", "58338e1ca4faf34c", "cb4db53d81fab584"),
    "streets, river": ("b440793056f3fe32", "07924529acea9c2a", "c5a170eea4927111"),
}
"""Digests of each window's grids, of the grids under two lights, and of views under both."""
TEXTURED = "33afdfa519e11d0e"
DRAPED = "bc26ca3a8f757240"


def _digest(*arrays: np.ndarray) -> str:
    whole = hashlib.sha256()
    for array in arrays:
        rounded = np.round(array) if array.dtype == np.float32 else array
        whole.update(np.ascontiguousarray(rounded.astype(np.int64)).tobytes())
    return whole.hexdigest()[:16]


def _views(lit: LitScene, x: float, y: float) -> list[np.ndarray]:
    steep = Camera(
        x_m=x, y_m=y, z_m=95.0, heading_deg=33.0, gimbal_pitch_deg=-90.0, field_of_view_deg=55.0
    )
    cameras = fly(
        "university-1652", 7, x, y, RandomStream(9), Jitter(yaw_deg=40, aim_m=9, pitch_deg=12)
    )
    return [
        satellite_view(lit, x + 1.0, y - 2.0, 128, 0.9),
        drone_view(lit, steep, 96, haze_per_m=0.0),
        *(drone_view(lit, camera, 64, haze_per_m=1e-3) for camera in cameras),
        drone_view(lit, cameras[3], 48, supersample=1),
    ]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_windows_grids_and_views_are_those_of_this_world_version(window: str) -> None:
    seed, x, y, half_m = WINDOWS[window]
    scene = build_scene(seed, x, y, half_m, 0.5)
    grids = _digest(scene.rgb, scene.height_m * 100, scene.material, scene.part_of, scene.car)
    lights = (
        light_scene(scene, draw_light(RandomStream(seed, 2), 0)),
        light_scene(
            scene, Light(sun_azimuth_deg=250.0, sun_elevation_deg=33.0, season=0.8, epoch=1)
        ),
    )
    lit = _digest(*(grid for one in lights for grid in (one.rgb, one.height_m * 100, one.shadow_m)))
    views = _digest(*(view for one in lights for view in _views(one, x, y)))
    assert (grids, lit, views) == DIGESTS[window]


def test_a_textured_window_and_bad_weather_are_those_of_this_world_version(tmp_path: Path) -> None:
    noise = np.random.default_rng(4)
    for name in ("forest", "agricultural", "golfcourse", "parkinglot", "chaparral", "runway"):
        small = noise.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize((256, 256), Image.Resampling.NEAREST).save(
            tmp_path / f"{name}00.jpg", quality=95
        )
    bank = load_textures(str(tmp_path))
    scene = build_scene(3, 958.3, -834.6, 75.0, 0.5, bank)
    lit = light_scene(scene, Light())
    view = drone_view(lit, fly("nadir", 1, 958.3, -834.6, RandomStream(3), Jitter())[0], 96)
    wet = (
        precipitate(view, RenderedWeather(streaks=5000.0), 7),
        precipitate(view, RenderedWeather(flakes=5000), 8),
    )
    assert _digest(scene.rgb, *wet) == TEXTURED


def test_views_draped_over_an_orthophoto_are_those_of_this_world_version() -> None:
    noise = np.random.default_rng(6)
    blocks = noise.integers(40, 240, (12, 12, 3), dtype=np.uint8)
    photo = np.asarray(Image.fromarray(blocks).resize((240, 240), Image.Resampling.NEAREST)).copy()
    photo[60:110, 150:200] = (60, 80, 50)
    photo[60:110, 150:200] += noise.integers(0, 12, (50, 50, 3), dtype=np.uint8)
    guessed = guess_heights(photo, 0.5, 11)
    assert (guessed > 3.0).mean() > 0.05
    cameras = fly("university-1652", 4, 0.0, 0.0, RandomStream(5), Jitter(aim_m=8.0, pitch_deg=8.0))
    views = [
        draped_view(drape(photo, 0.5, height_m=height, light=Light()), camera, 80)
        for height in (guessed, None)
        for camera in cameras
    ]
    assert _digest(guessed * 100, *views) == DRAPED
