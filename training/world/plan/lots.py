"""Contents of a lot by district: the kind of its ground, and its buildings."""

from dataclasses import replace

from training.world.chance import RandomStream
from training.world.plan import buildings
from training.world.plan.parts import Part

RESIDENTIAL, DENSE, INDUSTRIAL, CAMPUS, RURAL = range(5)
DISTRICTS = ("residential", "dense", "industrial", "campus", "rural")
GARDEN, LAWN, WOOD, FIELD, PARKING, YARD, PITCH, POND, BARE, PLAZA, MEADOW, ORCHARD = range(12)
COURT, ARENA = 12, 13

Furnished = tuple[int, list[Part]]


def furnish(
    rng: RandomStream, district: int, a: float, b: float, *, style: int, landmark: bool
) -> Furnished:
    """Return ground kind and building parts of a lot of half sizes a, b metres.

    `style` is the cell's own (0..3); `landmark` prefers something conspicuous.
    """
    if landmark and (district == RURAL or rng.chance(0.7)):
        return _landmark(rng, district, a, b)
    roll = rng.unit()
    if district == RESIDENTIAL:
        return _residential(rng, roll, a, b, style)
    if district == DENSE:
        return _dense(rng, roll, a, b, style)
    if district == INDUSTRIAL:
        return _industrial(rng, roll, a, b)
    if district == CAMPUS:
        return _campus(rng, roll, a, b)
    return _rural(rng, roll, a, b)


def _landmark(rng: RandomStream, district: int, a: float, b: float) -> Furnished:
    roll = rng.unit()
    if district == RESIDENTIAL:
        if roll < 0.5:
            return LAWN, buildings.church(rng, a, b)
        return PLAZA, buildings.block(rng, a, b, 2 + rng.below(3), 0.5)
    if district in (DENSE, CAMPUS):
        if roll < 0.2:
            return PLAZA, buildings.church(rng, a, b)
        if roll < 0.55:
            return PLAZA, buildings.tower(rng, a, b)
        if roll < 0.7 and min(a, b) > 25:
            return ARENA, buildings.stadium(rng, a * 0.95, b * 0.95)
        return LAWN, buildings.block(rng, a, b, 3 + rng.below(5), 0.5)
    if district == INDUSTRIAL:
        return YARD, buildings.hall(rng, a, b)
    return _farm(rng, a, b)


def _residential(rng: RandomStream, roll: float, a: float, b: float, style: int) -> Furnished:
    if roll < 0.05:
        return LAWN, []
    if roll < 0.08:
        return WOOD, []
    if roll < 0.11:
        return PARKING, []
    if roll < (0.5 if style == 1 else 0.17):
        return LAWN, buildings.block(rng, a, b, 2 + rng.below(3), 0.6)
    if roll < (0.8 if style == 2 else 0.24):
        return GARDEN, buildings.terrace(rng, a, b)
    return GARDEN, buildings.house(rng, a, b)


def _dense(rng: RandomStream, roll: float, a: float, b: float, style: int) -> Furnished:
    if roll < 0.07:
        return PARKING, []
    if roll < 0.15:
        return (PLAZA if rng.chance(0.5) else LAWN), []
    if roll < (0.42 if style == 0 else 0.2):
        return PLAZA, buildings.tower(rng, a, b)
    pitched = (0.1, 0.3, 0.6, 0.9)[style]
    ground = COURT if rng.chance(0.6) else PLAZA
    return ground, buildings.block(rng, a, b, 3 + rng.below(5), pitched)


def _industrial(rng: RandomStream, roll: float, a: float, b: float) -> Furnished:
    if roll < 0.14:
        return PARKING, []
    if roll < 0.22:
        return BARE, []
    return YARD, buildings.hall(rng, a, b)


def _campus(rng: RandomStream, roll: float, a: float, b: float) -> Furnished:
    if roll < 0.1:
        return PITCH, []
    if roll < 0.2:
        return PARKING, []
    if roll < 0.27:
        return LAWN, []
    if roll < 0.31:
        return POND, []
    if roll < 0.37 and min(a, b) > 25:
        return ARENA, buildings.stadium(rng, a * 0.95, b * 0.95)
    if roll < 0.44:
        return PLAZA, buildings.tower(rng, a, b)
    return LAWN, buildings.block(rng, a * 0.95, b * 0.95, 2 + rng.below(4), 0.25)


def _rural(rng: RandomStream, roll: float, a: float, b: float) -> Furnished:
    if roll < 0.45:
        return FIELD, []
    if roll < 0.55:
        return WOOD, []
    if roll < 0.63:
        return ORCHARD, []
    if roll < 0.68:
        return POND, []
    if roll < 0.75:
        return MEADOW, []
    return _farm(rng, a, b)


def _farm(rng: RandomStream, a: float, b: float) -> Furnished:
    """A yard: a house, one to three barns at right angles, silos."""
    parts = _moved(buildings.house(rng, 12.0, 12.0), rng.between(-6, 6), 0.0)
    for k in range(1 + rng.below(3)):
        side = (26.0, 0.0) if k == 0 else (0.0, 26.0) if k == 1 else (-26.0, rng.between(-8, 8))
        long, wide = rng.between(17, 25), rng.between(9, 14)
        barn = buildings.hall(rng, *((wide, long) if k == 0 else (long, wide)))[:1]
        parts += _moved(barn, *side)
    for k in range(rng.below(4)):
        parts.append(buildings.tank(rng, 13.0 + 9.0 * k, -20.0))
    fit = min(1.0, (a - 4.0) / 42.0, (b - 4.0) / 36.0)
    parts = [part for part in parts if fit == 1.0 or abs(part.a_m) + part.half_a_m < a - 4.0]
    return (BARE if rng.chance(0.3) else MEADOW), parts


def _moved(parts: list[Part], a_m: float, b_m: float) -> list[Part]:
    return [replace(part, a_m=part.a_m + a_m, b_m=part.b_m + b_m) for part in parts]
