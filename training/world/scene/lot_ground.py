"""The ground of lots at one point: gardens, parks, fields, parking lots, pitches, yards."""

import math
from typing import NamedTuple

import numba

from training.world.chance import hash_unit, value_noise
from training.world.plan.lots import (
    ARENA,
    BARE,
    COURT,
    FIELD,
    GARDEN,
    LAWN,
    MEADOW,
    ORCHARD,
    PARKING,
    PITCH,
    PLAZA,
    POND,
    WOOD,
    YARD,
)
from training.world.scene.cars import car_code
from training.world.scene.ground import Ground, grass, paved, planted, water
from training.world.scene.window import CROP, GRASS, LEAF, PAVED, SOIL


class LotPoint(NamedTuple):
    """A point of a lot, metres: from the lot's middle, the lot's half sides, and in the world."""

    seed: int
    p_m: float
    q_m: float
    half_p_m: float
    half_q_m: float
    x_m: float
    y_m: float


@numba.njit(cache=True)
def _edge_m(at: LotPoint) -> float:
    """Return the distance to the lot's edge."""
    return min(at.half_p_m - abs(at.p_m), at.half_q_m - abs(at.q_m))


@numba.njit(cache=True)
def _lying(at: LotPoint) -> LotPoint:
    """Return the point in a frame whose p axis runs along the lot's longer side."""
    if at.half_p_m < at.half_q_m:
        return LotPoint(at.seed, at.q_m, at.p_m, at.half_q_m, at.half_p_m, at.x_m, at.y_m)
    return at


@numba.njit(cache=True)
def _garden(at: LotPoint, lawn: Ground) -> Ground:
    """Return a garden: lawn, a drive with a car, a hedge, some pools."""
    seed, p, q = at.seed, at.p_m, at.q_m
    pool_p, pool_q = p + at.half_p_m * 0.45, q - at.half_q_m * 0.6
    if hash_unit(seed, 5, 3) < 0.14 and abs(pool_p) < 3.4 and abs(pool_q) < 1.9:
        return Ground(88.0, 178.0, 196.0, PAVED, 0.0, 0)
    drive_p = at.half_p_m * (hash_unit(seed, 5, 1) * 1.4 - 0.7)
    if abs(p - drive_p) < 1.5 and q < 0:
        is_stall = abs(q + at.half_q_m * 0.75) < 2.2 and hash_unit(seed, 5, 9) < 0.8
        car = car_code(seed, 0, 0, 0.35) if is_stall else 0
        return paved(150.0 + 40.0 * hash_unit(seed, 5, 2), 0.98, 0.94, car)
    if _edge_m(at) < 0.7 and hash_unit(seed, 5, 4) < 0.6:
        return Ground(52.0, 76.0, 40.0, LEAF, 0.1, 0)
    return planted(lawn, 0.1 + 0.3 * hash_unit(seed, 5, 5))


@numba.njit(cache=True)
def _park(at: LotPoint, lawn: Ground, has_rim: bool) -> Ground:
    """Return lawn with trees, gravel paths in some, and a gravel rim around a courtyard."""
    seed, p, q = at.seed, at.p_m, at.q_m
    slant = hash_unit(seed, 5, 6) * 2.0 - 1.0
    is_path = (
        abs(p * slant + q * (1 - abs(slant)) + 4 * math.sin(p * 0.06)) < 0.9
        or abs(q - p * slant * 0.5) < 0.8
    )
    if (is_path and hash_unit(seed, 5, 12) < 0.4) or (has_rim and _edge_m(at) < 2.2):
        grey = 132.0 + 22.0 * hash_unit(seed, 5, 13)
        return paved(grey + 16.0 * value_noise(seed, at.x_m * 0.5, at.y_m * 0.5), 0.96, 0.88, 0)
    return planted(lawn, 0.12 + 0.22 * hash_unit(seed, 5, 7))


