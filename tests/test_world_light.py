"""Shadows have the length and direction that the sun's position gives."""

import math

import numpy as np
import pytest

from training.world.scene.light import Light
from training.world.scene.shadow import shadow_height
from training.world.scene.window import coarse_max

CELL_M = 0.5


def _block(height_m: float) -> np.ndarray:
    grid = np.zeros((200, 200), np.float32)
    grid[90:110, 90:110] = height_m
    return grid


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 135.0, 180.0, 222.0, 270.0])
@pytest.mark.parametrize("elevation", [30.0, 55.0])
def test_a_blocks_shadow_falls_away_from_the_sun(azimuth: float, elevation: float) -> None:
    light = Light(sun_azimuth_deg=azimuth, sun_elevation_deg=elevation)
    height = _block(8.0)
    dark = (shadow_height(height, 0, 0, CELL_M, light) > 0.0) & (height == 0.0)
    away = math.radians(azimuth + 180.0)
    length_cells = 8.0 / math.tan(math.radians(elevation)) / CELL_M
    rows, columns = np.nonzero(dark)
    reach = (columns - 99.5) * math.sin(away) + (rows - 99.5) * math.cos(away)
    edge = 9.5 * (abs(math.sin(away)) + abs(math.cos(away)))
    assert reach.max() == pytest.approx(edge + length_cells, abs=2.0)
    assert reach.min() > -edge - 1.0


def test_shadow_is_lower_the_further_it_falls() -> None:
    light = Light(sun_azimuth_deg=180.0, sun_elevation_deg=45.0)
    shadow = shadow_height(_block(8.0), 0, 0, CELL_M, light)
    assert shadow[111, 100] == pytest.approx(7.0, abs=0.51)
    assert shadow[117, 100] == pytest.approx(4.0, abs=0.51)


def test_coarse_blocks_hold_the_highest_cell() -> None:
    grid = np.random.default_rng(0).random((37, 50)).astype(np.float32)
    coarse = coarse_max(grid)
    assert coarse.shape == (5, 7)
    assert coarse[2, 3] == grid[16:24, 24:32].max()
    assert coarse[4, 6] == grid[32:, 48:].max()
