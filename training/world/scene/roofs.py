"""Raises building parts into a window's grids (see `surface` for their frame)."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, value_noise
from training.world.scene.ground import ROOF

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


@numba.njit(cache=True)
def _tier(across: float, along: float, half: float, length: float) -> float:
    """How far up the stands of a stadium a point is: 0 at the pitch, 1 at the outer wall."""
    u = (abs(across) - 0.68 * half) / (0.32 * half)
    v = (abs(along) - 0.8 * length) / (0.2 * length)
    return math.hypot(max(0.0, u), max(0.0, v))


@numba.njit(cache=True)
def _stand(part: F64, across: float, along: float, half: float, length: float) -> float:
    """Factor on a stand's seat colour by row; -1 where aisles, gangway and rim are concrete."""
    tier = _tier(across, along, half, length)
    side = along if abs(across) / half > abs(along) / length else across
    if side % 11.0 < 0.8 or tier > 0.95 or 0.48 < tier < 0.56:
        return -1.0
    row = math.floor(tier * 0.32 * half / 0.75)
    taken = hash_unit(int(part[18]), row, math.floor(side / 0.6))
    return (0.84 if row % 2 == 0 else 1.0) * (0.9 + 0.25 * taken)


@numba.njit(cache=True)
def _roof(roof: int, a: float, b: float, ha: float, hb: float, eave: float, rise: float) -> float:
    """Height of the roof at (a, b) of the part's frame; below zero outside the footprint."""
    if abs(a) > ha or abs(b) > hb:
        return -1.0
    if roof == 4 or roof == 5:
        reach = (a / ha) ** 2 + (b / hb) ** 2
        return -1.0 if reach > 1.0 else eave + rise * math.sqrt(1.0 - reach)
    across, along, half, length = (b, a, hb, ha) if ha >= hb else (a, b, ha, hb)
    if roof == 6:
        tier = _tier(across, along, half, length)
        return -1.0 if tier <= 0.0 or tier > 1.0 else 1.0 + (eave - 1.0) * tier
    if roof == 1:
        return eave + rise * (1.0 - abs(across) / half)
    if roof == 2:
        return eave + rise * min(1.0 - abs(across) / half, (length - abs(along)) / half)
    if roof == 3:
        return eave + rise * ((along + 500.0) % 7.0) / 7.0
    parapet = min(ha - abs(a), hb - abs(b)) < 0.5
    return eave + (0.6 if parapet and ha > 3.0 else 0.0)


@numba.njit(cache=True)
def _skylight(seed: int, across: float, along: float, half: float, length: float) -> bool:
    """Whether a hall's roof has one of its pale strips of skylight there."""
    inside = 2.0 < abs(across) < half * 0.75 and abs(along) < length - 3.0
    return hash_unit(seed, 1, 8) < 0.4 and inside and (along + 300.0) % 12.0 < 1.2


@numba.njit(cache=True)
def _solar(seed: int, across: float, along: float, half: float, length: float) -> bool:
    """Whether a flat roof has a solar panel there: a few rows on one part of some roofs."""
    if hash_unit(seed, 1, 9) > 0.1 or abs(across) > half - 2.5:
        return False
    reach = min(12.0, 0.4 * length)
    middle = (hash_unit(seed, 1, 10) * 2.0 - 1.0) * (length - reach - 2.5)
    row = (across + 300.0) % 3.0 < 1.1 and hash_unit(seed, 1, 11) * half * 0.8 > across
    return row and abs(along - middle) < reach and (along - middle) % 7.0 > 0.7


@numba.njit(cache=True)
def _roof_shade(part: F64, a: float, b: float) -> tuple[float, float, float]:
    """Factors on the roof colour: tile courses, seams, skylights, solar panels."""
    roof, seed = int(part[8]), int(part[18])
    ha, hb = part[4], part[5]
    across, along = (b, a) if ha >= hb else (a, b)
    k = 1.0
    if roof == 6:
        k = _stand(part, across, along, min(ha, hb), max(ha, hb))
        if k < 0.0:
            return 152.0 / part[9], 150.0 / part[10], 146.0 / part[11]
    elif roof == 1 or roof == 2:
        worn = 0.05 if part[15] == 3 else 0.12
        k = 0.95 + 0.05 * hash_unit(seed, 2, math.floor(across / 1.05))
        k += worn * (value_noise(seed, along * 0.2, across * 0.5) - 0.5)
        if part[15] == 3 and _skylight(seed, across, along, min(ha, hb), max(ha, hb)):
            k = 1.24
        panel = hash_unit(seed, 1, 7)
        half = min(ha, hb)
        if (
            panel < 0.09
            and across > 0.15 * half
            and across < 0.8 * half
            and abs(along) < max(ha, hb) * 0.5
        ):
            line = 0.6 if along % 1.6 < 0.2 else 1.0
            return 40.0 * line / part[9], 52.0 * line / part[10], 84.0 * line / part[11]
    elif part[15] == 3 and min(ha, hb) > 4.0:
        k = 0.97 if along % 2.2 < 0.35 else 1.0
        if _skylight(seed, across, along, min(ha, hb), max(ha, hb)):
            k = 1.24
    else:
        k = 0.9 + 0.2 * value_noise(seed, a * 0.25, b * 0.25)
        k += 0.06 * (value_noise(seed + 1, a * 1.1, b * 1.1) - 0.5)
        if min(ha, hb) > 7.0 and _solar(seed, across, along, min(ha, hb), max(ha, hb)):
            return 50.0 / part[9], 58.0 / part[10], 78.0 / part[11]
    return k, k, k


@numba.njit(cache=True, nogil=True)
def raise_parts(
    parts: F64,
    ix0: int,
    iy0: int,
    cell_m: float,
    height: F32,
    rgb: U8,
    material: U8,
    part_of: NDArray[np.int32],
    car: U8,
) -> None:
    """Raise every building part; where two overlap the higher one stays."""
    rows, columns = height.shape
    for n in range(parts.shape[0]):
        row = parts[n]
        cos, sin, ha, hb = row[2], row[3], row[4], row[5]
        ex, ey = abs(cos) * ha + abs(sin) * hb, abs(sin) * ha + abs(cos) * hb
        c0, c1 = (
            max(0, int((row[0] - ex) / cell_m - ix0)),
            min(columns, int((row[0] + ex) / cell_m - ix0) + 2),
        )
        r0, r1 = (
            max(0, int((row[1] - ey) / cell_m - iy0)),
            min(rows, int((row[1] + ey) / cell_m - iy0) + 2),
        )
        for r in range(r0, r1):
            y = (iy0 + r + 0.5) * cell_m - row[1]
            for c in range(c0, c1):
                x = (ix0 + c + 0.5) * cell_m - row[0]
                a, b = cos * x + sin * y, cos * y - sin * x
                z = _roof(int(row[8]), a, b, ha, hb, row[6], row[7])
                if z > height[r, c]:
                    height[r, c] = z
                    part_of[r, c] = n
                    material[r, c] = ROOF
                    car[r, c] = 0
                    kr, kg, kb = _roof_shade(row, a, b)
                    grain = 0.95 + 0.1 * hash_unit(37, ix0 + c, iy0 + r)
                    rgb[r, c, 0] = np.uint8(min(250.0, row[9] * kr * grain))
                    rgb[r, c, 1] = np.uint8(min(250.0, row[10] * kg * grain))
                    rgb[r, c, 2] = np.uint8(min(250.0, row[11] * kb * grain))