@numba.njit(cache=True)
def _parking(at: LotPoint) -> Ground:
    """Return a parking lot: rows of stalls with aisles, a green rim with trees."""
    seed, edge = at.seed, _edge_m(at)
    if edge < 2.0:
        return planted(grass(seed, at.x_m, at.y_m, 0.3), 0.25)
    grey = 96.0 + 34.0 * hash_unit(seed, 2, 1)
    grey += 12.0 * value_noise(seed, at.x_m * 0.3, at.y_m * 0.3)
    lying = _lying(at)
    row = math.floor((lying.q_m + 500.0) / 16.5)
    across = (lying.q_m + 500.0) % 16.5
    if edge < 6.0 or 5.0 < across < 11.5:
        return paved(grey, 1.0, 1.0, 0)
    stall = math.floor(lying.p_m / 2.6)
    within = lying.p_m % 2.6
    if within < 0.18:
        return Ground(205.0, 205.0, 200.0, PAVED, 0.0, 0)
    share = 0.1 + 0.6 * hash_unit(seed, 9, 9) ** 2
    side = 2 * row + (1 if across > 8.0 else 0)
    reach = across if across < 8.0 else 16.5 - across
    is_in_car = 0.45 < within < 2.4 and 0.4 < reach < 4.7
    return paved(grey, 1.0, 1.0, car_code(seed, stall, side, share) if is_in_car else 0)


@numba.njit(cache=True)
def _is_pitch_line(p: float, q: float, reach_p: float, reach_q: float) -> bool:
    """Return whether a pitch of half sides `reach_p`, `reach_q` has one of its lines there."""
    a, b = abs(p), abs(q)
    ring = abs(math.hypot(p, q) - reach_q * 0.28)
    is_line = a < 0.25 or reach_p - a < 0.35 or reach_q - b < 0.35 or ring < 0.25
    is_box = (abs(a - reach_p * 0.7) < 0.25 and b < reach_q * 0.5) or (
        a > reach_p * 0.7 and abs(b - reach_q * 0.5) < 0.25
    )
    return is_line or is_box


@numba.njit(cache=True)
def _pitch(at: LotPoint, has_track: bool) -> Ground:
    """Return a sports pitch with its lines, perhaps with a running track around a large one."""
    lying, seed = _lying(at), at.seed
    a, b = abs(lying.p_m), abs(lying.q_m)
    reach_p, reach_q, narrow = lying.half_p_m * 0.72, lying.half_q_m * 0.62, lying.half_q_m
    stripe = 6.0 if math.floor(lying.p_m / 5.5) % 2 == 0 else -6.0
    if a < reach_p and b < reach_q:
        if _is_pitch_line(lying.p_m, lying.q_m, reach_p, reach_q):
            return Ground(226.0, 228.0, 222.0, PAVED, 0.0, 0)
        surface = hash_unit(seed, 4, 4) if narrow < 22.0 else 1.0
        if surface < 0.25:
            return Ground(176.0 + stripe, 96.0, 70.0, PAVED, 0.0, 0)
        if surface < 0.4:
            return Ground(66.0, 104.0 + stripe, 150.0, PAVED, 0.0, 0)
        return Ground(70.0 + stripe, 132.0 + stripe, 66.0, GRASS, 0.0, 0)
    is_oval = a < lying.half_p_m * 0.88 and b < lying.half_q_m * 0.84
    if has_track and narrow > 26.0 and is_oval:
        lane = 14.0 if math.floor(b / 1.3) % 3 == 0 else 0.0
        return Ground(168.0 + lane, 84.0 + lane, 66.0 + lane, PAVED, 0.0, 0)
    return planted(grass(seed, at.x_m, at.y_m, 0.25), 0.06)


@numba.njit(cache=True)
def _field(at: LotPoint) -> Ground:
    """Return a field: rows, tramlines and a grassy edge; the crop is the lot's own."""
    seed, x, y = at.seed, at.x_m, at.y_m
    if _edge_m(at) < 1.6:
        return planted(grass(seed, x, y, 0.5), 0.04)
    row_m = 1.6 + 4.0 * hash_unit(seed, 6, 2)
    s = at.p_m if hash_unit(seed, 6, 3) < 0.5 else at.q_m
    k = (
        0.84
        + 0.2 * value_noise(seed, x * 0.03, y * 0.03)
        + 0.12 * value_noise(seed + 2, x * 0.5, y * 0.5)
    )
    if s % row_m < row_m * 0.4:
        k *= 0.9
    if s % 24.0 < 0.7:
        k *= 0.78
    crop = hash_unit(seed, 6, 1)
    if crop < 0.3:
        return Ground(104 * k, 132 * k, 62 * k, CROP, 0.0, 0)
    if crop < 0.55:
        return Ground(196 * k, 176 * k, 110 * k, CROP, 0.0, 0)
    if crop < 0.75:
        return Ground(136 * k, 108 * k, 84 * k, SOIL, 0.0, 0)
    if crop < 0.88:
        return Ground(204 * k, 190 * k, 64 * k, CROP, 0.0, 0)
    return Ground(84 * k, 118 * k, 74 * k, CROP, 0.0, 0)


