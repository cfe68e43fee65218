"""Ground at one world coordinate: what the simple kinds look like, wherever they lie."""

from typing import NamedTuple

import numba

from training.world.chance import hash_unit, value_noise
from training.world.scene.window import GRASS, PAVED, WATER


class Ground(NamedTuple):
    """The ground at a point."""

    red: float
    """Red, green and blue run from 0 to 255."""
    green: float
    blue: float
    material: int
    tree: float = 0.0
    """Probability of a tree (0-1)."""
    car: int = 0
    """Code of the car that stands there (see `cars`)."""


@numba.njit(cache=True)
def planted(ground: Ground, tree: float) -> Ground:
    """Return the same ground with another probability of a tree, and no car."""
    return Ground(ground.red, ground.green, ground.blue, ground.material, tree, 0)


@numba.njit(cache=True)
def paved(grey: float, green: float, blue: float, car: int) -> Ground:
    """Return a hard grey surface: its brightness, and how much of it green and blue keep."""
    return Ground(grey, grey * green, grey * blue, PAVED, 0.0, car)


@numba.njit(cache=True)
def grass(seed: int, x: float, y: float, dry: float) -> Ground:
    """Return mown grass, greener or drier in patches."""
    patch = (
        value_noise(seed, x * 0.06, y * 0.06) * 0.6
        + value_noise(seed + 1, x * 0.35, y * 0.35) * 0.4
    )
    k = 0.86 + 0.28 * patch
    return Ground((92 + 54 * dry) * k, (114 + 12 * dry) * k, (70 + 24 * dry) * k, GRASS, 0.0, 0)


@numba.njit(cache=True)
def water(seed: int, x: float, y: float) -> Ground:
    """Return water: dark, slightly green or blue by the body."""
    hue = hash_unit(seed, 8, 8)
    k = 0.9 + 0.2 * value_noise(seed, x * 0.02, y * 0.05)
    return Ground((46 + 24 * hue) * k, (74 + 14 * hue) * k, (84 - 14 * hue) * k, WATER, 0.0, 0)


@numba.njit(cache=True)
def bank(seed: int, x: float, y: float) -> Ground:
    """Return the stony edge of a river."""
    k = 92.0 + 24.0 * value_noise(seed, x * 0.4, y * 0.4)
    return paved(k, 0.95, 0.82, 0)


@numba.njit(cache=True)
def sidewalk(seed: int, x: float, y: float, along: float) -> Ground:
    """Return a pavement's slabs; `along` is metres along the street."""
    k = 0.94 if along % 2.0 < 0.25 else 1.0
    k *= 168.0 + 14.0 * value_noise(seed, x * 0.4, y * 0.4)
    return Ground(k, k * 0.98, k * 0.94, PAVED, 0.16, 0)
