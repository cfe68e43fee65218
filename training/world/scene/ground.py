"""What lies on the ground at one world coordinate: colour, material, tree cover, parked cars."""

import math

import numba

from training.world.chance import hash_unit, value_noise

PAVED, GRASS, LEAF, CROP, WATER, ROOF, SOIL = range(7)
"""Materials: seasons tint GRASS, LEAF and CROP; water is smooth."""

Ground = tuple[float, float, float, int, float, int]
"""red, green, blue (0-255), material, probability of a tree, car code (0: none)."""


@numba.njit(cache=True)
def car_code(seed: int, stall: int, row: int, share: float) -> int:
    """Two 4-bit car colours, one for each epoch (0: the stall is empty)."""
    code = 0
    for epoch in range(2):
        if hash_unit(seed + 7919 * epoch, stall, row) < share:
            code |= (1 + int(hash_unit(seed + 104729 * epoch, row, stall) * 14.99)) << (4 * epoch)
    return code


@numba.njit(cache=True)
def _street_car(seed: int, offset: float, along: float, half: float) -> int:
    """The car at a point of a street: parked along some stretches, a few driving."""
    distance = abs(offset)
    side = 1 if offset > 0 else 2
    if half > 3.4 and half - 2.3 < distance < half - 0.4:
        if 0.7 < along % 6.2 < 5.3 and hash_unit(seed, math.floor(along / 62.0), side) < 0.4:
            return car_code(seed, math.floor(along / 6.2), side, 0.28)
    elif half > 3.0 and 0.7 < distance < 2.6:
        slot = math.floor(along / 46.0)
        start = 38.0 * hash_unit(seed + 11, slot, side)
        if start < along % 46.0 < start + 4.6:
            return car_code(seed + 5, slot, side, 0.22)
    return 0


@numba.njit(cache=True)
def _junction_paint(seed: int, offset: float, half: float, gap: float, bound: float) -> bool:
    """Zebra bars and the stop line before a junction whose edge is `gap` metres on."""
    if half < 3.2 or abs(offset) > half - 0.5:
        return False
    if hash_unit(seed, int(half * 100.0), int(bound) + 2) < 0.25:
        return False
    if 2.8 < gap < 5.8:
        return (offset + 100.0) % 1.2 < 0.6
    return 6.9 < gap < 7.4 and offset * bound > 0.2


@numba.njit(cache=True)
def road(
    seed: int,
    offset: float,
    along: float,
    half: float,
    x: float,
    y: float,
    gap: float,
    bound: float,
) -> Ground:
    """A street: asphalt, lines, zebra crossings, cars along wide ones.

    `gap` is the distance to the next junction's edge (negative: in it), `bound` the side that
    drives towards it; 0 leaves the junction unpainted.
    """
    grey = 84.0 + 26.0 * hash_unit(seed, 3, 5) + 12.0 * value_noise(seed, x * 0.2, y * 0.2)
    distance = abs(offset)
    grey += 7.0 * (value_noise(seed + 4, offset * 1.1, along * 0.05) - 0.5)
    if gap < 8.0:
        if bound != 0.0 and _junction_paint(seed, offset, half, gap, bound):
            grey = 202.0
        return grey, grey, grey * 1.01, PAVED, 0.0, 0
    if distance < 0.16 and half > 3.2 and (half > 5.5 or along % 9.0 < 4.0):
        grey = 196.0
    elif half > 5.5 and abs(distance - (half - 2.4)) < 0.12:
        grey = 176.0
    car = _street_car(seed, offset, along, half) if gap > 11.0 else 0
    return grey, grey, grey * 1.01, PAVED, 0.0, car


@numba.njit(cache=True)
def grass(seed: int, x: float, y: float, dry: float) -> Ground:
    """Mown grass, greener or drier in patches."""
    patch = (
        value_noise(seed, x * 0.06, y * 0.06) * 0.6
        + value_noise(seed + 1, x * 0.35, y * 0.35) * 0.4
    )
    k = 0.86 + 0.28 * patch
    return (92 + 54 * dry) * k, (114 + 12 * dry) * k, (70 + 24 * dry) * k, GRASS, 0.0, 0


@numba.njit(cache=True)
def parking(
    seed: int, p: float, q: float, half_p: float, half_q: float, x: float, y: float
) -> Ground:
    """A parking lot: rows of stalls with aisles, a few islands with trees."""
    grey = 96.0 + 34.0 * hash_unit(seed, 2, 1) + 12.0 * value_noise(seed, x * 0.3, y * 0.3)
    edge = min(half_p - abs(p), half_q - abs(q))
    if edge < 2.0:
        r, g, b, material, _, _ = grass(seed, x, y, 0.3)
        return r, g, b, material, 0.25, 0
    if half_p < half_q:
        p, q = q, p
    row = math.floor((q + 500.0) / 16.5)
    across = (q + 500.0) % 16.5
    if edge < 6.0 or 5.0 < across < 11.5:
        return grey, grey, grey, PAVED, 0.0, 0
    stall = math.floor(p / 2.6)
    within = p % 2.6
    if within < 0.18:
        return 205.0, 205.0, 200.0, PAVED, 0.0, 0
    share = 0.1 + 0.6 * hash_unit(seed, 9, 9) ** 2
    side = 2 * row + (1 if across > 8.0 else 0)
    reach = across if across < 8.0 else 16.5 - across
    car = car_code(seed, stall, side, share) if 0.45 < within < 2.4 and 0.4 < reach < 4.7 else 0
    return grey, grey, grey, PAVED, 0.0, car


