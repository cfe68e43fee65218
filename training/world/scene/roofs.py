"""Raises building parts into a window: roof heights and roof colours."""

import math

import numba
import numpy as np

from training.world.chance import hash_unit, value_noise
from training.world.plan.arrays import Record, Records
from training.world.plan.parts import BOWL, DOME, GABLE, HIP, RIBS, ROUND, SAW
from training.world.scene.window import ROOF, Window

Factors = tuple[float, float, float]
"""What the roof's red, green and blue are multiplied by."""
_SAW_TOOTH_M = 7.0


@numba.njit(cache=True)
def _lying(a: float, b: float, half_a: float, half_b: float) -> tuple[float, float, float, float]:
    """Return a point's position across and along the longer side, and the half sides likewise."""
    if half_a >= half_b:
        return b, a, half_b, half_a
    return a, b, half_a, half_b


@numba.njit(cache=True)
def _tier(across: float, along: float, half: float, length: float) -> float:
    """Return how far up a stadium's stands a point is: 0 at the pitch, 1 at the outer wall."""
    u = (abs(across) - 0.68 * half) / (0.32 * half)
    v = (abs(along) - 0.8 * length) / (0.2 * length)
    return math.hypot(max(0.0, u), max(0.0, v))


@numba.njit(cache=True)
def _stand(seed: int, across: float, along: float, half: float, length: float) -> float:
    """Return the factor on a stand's seat colour; -1 where aisles, gangway and rim are concrete."""
    tier = _tier(across, along, half, length)
    side = along if abs(across) / half > abs(along) / length else across
    if side % 11.0 < 0.8 or tier > 0.95 or 0.48 < tier < 0.56:
        return -1.0
    row = math.floor(tier * 0.32 * half / 0.75)
    taken = hash_unit(seed, row, math.floor(side / 0.6))
    return (0.84 if row % 2 == 0 else 1.0) * (0.9 + 0.25 * taken)


@numba.njit(cache=True)
def _roof_height(part: Record, a: float, b: float) -> float:
    """Return the roof's height at (a, b) of the part's frame; below zero outside the footprint."""
    half_a, half_b = float(part.half_a_m), float(part.half_b_m)
    eave, rise = float(part.eave_m), float(part.rise_m)
    if abs(a) > half_a or abs(b) > half_b:
        return -1.0
    if part.roof in (ROUND, DOME):
        reach = (a / half_a) ** 2 + (b / half_b) ** 2
        return -1.0 if reach > 1.0 else eave + rise * math.sqrt(1.0 - reach)
    across, along, half, length = _lying(a, b, half_a, half_b)
    if part.roof == BOWL:
        tier = _tier(across, along, half, length)
        return -1.0 if tier <= 0.0 or tier > 1.0 else 1.0 + (eave - 1.0) * tier
    if part.roof == GABLE:
        return eave + rise * (1.0 - abs(across) / half)
    if part.roof == HIP:
        return eave + rise * min(1.0 - abs(across) / half, (length - abs(along)) / half)
    if part.roof == SAW:
        return eave + rise * ((along + 500.0) % _SAW_TOOTH_M) / _SAW_TOOTH_M
    is_parapet = min(half_a - abs(a), half_b - abs(b)) < 0.5 and half_a > 3.0
    return eave + (0.6 if is_parapet else 0.0)


@numba.njit(cache=True)
def _is_skylight(seed: int, across: float, along: float, half: float, length: float) -> bool:
    """Return whether a hall's roof has one of its pale strips of skylight there."""
    inside = 2.0 < abs(across) < half * 0.75 and abs(along) < length - 3.0
    return hash_unit(seed, 1, 8) < 0.4 and inside and (along + 300.0) % 12.0 < 1.2


@numba.njit(cache=True)
def _is_flat_solar(seed: int, across: float, along: float, half: float, length: float) -> bool:
    """Return whether a flat roof has a solar panel there: a few rows on one part of some roofs."""
    if hash_unit(seed, 1, 9) > 0.1 or abs(across) > half - 2.5:
        return False
    reach = min(12.0, 0.4 * length)
    middle = (hash_unit(seed, 1, 10) * 2.0 - 1.0) * (length - reach - 2.5)
    is_row = (across + 300.0) % 3.0 < 1.1 and hash_unit(seed, 1, 11) * half * 0.8 > across
    return is_row and abs(along - middle) < reach and (along - middle) % 7.0 > 0.7


