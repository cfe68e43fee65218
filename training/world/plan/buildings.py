"""Buildings of a lot, as oriented boxes with roofs.

A building is a list of `Part`s in the lot's frame (metres, a across and b along the lot).
"""

from dataclasses import replace

from training.world.chance import RandomStream
from training.world.plan.parts import (
    BOWL,
    DOME,
    FLAT,
    FLAT_ROOFS,
    GABLE,
    HIP,
    HOUSE,
    METAL_ROOFS,
    RIBBONS,
    RIBS,
    ROUND,
    SAW,
    SEATS,
    TILE_ROOFS,
    Part,
    body,
    pick,
    tint,
)


def house(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return a one-family house: a gable or hip, often an L, sometimes a garage or a shed."""
    w = min(half_a * rng.between(0.5, 0.75), 9.0)
    d = min(half_b * rng.between(0.4, 0.65), 8.0)
    roof = GABLE if rng.chance(0.6) else HIP
    floors = 1 + rng.below(2)
    main = replace(
        body(rng, w, d, floors, TILE_ROOFS),
        a_m=rng.between(-0.2, 0.2) * half_a,
        b_m=rng.between(-0.3, 0.3) * half_b,
        roof=roof,
        rise_m=min(w, d) * rng.between(0.4, 0.68),
        style=HOUSE,
    )
    parts = [main]
    if rng.chance(0.45):
        side = 1 if rng.chance(0.5) else -1
        parts.append(
            replace(
                main,
                a_m=main.a_m + side * w * 0.55,
                b_m=main.b_m + d * 0.75,
                half_a_m=w * 0.42,
                half_b_m=d * 0.75,
                rise_m=main.rise_m * 0.7,
            )
        )
    if rng.chance(0.6):
        parts.append(_chimney(rng, main))
    if rng.chance(0.5):
        parts.append(
            replace(
                body(rng, 2.2, 3.0, 1, FLAT_ROOFS),
                a_m=half_a * rng.between(-0.75, 0.75),
                b_m=half_b * rng.between(-0.8, 0.8),
                eave_m=2.5,
                style=RIBS,
            )
        )
    return parts


def _chimney(rng: RandomStream, main: Part) -> Part:
    """Return a brick chimney near the ridge of a house."""
    return replace(
        main,
        a_m=main.a_m + main.half_a_m * rng.between(-0.5, 0.5),
        b_m=main.b_m + main.half_b_m * rng.between(-0.2, 0.2),
        half_a_m=0.45,
        half_b_m=0.45,
        eave_m=main.eave_m + main.rise_m + rng.between(0.3, 0.9),
        rise_m=0.0,
        roof=FLAT,
        roof_rgb=(92, 84, 80),
        wall_rgb=(128, 84, 70),
        style=RIBS,
    )


def _frame(shape: int, a: float, b: float, t: float) -> list[tuple[float, float, float, float]]:
    """Return boxes (a, b, half_a, half_b) of a slab, L, U, ring, H, T, comb or Z (shape 0 to 7)."""
    n = (0, b - t, a, t)
    s = (0, t - b, a, t)
    w = (t - a, 0, t, b)
    e = (a - t, 0, t, b)
    m = (0, 0, a, t)
    spine = (0, 0, t, b)
    shapes = (
        [m],
        [n, w],
        [n, w, e],
        [n, s, w, e],
        [w, e, m],
        [n, spine],
        [n, w, e, (0, 0, t, b)],
        [(a / 2, b - t, a / 2, t), (-a / 2, t - b, a / 2, t), spine],
    )
    return list(shapes[shape])


def _equipment(rng: RandomStream, part: Part, count: int) -> list[Part]:
    boxes = []
    for _ in range(count):
        grey = rng.between(110, 225)
        size = rng.between(0.8, 2.6)
        boxes.append(
            replace(
                part,
                a_m=part.a_m + part.half_a_m * rng.between(-0.8, 0.8),
                b_m=part.b_m + part.half_b_m * rng.between(-0.7, 0.7),
                half_a_m=size,
                half_b_m=size * rng.between(0.5, 1.5),
                eave_m=part.eave_m + rng.between(1.0, 3.2),
                roof_rgb=(grey, grey, grey),
                wall_rgb=(grey * 0.8,) * 3,
                style=RIBS,
                roof=FLAT,
                rise_m=0.0,
            )
        )
    return boxes


def block(
    rng: RandomStream, half_a: float, half_b: float, floors: int, pitched: float
) -> list[Part]:
    """Return a large building of one of eight footprints; wings may differ in height."""
    a, b = half_a * rng.between(0.6, 0.92), half_b * rng.between(0.6, 0.92)
    t = min(rng.between(5.5, 9.5), a * 0.42, b * 0.42)
    is_pitched = rng.chance(pitched)
    shell = body(rng, a, b, floors, TILE_ROOFS if is_pitched else FLAT_ROOFS)
    flip_a, flip_b = (1 if rng.chance(0.5) else -1), (1 if rng.chance(0.5) else -1)
    parts: list[Part] = []
    for x, y, wa, wb in _frame(rng.below(8), a, b, t):
        wing = replace(
            shell,
            a_m=x * flip_a,
            b_m=y * flip_b,
            half_a_m=wa,
            half_b_m=wb,
            eave_m=shell.eave_m + (shell.floor_m * (rng.below(3) - 1) if rng.chance(0.35) else 0.0),
        )
        if is_pitched:
            wing = replace(
                wing, roof=GABLE if rng.chance(0.6) else HIP, rise_m=t * rng.between(0.4, 0.7)
            )
        parts.append(wing)
        if not is_pitched:
            parts += _equipment(rng, wing, 1 + rng.below(5))
    return parts


def tower(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return a tower on a podium, square or round."""
    podium = body(
        rng,
        half_a * rng.between(0.6, 0.9),
        half_b * rng.between(0.6, 0.9),
        1 + rng.below(3),
        FLAT_ROOFS,
    )
    size = min(half_a, half_b, 17.0) * rng.between(0.45, 0.75)
    shaft = replace(
        body(rng, size, size * rng.between(0.7, 1.4), 8 + rng.below(9), FLAT_ROOFS),
        a_m=half_a * rng.between(-0.3, 0.3),
        b_m=half_b * rng.between(-0.3, 0.3),
        roof=ROUND if rng.chance(0.3) else FLAT,
    )
    parts = [podium, *_equipment(rng, podium, 3 + rng.below(5)), shaft]
    return [*parts, *_equipment(rng, replace(shaft, half_a_m=size * 0.7, half_b_m=size * 0.7), 3)]


def hall(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return an industrial hall, with an office wing and perhaps tanks beside it."""
    shell = replace(
        body(rng, half_a * rng.between(0.5, 0.85), half_b * rng.between(0.45, 0.8), 2, METAL_ROOFS),
        eave_m=rng.between(6, 13),
        style=RIBS,
        a_m=half_a * rng.between(-0.12, 0.12),
        b_m=half_b * rng.between(-0.15, 0.15),
    )
    roof = (FLAT, GABLE, SAW, FLAT)[rng.below(4)]
    shell = replace(shell, roof=roof, rise_m={GABLE: 2.6, SAW: 2.4}.get(roof, 0.0))
    parts = [shell]
    if roof == FLAT:
        parts += _equipment(rng, shell, 4 + rng.below(10))
    if rng.chance(0.6):
        parts.append(
            replace(
                body(rng, shell.half_a_m * 0.35, 6.0, 2, FLAT_ROOFS),
                a_m=shell.a_m + shell.half_a_m * rng.between(-0.6, 0.6),
                b_m=shell.b_m - shell.half_b_m - 4.0,
            )
        )
    for k in range(rng.below(5) if rng.chance(0.4) else 0):
        parts.append(tank(rng, half_a * 0.85, -half_b * 0.8 + k * 12.0))
    return parts


def tank(rng: RandomStream, a_m: float, b_m: float) -> Part:
    """Return a storage tank: a low round tower with a pale dome."""
    radius = rng.between(3.5, 5.6)
    return Part(
        a_m=a_m,
        b_m=b_m,
        half_a_m=radius,
        half_b_m=radius,
        eave_m=rng.between(5, 9),
        rise_m=1.2,
        roof=DOME,
        roof_rgb=pick(rng, METAL_ROOFS[:2]),
        wall_rgb=(200, 200, 196),
        style=RIBS,
    )


def stadium(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return a bowl of stands that slopes down to a pitch; some of its sides have a canopy."""
    bowl = Part(
        a_m=0,
        b_m=0,
        half_a_m=half_a * 0.99,
        half_b_m=half_b * 0.99,
        eave_m=1.0 + min(half_a, half_b) * rng.between(0.16, 0.24),
        roof=BOWL,
        roof_rgb=pick(rng, SEATS),
        wall_rgb=(170, 168, 164),
        style=RIBBONS,
    )
    cover = replace(
        bowl,
        eave_m=bowl.eave_m + rng.between(0.8, 1.8),
        roof=FLAT,
        roof_rgb=pick(rng, METAL_ROOFS[:3]),
        wall_rgb=(92, 92, 96),
        style=RIBS,
    )
    is_upright = bowl.half_b_m > bowl.half_a_m
    across = bowl.half_a_m if is_upright else bowl.half_b_m
    depth = across * 0.07
    parts = [bowl]
    for side in (-1, 1)[: 1 + rng.below(2)]:
        middle, half = side * (across - depth - 0.4), 0.72 * max(bowl.half_a_m, bowl.half_b_m)
        shape = (middle, 0.0, depth, half) if is_upright else (0.0, middle, half, depth)
        parts.append(
            replace(cover, a_m=shape[0], b_m=shape[1], half_a_m=shape[2], half_b_m=shape[3])
        )
    return parts


def terrace(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return a row of joined houses along the lot's longer side, roofs a shade apart."""
    is_upright = half_b > half_a
    length, depth = (half_b, half_a) if is_upright else (half_a, half_b)
    unit = rng.between(3.0, 4.2)
    count = max(2, int(length * 0.86 / unit))
    deep = min(depth * 0.42, rng.between(4.2, 6.0))
    first = replace(body(rng, unit, deep, 2 + rng.below(2), TILE_ROOFS), style=HOUSE)
    shift = depth * rng.between(-0.4, 0.4)
    parts = []
    for k in range(count):
        along = (2 * k + 1 - count) * unit
        # The ridge runs along the row, so each unit's longer half is made the row's direction.
        shape = (
            (deep, unit * 1.001, shift, along) if is_upright else (unit * 1.001, deep, along, shift)
        )
        parts.append(
            replace(
                first,
                half_a_m=shape[0],
                half_b_m=shape[1],
                a_m=shape[2],
                b_m=shape[3],
                roof=GABLE if unit > deep else FLAT,
                rise_m=deep * 0.6,
                roof_rgb=tint(rng, first.roof_rgb, 10.0),
                wall_rgb=tint(rng, first.wall_rgb, 16.0),
            )
        )
    if unit <= deep:
        ridge = replace(parts[0], eave_m=first.eave_m, rise_m=deep * 0.6, roof=GABLE)
        span = count * unit
        half = (deep, span, shift, 0.0) if is_upright else (span, deep, 0.0, shift)
        parts.append(replace(ridge, half_a_m=half[0], half_b_m=half[1], a_m=half[2], b_m=half[3]))
    return parts


def church(rng: RandomStream, half_a: float, half_b: float) -> list[Part]:
    """Return a nave with a transept and a pointed tower at its end."""
    size = min(half_a, half_b, 16.0)
    nave = replace(
        body(rng, size * 0.9, size * 0.34, 2, TILE_ROOFS),
        roof=GABLE,
        rise_m=size * 0.34,
        style=HOUSE,
        eave_m=rng.between(7, 10),
    )
    transept = replace(nave, a_m=size * 0.3, half_a_m=size * 0.24, half_b_m=size * 0.62)
    tower = replace(
        nave,
        a_m=-size * 0.9,
        half_a_m=size * 0.22,
        half_b_m=size * 0.22,
        roof=HIP,
        eave_m=rng.between(16, 24),
        rise_m=rng.between(5, 14),
    )
    return [nave, transept, tower]