@numba.njit(cache=True)
def pitch(
    seed: int,
    p: float,
    q: float,
    half_p: float,
    half_q: float,
    x: float,
    y: float,
    has_track: bool,
) -> Ground:
    """A sports pitch with its lines, perhaps a running track around large ones."""
    if half_p < half_q:
        p, q, half_p, half_q = q, p, half_q, half_p
    a, b = abs(p), abs(q)
    fa, fb = half_p * 0.72, half_q * 0.62
    stripe = 6.0 if math.floor(p / 5.5) % 2 == 0 else -6.0
    if a < fa and b < fb:
        ring = abs(math.hypot(p, q) - fb * 0.28)
        line = a < 0.25 or fa - a < 0.35 or fb - b < 0.35 or ring < 0.25
        box = (abs(a - fa * 0.7) < 0.25 and b < fb * 0.5) or (
            a > fa * 0.7 and abs(b - fb * 0.5) < 0.25
        )
        if line or box:
            return 226.0, 228.0, 222.0, PAVED, 0.0, 0
        kind = hash_unit(seed, 4, 4) if min(half_p, half_q) < 22.0 else 1.0
        if kind < 0.25:
            return 176.0 + stripe, 96.0, 70.0, PAVED, 0.0, 0
        if kind < 0.4:
            return 66.0, 104.0 + stripe, 150.0, PAVED, 0.0, 0
        return 70.0 + stripe, 132.0 + stripe, 66.0, GRASS, 0.0, 0
    if has_track and min(half_p, half_q) > 26.0 and a < half_p * 0.88 and b < half_q * 0.84:
        lane = 14.0 if math.floor(b / 1.3) % 3 == 0 else 0.0
        return 168.0 + lane, 84.0 + lane, 66.0 + lane, PAVED, 0.0, 0
    r, g, b, material, _, _ = grass(seed, x, y, 0.25)
    return r, g, b, material, 0.06, 0


@numba.njit(cache=True)
def crop(seed: int, p: float, q: float, half_p: float, half_q: float, x: float, y: float) -> Ground:
    """A field: rows, tramlines and a grassy edge; the crop is the lot's own."""
    kind = hash_unit(seed, 6, 1)
    pitch_m = 1.6 + 4.0 * hash_unit(seed, 6, 2)
    s = p if hash_unit(seed, 6, 3) < 0.5 else q
    if min(half_p - abs(p), half_q - abs(q)) < 1.6:
        r, g, b, material, _, _ = grass(seed, x, y, 0.5)
        return r, g, b, material, 0.04, 0
    k = (
        0.84
        + 0.2 * value_noise(seed, x * 0.03, y * 0.03)
        + 0.12 * value_noise(seed + 2, x * 0.5, y * 0.5)
    )
    if s % pitch_m < pitch_m * 0.4:
        k *= 0.9
    if s % 24.0 < 0.7:
        k *= 0.78
    if kind < 0.3:
        return 104 * k, 132 * k, 62 * k, CROP, 0.0, 0
    if kind < 0.55:
        return 196 * k, 176 * k, 110 * k, CROP, 0.0, 0
    if kind < 0.75:
        return 136 * k, 108 * k, 84 * k, SOIL, 0.0, 0
    if kind < 0.88:
        return 204 * k, 190 * k, 64 * k, CROP, 0.0, 0
    return 84 * k, 118 * k, 74 * k, CROP, 0.0, 0


@numba.njit(cache=True)
def water(seed: int, x: float, y: float) -> Ground:
    """Water: dark, slightly green or blue by the body."""
    hue = hash_unit(seed, 8, 8)
    k = 0.9 + 0.2 * value_noise(seed, x * 0.02, y * 0.05)
    return (46 + 24 * hue) * k, (74 + 14 * hue) * k, (84 - 14 * hue) * k, WATER, 0.0, 0


@numba.njit(cache=True)
def _gravel(seed: int, x: float, y: float) -> Ground:
    """A park path: greyish gravel."""
    k = 132.0 + 22.0 * hash_unit(seed, 5, 13) + 16.0 * value_noise(seed, x * 0.5, y * 0.5)
    return k, k * 0.96, k * 0.88, PAVED, 0.0, 0


