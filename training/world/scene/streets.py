"""Streets at one point: asphalt, lines, zebra crossings, and the cars along them."""

import math
from typing import NamedTuple

import numba

from training.world.chance import hash_unit, value_noise
from training.world.scene.cars import car_code
from training.world.scene.ground import Ground, paved

JUNCTION_M = 8.0
"""Our choice: so near to a junction a street shows its stop line and crossing, if any."""
_CLEAR_M = 11.0
"""Our choice: no car stands nearer to a junction."""


class StreetPoint(NamedTuple):
    """A point on a street; lengths in metres."""

    seed: int
    offset_m: float
    """Signed distance from the street's middle line."""
    along_m: float
    half_m: float
    """Half the street's width."""
    x_m: float
    y_m: float
    gap_m: float
    """Distance to the next junction's edge; negative inside it."""
    bound: float
    """Sign of the offset of the side that drives towards the junction; 0 leaves it unpainted."""


@numba.njit(cache=True)
def _car(at: StreetPoint) -> int:
    """Return the car at a point of a street: parked along some stretches, a few driving."""
    distance, along = abs(at.offset_m), at.along_m
    side = 1 if at.offset_m > 0 else 2
    if at.half_m > 3.4 and at.half_m - 2.3 < distance < at.half_m - 0.4:
        is_parking_stretch = hash_unit(at.seed, math.floor(along / 62.0), side) < 0.4
        if 0.7 < along % 6.2 < 5.3 and is_parking_stretch:
            return car_code(at.seed, math.floor(along / 6.2), side, 0.28)
    elif at.half_m > 3.0 and 0.7 < distance < 2.6:
        slot = math.floor(along / 46.0)
        start = 38.0 * hash_unit(at.seed + 11, slot, side)
        if start < along % 46.0 < start + 4.6:
            return car_code(at.seed + 5, slot, side, 0.22)
    return 0


@numba.njit(cache=True)
def _is_junction_paint(at: StreetPoint) -> bool:
    """Return whether a zebra bar or the stop line before a junction is painted there."""
    if at.bound == 0.0 or at.half_m < 3.2 or abs(at.offset_m) > at.half_m - 0.5:
        return False
    if hash_unit(at.seed, int(at.half_m * 100.0), int(at.bound) + 2) < 0.25:
        return False
    if 2.8 < at.gap_m < 5.8:
        return (at.offset_m + 100.0) % 1.2 < 0.6
    return 6.9 < at.gap_m < 7.4 and at.offset_m * at.bound > 0.2


@numba.njit(cache=True)
def street(at: StreetPoint) -> Ground:
    """Return a street's surface and cars at a point."""
    seed, half, distance = at.seed, at.half_m, abs(at.offset_m)
    grey = 84.0 + 26.0 * hash_unit(seed, 3, 5)
    grey += 12.0 * value_noise(seed, at.x_m * 0.2, at.y_m * 0.2)
    grey += 7.0 * (value_noise(seed + 4, at.offset_m * 1.1, at.along_m * 0.05) - 0.5)
    if at.gap_m < JUNCTION_M:
        return paved(202.0 if _is_junction_paint(at) else grey, 1.0, 1.01, 0)
    if distance < 0.16 and half > 3.2 and (half > 5.5 or at.along_m % 9.0 < 4.0):
        grey = 196.0
    elif half > 5.5 and abs(distance - (half - 2.4)) < 0.12:
        grey = 176.0
    return paved(grey, 1.0, 1.01, _car(at) if at.gap_m > _CLEAR_M else 0)
