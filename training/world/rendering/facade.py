"""Colours of what a ray meets on its way down: façades, walls without a plan, crowns' sides."""

import math

import numba

from training.world.chance import hash_unit, value_noise
from training.world.plan.arrays import Record
from training.world.plan.parts import DOME, GLASS, RIBBONS, RIBS, ROUND, WINDOWS

Rgb = tuple[float, float, float]
_SHOP_EAVE_M = 9.5
"""Our choice: buildings higher than this may have shop windows on the ground floor."""
_BASE_M = 0.5
"""Height of the darker base of a wall."""


@numba.njit(cache=True)
def _wall_normal(part: Record, a: float, b: float) -> tuple[float, float, float]:
    """Return a wall's normal in the part's frame, and metres along the wall, at a point on it."""
    if part.roof in (ROUND, DOME):
        angle = math.atan2(b / part.half_b_m, a / part.half_a_m)
        return math.cos(angle), math.sin(angle), angle * part.half_a_m
    if abs(abs(a) - part.half_a_m) < abs(abs(b) - part.half_b_m):
        return (1.0 if a > 0 else -1.0), 0.0, b
    return 0.0, (1.0 if b > 0 else -1.0), a


@numba.njit(cache=True)
def _is_pane(part: Record, level: int, column: int, up: float, across: float) -> bool:
    """Return whether (up, across), each 0 to 1 within a bay of a storey, is window glass."""
    style = part.style
    if style == WINDOWS:
        if level == 0 and part.eave_m > _SHOP_EAVE_M and part.seed % 3 > 0:
            return 0.12 < up < 0.78 and 0.12 < across < 0.88
        return 0.3 < up < 0.8 and 0.24 < across < 0.76
    if style == RIBBONS:
        return 0.35 < up < 0.85
    if style == GLASS:
        return up > 0.12 and across > 0.08
    if style == RIBS:
        return up < 0.8 and level == 0 and column % 4 == 1
    return 0.35 < up < 0.75 and 0.3 < across < 0.62 and column % 2 == 0


@numba.njit(cache=True)
def _relief(part: Record, level: int, up: float, along: float) -> float:
    """Return the brightness of a wall's bands below the eave: cornices, and ribs of halls."""
    if part.style == WINDOWS:
        is_shop = level == 0 and part.eave_m > _SHOP_EAVE_M and part.seed % 3 > 0
        return 1.1 if not is_shop and 0.86 < up < 0.94 and part.seed % 4 == 0 else 1.0
    if part.style == RIBS:
        return 0.92 if along % 1.2 < 0.3 else 1.0
    return 1.0


@numba.njit(cache=True)
def facade(part: Record, x: float, y: float, z: float) -> tuple[Rgb, float, float]:
    """Return the wall's colour at world (x, y, z) of a part, and its normal (east, north)."""
    dx, dy = x - part.x_m, y - part.y_m
    a, b = part.cos * dx + part.sin * dy, part.cos * dy - part.sin * dx
    na, nb, along = _wall_normal(part, a, b)
    east, north = part.cos * na - part.sin * nb, part.sin * na + part.cos * nb
    level, column = math.floor(z / part.floor_m), math.floor(along / part.bay_m)
    up, across = z / part.floor_m - level, along / part.bay_m - column
    is_below_eave = z < part.eave_m - 0.4
    if is_below_eave and _is_pane(part, level, column, up, across):
        k = hash_unit(part.seed, level, column + int(3 * na + 7 * nb))
        k = 0.6 + 0.8 * k if k < 0.92 else 2.1
        return (62.0 * k, 76.0 * k, 92.0 * k), east, north
    k = _relief(part, level, up, along) if is_below_eave else 1.0
    red, green, blue = part.wall_red * k, part.wall_green * k, part.wall_blue * k
    if z < _BASE_M:
        return (red * 0.8, green * 0.8, blue * 0.8), east, north
    return (red, green, blue), east, north


@numba.njit(cache=True)
def plain_wall(x: float, y: float, z: float, top: float) -> float:
    """Return the brightness of a wall without a plan: storeys of windows, darker at the ground."""
    k = 0.62 + 0.2 * min(1.0, z / max(1.0, top))
    up, across = (z / 3.1) % 1.0, ((x + y) / 3.4) % 1.0
    if z < top - 0.8 and 0.35 < up < 0.78 and 0.3 < across < 0.7:
        k *= 0.55
    return k


@numba.njit(cache=True)
def leafage(x: float, y: float, z: float) -> float:
    """Return the brightness of a crown's side: tufts of leaves with dark gaps between them."""
    return 0.72 + 0.5 * value_noise(29, (x + 0.6 * y) * 1.3, (z + 0.6 * y - 0.4 * x) * 1.5)
