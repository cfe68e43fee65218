"""Random numbers as pure functions: hashes of (seed, integers), smooth noise, the world's warp.

Every random choice of the world is made here, so a tile can be rendered alone and fits its
neighbours. Coordinates are metres east (x) and north (y) of the world's origin.
"""

import math

import numba

_MASK64 = (1 << 64) - 1
WARP_M = 42.0
"""Amplitude of the bends of the street grid. Our choice: streets curve gently."""
_WAVES = ((0.0021, 0.0013, 0.0), (-0.0011, 0.0026, 1.7), (0.0031, -0.0017, 4.1))


class RandomStream:
    """A stream of numbers in [0, 1) that depends only on its keys (SplitMix64)."""

    def __init__(self, *keys: int) -> None:
        """Fold the integer keys into the stream's state."""
        self._state = 0x1234567
        for key in keys:
            self._state = (self._state ^ (key & _MASK64)) & _MASK64
            self._next()

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK64
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK64
        self._state = z ^ (z >> 31)
        return self._state

    def unit(self) -> float:
        """Return the next number, uniform in [0, 1)."""
        return (self._next() >> 11) / float(1 << 53)

    def between(self, low: float, high: float) -> float:
        """Return the next number, uniform in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """Return an integer in 0..count-1."""
        return int(self.unit() * count)

    def normal(self) -> float:
        """Return an about standard normal number: the sum of twelve uniforms, minus six."""
        return sum(self.unit() for _ in range(12)) - 6.0

    def chance(self, probability: float) -> bool:
        """Return True with that probability."""
        return self.unit() < probability


@numba.njit(cache=True, inline="always")
def hash_unit(seed: int, i: int, j: int) -> float:
    """Return a number in [0, 1) for the integers (seed, i, j)."""
    h = (seed * 0x9E3779B1 + i * 0x85EBCA77 + j * 0xC2B2AE3D) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    h ^= h >> 12
    h = (h * 0x297A2D39) & 0xFFFFFFFF
    h ^= h >> 15
    return h * (1.0 / 4294967296.0)


@numba.njit(cache=True)
def value_noise(seed: int, x: float, y: float) -> float:
    """Return smooth noise in [0, 1) on a lattice of one unit."""
    i = math.floor(x)
    j = math.floor(y)
    u = x - i
    v = y - j
    u = u * u * (3.0 - 2.0 * u)
    v = v * v * (3.0 - 2.0 * v)
    a = hash_unit(seed, i, j)
    b = hash_unit(seed, i + 1, j)
    c = hash_unit(seed, i, j + 1)
    d = hash_unit(seed, i + 1, j + 1)
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


@numba.njit(cache=True)
def warp(seed: int, x: float, y: float) -> tuple[float, float]:
    """Return street-grid metres (u, v) of world metres."""
    u = x
    v = y
    phase = hash_unit(seed, 11, 13) * 6.28
    for kx, ky, shift in _WAVES:
        angle = kx * x + ky * y + shift + phase
        u += WARP_M * math.sin(angle)
        v += WARP_M * math.cos(angle * 1.13 + 0.7)
    return u, v


@numba.njit(cache=True)
def unwarp(seed: int, u: float, v: float) -> tuple[float, float]:
    """Return world metres of street-grid metres: `warp` inverted by fixed-point iteration."""
    x = u
    y = v
    for _ in range(16):
        wu, wv = warp(seed, x, y)
        x += u - wu
        y += v - wv
    return x, y


@numba.njit(cache=True)
def river_distance_m(seed: int, x: float, y: float) -> float:
    """Return roughly the distance to the nearest river bank, metres; negative in the water."""
    p = hash_unit(seed, 17, 19) * 6.28
    a = 0.0016 * x + 0.0007 * y + 1.3 * math.sin(0.0009 * y + p) + 0.25 * math.sin(0.006 * x + p)
    b = -0.0006 * x + 0.0011 * y + 0.9 * math.sin(0.0013 * x + 2.0 * p)
    level = math.sin(a + p) + 0.8 * math.sin(b + 2.0)
    width = 14.0 + 10.0 * math.sin(0.0031 * x + 0.002 * y + p)
    return abs(level - 0.15) * 560.0 - width
