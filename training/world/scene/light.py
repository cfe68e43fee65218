"""Sun and season of one moment, and the colours of a window under them."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from training.world.chance import RandomStream
from training.world.scene.window import CROP, F32, GRASS, LEAF, U8

_FREE_OF_SHADOW_M = 0.25
"""Our choice: a shadow that ends so little above a cell does not darken it."""


@dataclass(frozen=True, kw_only=True)
class Light:
    """One moment: the sun, the season and which cars are parked (`epoch` 0 or 1)."""

    sun_azimuth_deg: float = 150.0
    sun_elevation_deg: float = 50.0
    ambient: float = 0.45
    direct: float = 0.75
    warmth: float = 0.0
    season: float = 0.0
    epoch: int = 0

    @property
    def sun(self) -> tuple[float, float, float]:
        """Unit vector to the sun: east, north, up."""
        azimuth, elevation = (
            math.radians(self.sun_azimuth_deg),
            math.radians(self.sun_elevation_deg),
        )
        flat = math.cos(elevation)
        return math.sin(azimuth) * flat, math.cos(azimuth) * flat, math.sin(elevation)


class Sunlight(NamedTuple):
    """What compiled functions need of a `Light`; `east`, `north`, `up` point to the sun."""

    east: float
    north: float
    up: float
    ambient: float
    direct: float
    warmth: float
    season: float

    @classmethod
    def of(cls, light: Light) -> "Sunlight":
        """Return the sunlight of a moment."""
        return cls(*light.sun, light.ambient, light.direct, light.warmth, light.season)


class Surface(NamedTuple):
    """A window's grids as light finds them: colours, heights and shadow heights (metres)."""

    rgb: U8
    material: U8
    height_m: F32
    shadow_m: F32
    cell_m: float


def draw_light(rng: RandomStream, epoch: int) -> Light:
    """Return a random daytime light; season 0 is lush, 1 is dry or autumnal."""
    return Light(
        sun_azimuth_deg=rng.between(95, 265),
        sun_elevation_deg=rng.between(30, 66),
        ambient=rng.between(0.42, 0.58),
        direct=rng.between(0.5, 0.85),
        warmth=rng.between(-0.05, 0.09),
        season=rng.unit() ** 1.6,
        epoch=epoch,
    )


@numba.njit(cache=True)
def _slope(ahead: float, behind: float) -> float:
    """Return the gentler of two rises that go the same way; edges and parapets are level."""
    if ahead * behind <= 0.0:
        return 0.0
    return ahead if abs(ahead) < abs(behind) else behind


@numba.njit(cache=True)
def _facing_sun(surface: Surface, sun: Sunlight, r: int, c: int) -> float:
    """Return the cosine between a cell's normal and the sun; 0 for a cell that faces away."""
    height, cell_m = surface.height_m, surface.cell_m
    rows, columns = height.shape
    h = height[r, c]
    east, west = height[r, min(c + 1, columns - 1)] - h, h - height[r, max(c - 1, 0)]
    north, south = height[min(r + 1, rows - 1), c] - h, h - height[max(r - 1, 0), c]
    gx, gy = _slope(east, west) / cell_m, _slope(north, south) / cell_m
    if surface.material[r, c] == LEAF:
        gx, gy = 0.5 * (east + west) / cell_m, 0.5 * (north + south) / cell_m
        gx, gy = max(-1.3, min(1.3, gx)), max(-1.3, min(1.3, gy))
    return max(0.0, (sun.up - gx * sun.east - gy * sun.north) / math.sqrt(1.0 + gx * gx + gy * gy))


@numba.njit(cache=True, nogil=True)
def _shade(surface: Surface, sun: Sunlight, out: U8) -> None:
    rows, columns = surface.height_m.shape
    for r in range(rows):
        for c in range(columns):
            material = surface.material[r, c]
            light, cool = sun.ambient, 0.06
            if surface.shadow_m[r, c] <= surface.height_m[r, c] + _FREE_OF_SHADOW_M:
                light += sun.direct * _facing_sun(surface, sun, r, c)
                cool = 0.0
            red = float(surface.rgb[r, c, 0])
            green = float(surface.rgb[r, c, 1])
            blue = float(surface.rgb[r, c, 2])
            if material in (GRASS, LEAF, CROP):
                blend = sun.season * (0.4 if material == LEAF else 0.55)
                grey = 0.4 * red + 0.6 * green
                red += blend * (grey * 1.16 - red)
                green += blend * (grey * 0.98 - green)
                blue += blend * (grey * 0.66 - blue)
            out[r, c, 0] = np.uint8(min(255.0, red * light * (1.0 + sun.warmth - cool)))
            out[r, c, 1] = np.uint8(min(255.0, green * light))
            out[r, c, 2] = np.uint8(min(255.0, blue * light * (1.0 - sun.warmth + cool)))


def shade(surface: Surface, light: Light) -> U8:
    """Return the colours [H, W, 3] seen from above under `light`: slope, shadow and season."""
    out = np.empty_like(surface.rgb)
    _shade(surface, Sunlight.of(light), out)
    return out