@numba.njit(cache=True)
def _plaza(
    seed: int, p: float, q: float, half_p: float, half_q: float, x: float, y: float
) -> Ground:
    """A paved square: slabs, worn patches, planted beds along its edges."""
    edge_p, edge_q = half_p - abs(p), half_q - abs(q)
    run, edge, dry = q if edge_p < edge_q else p, min(edge_p, edge_q), hash_unit(seed, 1, 2)
    if 2.5 < edge < 6.5 and max(edge_p, edge_q) > 6.5 and (run + 400.0) % 22.0 < 17.0:
        r, g, b, material, _, _ = grass(seed, x, y, 0.2)
        return r, g, b, material, 0.45, 0
    joint = 0.95 if (p % 3.0 < 0.25 or q % 3.0 < 0.25) else 1.0
    k = (118.0 + 44.0 * dry + 22.0 * value_noise(seed, x * 0.12, y * 0.12)) * joint
    k *= 0.95 + 0.1 * hash_unit(seed, math.floor(p / 3.0), math.floor(q / 3.0))
    return k, k * 0.985, k * (0.92 + 0.06 * hash_unit(seed, 5, 14)), PAVED, 0.0, 0


@numba.njit(cache=True)
def _yard_car(seed: int, p: float, q: float, half_p: float, half_q: float) -> int:
    """The car in the row of stalls along a yard's northern fence, or 0."""
    reach, end = half_q - q, half_p - abs(p)
    if not (4.2 < reach < 8.8 and end > 8.0 and 0.4 < p % 2.8 < 2.3):
        return 0
    return car_code(seed, math.floor(p / 2.8), 3, 0.4 * hash_unit(seed, 5, 10))


@numba.njit(cache=True)
def lot_ground(
    kind: int, seed: int, p: float, q: float, half_p: float, half_q: float, x: float, y: float
) -> Ground:
    """The ground of a lot at (p, q) metres from its middle and world (x, y)."""
    edge = min(half_p - abs(p), half_q - abs(q))
    dry = hash_unit(seed, 1, 2)
    r, g, b, material, _tree, car = grass(seed, x, y, dry)
    if kind == 0:
        drive = abs(p - half_p * (hash_unit(seed, 5, 1) * 1.4 - 0.7)) < 1.5 and q < 0
        pool_p, pool_q = p + half_p * 0.45, q - half_q * 0.6
        if hash_unit(seed, 5, 3) < 0.14 and abs(pool_p) < 3.4 and abs(pool_q) < 1.9:
            return 88.0, 178.0, 196.0, PAVED, 0.0, 0
        if drive:
            grey = 150.0 + 40.0 * hash_unit(seed, 5, 2)
            car = (
                car_code(seed, 0, 0, 0.35)
                if abs(q + half_q * 0.75) < 2.2 and hash_unit(seed, 5, 9) < 0.8
                else 0
            )
            return grey, grey * 0.98, grey * 0.94, PAVED, 0.0, car
        if edge < 0.7 and hash_unit(seed, 5, 4) < 0.6:
            return 52.0, 76.0, 40.0, LEAF, 0.1, 0
        return r, g, b, material, 0.1 + 0.3 * hash_unit(seed, 5, 5), 0
    if kind == 1 or kind == 12:
        turn = hash_unit(seed, 5, 6) * 2.0 - 1.0
        path = (
            abs(p * turn + q * (1 - abs(turn)) + 4 * math.sin(p * 0.06)) < 0.9
            or abs(q - p * turn * 0.5) < 0.8
        )
        has_paths = hash_unit(seed, 5, 12) < 0.4
        if (path and has_paths) or (kind == 12 and edge < 2.2):
            return _gravel(seed, x, y)
        return r, g, b, material, 0.12 + 0.22 * hash_unit(seed, 5, 7), 0
    if kind == 2:
        return r * 0.72, g * 0.72, b * 0.7, material, 0.92, 0
    if kind == 3:
        return crop(seed, p, q, half_p, half_q, x, y)
    if kind == 4:
        return parking(seed, p, q, half_p, half_q, x, y)
    if kind == 5:
        grey = 120.0 + 56.0 * hash_unit(seed, 5, 8) + 22.0 * value_noise(seed, x * 0.09, y * 0.09)
        if edge < 3.0:
            return r, g, b, material, 0.2, 0
        return grey, grey * 0.99, grey * 0.96, PAVED, 0.0, _yard_car(seed, p, q, half_p, half_q)
    if kind == 6 or kind == 13:
        return pitch(seed, p, q, half_p, half_q, x, y, kind == 6)
    if kind == 7:
        wobble = 0.62 + 0.3 * value_noise(seed, math.atan2(q, p) * 1.2 + 9.0, 0.5)
        if (p / half_p) ** 2 + (q / half_q) ** 2 < wobble * wobble:
            return water(seed, x, y)
        return r, g, b, material, 0.16, 0
    if kind == 8:
        k = (
            0.8
            + 0.3 * value_noise(seed, x * 0.07, y * 0.07)
            + 0.12 * value_noise(seed + 3, x * 0.6, y * 0.6)
        )
        return (150 + 30 * dry) * k, (126 + 20 * dry) * k, (98 + 16 * dry) * k, SOIL, 0.02, 0
    if kind == 9:
        return _plaza(seed, p, q, half_p, half_q, x, y)
    if kind == 10:
        return r * 1.04, g * 0.98, b * 0.92, material, 0.05, 0
    if kind == 11:
        return r, g, b, material, 0.75 if (p % 8.0 < 3.0) else 0.0, 0
    return r, g, b, material, 0.05, 0