@numba.njit(cache=True)
def _towards(part: Record, red: float, green: float, blue: float) -> Factors:
    """Return the factors that turn the part's roof colour into the given one."""
    return red / part.roof_red, green / part.roof_green, blue / part.roof_blue


@numba.njit(cache=True)
def _pitched_shade(part: Record, across: float, along: float) -> Factors:
    """Return the factors of a gable or hip: tile courses, wear, skylights, solar panels."""
    seed = part.seed
    half, length = min(part.half_a_m, part.half_b_m), max(part.half_a_m, part.half_b_m)
    worn = 0.05 if part.style == RIBS else 0.12
    k = 0.95 + 0.05 * hash_unit(seed, 2, math.floor(across / 1.05))
    k += worn * (value_noise(seed, along * 0.2, across * 0.5) - 0.5)
    if part.style == RIBS and _is_skylight(seed, across, along, half, length):
        k = 1.24
    is_south = across > 0.15 * half and across < 0.8 * half
    if hash_unit(seed, 1, 7) < 0.09 and is_south and abs(along) < length * 0.5:
        line = 0.6 if along % 1.6 < 0.2 else 1.0
        return _towards(part, 40.0 * line, 52.0 * line, 84.0 * line)
    return k, k, k


@numba.njit(cache=True)
def _roof_shade(part: Record, a: float, b: float) -> Factors:
    """Return the factors on the roof colour at (a, b) of the part's frame."""
    roof, seed = part.roof, part.seed
    across, along, half, length = _lying(a, b, part.half_a_m, part.half_b_m)
    if roof == BOWL:
        k = _stand(seed, across, along, half, length)
        if k < 0.0:
            return _towards(part, 152.0, 150.0, 146.0)
        return k, k, k
    if roof in (GABLE, HIP):
        return _pitched_shade(part, across, along)
    if part.style == RIBS and half > 4.0:
        k = 0.97 if along % 2.2 < 0.35 else 1.0
        if _is_skylight(seed, across, along, half, length):
            k = 1.24
        return k, k, k
    k = 0.9 + 0.2 * value_noise(seed, a * 0.25, b * 0.25)
    k += 0.06 * (value_noise(seed + 1, a * 1.1, b * 1.1) - 0.5)
    if half > 7.0 and _is_flat_solar(seed, across, along, half, length):
        return _towards(part, 50.0, 58.0, 78.0)
    return k, k, k


@numba.njit(cache=True)
def _cells(middle_m: float, reach_m: float, cell_m: float, i0: int, size: int) -> tuple[int, int]:
    """Return the first cell and the one after the last that a part may touch on one axis."""
    first = max(0, int((middle_m - reach_m) / cell_m - i0))
    return first, min(size, int((middle_m + reach_m) / cell_m - i0) + 2)


@numba.njit(cache=True)
def _raise(n: int, part: Record, window: Window) -> None:
    """Raise part number `n`."""
    rows, columns = window.height_m.shape
    ix0, iy0, cell_m = window.ix0, window.iy0, window.cell_m
    cos, sin = part.cos, part.sin
    reach_x = abs(cos) * part.half_a_m + abs(sin) * part.half_b_m
    reach_y = abs(sin) * part.half_a_m + abs(cos) * part.half_b_m
    c0, c1 = _cells(part.x_m, reach_x, cell_m, ix0, columns)
    r0, r1 = _cells(part.y_m, reach_y, cell_m, iy0, rows)
    for r in range(r0, r1):
        y = (iy0 + r + 0.5) * cell_m - part.y_m
        for c in range(c0, c1):
            x = (ix0 + c + 0.5) * cell_m - part.x_m
            a, b = cos * x + sin * y, cos * y - sin * x
            z = _roof_height(part, a, b)
            if z > window.height_m[r, c]:
                window.height_m[r, c] = z
                window.part_of[r, c] = n
                window.material[r, c] = ROOF
                window.car[r, c] = 0
                red, green, blue = _roof_shade(part, a, b)
                grain = 0.95 + 0.1 * hash_unit(37, ix0 + c, iy0 + r)
                window.rgb[r, c, 0] = np.uint8(min(250.0, part.roof_red * red * grain))
                window.rgb[r, c, 1] = np.uint8(min(250.0, part.roof_green * green * grain))
                window.rgb[r, c, 2] = np.uint8(min(250.0, part.roof_blue * blue * grain))


@numba.njit(cache=True, nogil=True)
def raise_parts(parts: Records, window: Window) -> None:
    """Raise every building part, in place; where two overlap the higher one stays."""
    for n in range(parts.shape[0]):
        _raise(n, parts[n], window)
