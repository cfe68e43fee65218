"""Sun, season and shadow: how a scene's colours look under one light."""

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import Dice

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
COARSE_CELLS = 8
CAR_COLOURS = np.array(
    [
        (0, 0, 0),
        (232, 232, 230),
        (206, 208, 210),
        (160, 164, 168),
        (44, 46, 50),
        (28, 30, 34),
        (96, 100, 106),
        (150, 40, 38),
        (60, 84, 130),
        (34, 48, 84),
        (120, 118, 108),
        (214, 206, 186),
        (70, 92, 76),
        (172, 174, 178),
        (240, 240, 240),
        (84, 78, 74),
    ],
    np.float32,
)


@dataclass(frozen=True, kw_only=True)
class Light:
    """One moment: the sun, the season and whose cars are parked (`epoch` 0 or 1)."""

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


def draw_light(dice: Dice, epoch: int) -> Light:
    """A random daytime light; season 0 is lush, 1 is dry or autumnal."""
    return Light(
        sun_azimuth_deg=dice.between(95, 265),
        sun_elevation_deg=dice.between(30, 66),
        ambient=dice.between(0.42, 0.58),
        direct=dice.between(0.5, 0.85),
        warmth=dice.between(-0.05, 0.09),
        season=dice.unit() ** 1.6,
        epoch=epoch,
    )


@numba.njit(cache=True)
def _car_cells(car: U8, shift: int, r: int, c: int, code: int) -> int:
    """How many of the 7 x 7 cells about (r, c) belong to a car of that colour."""
    count = 0
    for rr in range(max(0, r - 3), min(car.shape[0], r + 4)):
        for cc in range(max(0, c - 3), min(car.shape[1], c + 4)):
            count += ((car[rr, cc] >> shift) & 15) == code
    return count


@numba.njit(cache=True, nogil=True)
def _add_cars(car: U8, shift: int, colours: F32, rgb: U8, height: F32) -> None:
    rows, columns = car.shape
    for r in range(rows):
        for c in range(columns):
            code = (car[r, c] >> shift) & 15
            if code:
                count = _car_cells(car, shift, r, c, code)
                glass = 0.42 if 22 <= count < 27 else 1.0
                rgb[r, c, 0] = np.uint8(colours[code, 0] * glass)
                rgb[r, c, 1] = np.uint8(colours[code, 1] * glass)
                rgb[r, c, 2] = np.uint8(colours[code, 2] * glass)
                height[r, c] += 0.95 if count < 22 else 1.2 if count < 27 else 1.5


def add_cars(car: U8, epoch: int, rgb: U8, height: F32) -> None:
    """Put the cars of `epoch` into colour and height, in place."""
    _add_cars(car, 4 * epoch, CAR_COLOURS, rgb, height)


@numba.njit(cache=True, nogil=True)
def _shadow(height: F32, major0: int, slope: float, step_m: float, out: F32, flip: bool) -> None:
    """Sweep rows away from the sun; a row's shadow comes from the row nearer to the sun."""
    rows, columns = height.shape
    for k in range(1, rows):
        r = rows - 1 - k if flip else k
        near = r + 1 if flip else r - 1
        shift = math.floor((major0 + near) * slope + 0.5) - math.floor((major0 + r) * slope + 0.5)
        for c in range(columns):
            source = c + shift
            if 0 <= source < columns:
                level = max(height[near, source], out[near, source]) - step_m
                out[r, c] = max(level, np.float32(-1.0))


def shadow_height(height: F32, ix0: int, iy0: int, cell_m: float, light: Light) -> F32:
    """Height (metres) below which each cell's column lies in shadow; -1 where the sun is free.

    The sweep's integer shifts are aligned to world cells, so two windows agree where they overlap
    and are further from their edges than the longest shadow.
    """
    sx, sy, sz = light.sun
    out = np.full(height.shape, -1.0, np.float32)
    if abs(sy) >= abs(sx):
        step_m = cell_m * sz / abs(sy)
        _shadow(height, iy0, sx / sy, step_m, out, sy > 0)
        return out
    step_m = cell_m * sz / abs(sx)
    turned = np.ascontiguousarray(out.T)
    _shadow(np.ascontiguousarray(height.T), ix0, sy / sx, step_m, turned, sx > 0)
    return np.ascontiguousarray(turned.T)


@numba.njit(cache=True)
def _slope(ahead: float, behind: float) -> float:
    """The gentler of two rises that go the same way; an edge or a parapet's top is level."""
    if ahead * behind <= 0.0:
        return 0.0
    return ahead if abs(ahead) < abs(behind) else behind


@numba.njit(cache=True, nogil=True)
def _shade(
    rgb: U8,
    height: F32,
    shadow: F32,
    material: U8,
    cell_m: float,
    sun: tuple[float, float, float],
    ambient: float,
    direct: float,
    warmth: float,
    season: float,
    out: U8,
) -> None:
    rows, columns = height.shape
    sx, sy, sz = sun
    for r in range(rows):
        rn, rs = min(r + 1, rows - 1), max(r - 1, 0)
        for c in range(columns):
            ce, cw = min(c + 1, columns - 1), max(c - 1, 0)
            h = height[r, c]
            east, west = height[r, ce] - h, h - height[r, cw]
            north, south = height[rn, c] - h, h - height[rs, c]
            gx, gy = _slope(east, west) / cell_m, _slope(north, south) / cell_m
            kind = material[r, c]
            if kind == 2:
                gx, gy = 0.5 * (east + west) / cell_m, 0.5 * (north + south) / cell_m
                gx, gy = max(-1.3, min(1.3, gx)), max(-1.3, min(1.3, gy))
            facing = max(0.0, (sz - gx * sx - gy * sy) / math.sqrt(1.0 + gx * gx + gy * gy))
            light = ambient
            cool = 0.06
            if shadow[r, c] <= h + 0.25:
                light += direct * facing
                cool = 0.0
            red, green, blue = float(rgb[r, c, 0]), float(rgb[r, c, 1]), float(rgb[r, c, 2])
            if kind == 1 or kind == 2 or kind == 3:
                blend = season * (0.55 if kind != 2 else 0.4)
                grey = 0.4 * red + 0.6 * green
                red += blend * (grey * 1.16 - red)
                green += blend * (grey * 0.98 - green)
                blue += blend * (grey * 0.66 - blue)
            out[r, c, 0] = np.uint8(min(255.0, red * light * (1.0 + warmth - cool)))
            out[r, c, 1] = np.uint8(min(255.0, green * light))
            out[r, c, 2] = np.uint8(min(255.0, blue * light * (1.0 - warmth + cool)))


def shade(rgb: U8, height: F32, shadow: F32, material: U8, cell_m: float, light: Light) -> U8:
    """Colours as seen from above under `light`: slope, shadow, season."""
    out = np.empty_like(rgb)
    _shade(
        rgb,
        height,
        shadow,
        material,
        cell_m,
        light.sun,
        light.ambient,
        light.direct,
        light.warmth,
        light.season,
        out,
    )
    return out


@numba.njit(cache=True, nogil=True)
def coarse_max(height: F32) -> F32:
    """The highest point of every block of 8 x 8 cells, for skipping empty air."""
    rows, columns = height.shape
    out = np.zeros(((rows + 7) // 8, (columns + 7) // 8), np.float32)
    for r in range(rows):
        for c in range(columns):
            out[r // 8, c // 8] = max(out[r // 8, c // 8], height[r, c])
    return out