@numba.njit(cache=True)
def _plaza(at: LotPoint) -> Ground:
    """Return a paved square: slabs, worn patches, planted beds along its edges."""
    seed, p, q = at.seed, at.p_m, at.q_m
    edge_p, edge_q = at.half_p_m - abs(p), at.half_q_m - abs(q)
    run, edge = q if edge_p < edge_q else p, min(edge_p, edge_q)
    if 2.5 < edge < 6.5 and max(edge_p, edge_q) > 6.5 and (run + 400.0) % 22.0 < 17.0:
        return planted(grass(seed, at.x_m, at.y_m, 0.2), 0.45)
    joint = 0.95 if (p % 3.0 < 0.25 or q % 3.0 < 0.25) else 1.0
    worn = 22.0 * value_noise(seed, at.x_m * 0.12, at.y_m * 0.12)
    k = (118.0 + 44.0 * hash_unit(seed, 1, 2) + worn) * joint
    k *= 0.95 + 0.1 * hash_unit(seed, math.floor(p / 3.0), math.floor(q / 3.0))
    return paved(k, 0.985, 0.92 + 0.06 * hash_unit(seed, 5, 14), 0)


@numba.njit(cache=True)
def _yard(at: LotPoint, lawn: Ground) -> Ground:
    """Return an industrial yard: asphalt, a green rim, cars along its northern fence."""
    if _edge_m(at) < 3.0:
        return planted(lawn, 0.2)
    seed, car = at.seed, 0
    reach, end = at.half_q_m - at.q_m, at.half_p_m - abs(at.p_m)
    if 4.2 < reach < 8.8 and end > 8.0 and 0.4 < at.p_m % 2.8 < 2.3:
        car = car_code(seed, math.floor(at.p_m / 2.8), 3, 0.4 * hash_unit(seed, 5, 10))
    grey = 120.0 + 56.0 * hash_unit(seed, 5, 8)
    return paved(grey + 22.0 * value_noise(seed, at.x_m * 0.09, at.y_m * 0.09), 0.99, 0.96, car)


@numba.njit(cache=True)
def _pond(at: LotPoint, lawn: Ground) -> Ground:
    """Return a pond of uneven outline, with grass around it."""
    angle = math.atan2(at.q_m, at.p_m)
    wobble = 0.62 + 0.3 * value_noise(at.seed, angle * 1.2 + 9.0, 0.5)
    if (at.p_m / at.half_p_m) ** 2 + (at.q_m / at.half_q_m) ** 2 < wobble * wobble:
        return water(at.seed, at.x_m, at.y_m)
    return planted(lawn, 0.16)


@numba.njit(cache=True)
def _bare(at: LotPoint, dry: float) -> Ground:
    """Return bare soil."""
    seed, x, y = at.seed, at.x_m, at.y_m
    k = (
        0.8
        + 0.3 * value_noise(seed, x * 0.07, y * 0.07)
        + 0.12 * value_noise(seed + 3, x * 0.6, y * 0.6)
    )
    return Ground((150 + 30 * dry) * k, (126 + 20 * dry) * k, (98 + 16 * dry) * k, SOIL, 0.02, 0)


@numba.njit(cache=True)
def lot_ground(kind: int, at: LotPoint) -> Ground:
    """Return the ground at a point of a lot of that kind (see `plan.lots`)."""
    dry = hash_unit(at.seed, 1, 2)
    lawn = grass(at.seed, at.x_m, at.y_m, dry)
    if kind == GARDEN:
        return _garden(at, lawn)
    if kind in (LAWN, COURT):
        return _park(at, lawn, kind == COURT)
    if kind == WOOD:
        return Ground(lawn.red * 0.72, lawn.green * 0.72, lawn.blue * 0.7, GRASS, 0.92, 0)
    if kind == FIELD:
        return _field(at)
    if kind == PARKING:
        return _parking(at)
    if kind == YARD:
        return _yard(at, lawn)
    if kind in (PITCH, ARENA):
        return _pitch(at, kind == PITCH)
    if kind == POND:
        return _pond(at, lawn)
    if kind == BARE:
        return _bare(at, dry)
    if kind == PLAZA:
        return _plaza(at)
    if kind == MEADOW:
        return Ground(lawn.red * 1.04, lawn.green * 0.98, lawn.blue * 0.92, GRASS, 0.05, 0)
    if kind == ORCHARD:
        return planted(lawn, 0.75 if (at.p_m % 8.0 < 3.0) else 0.0)
    return planted(lawn, 0.05)
