"""Contents of a lot by district: the kind of its ground, and its buildings."""

from dataclasses import replace

from training.world.chance import Dice
from training.world.plan import buildings
from training.world.plan.parts import Part

RESIDENTIAL, DENSE, INDUSTRIAL, CAMPUS, RURAL = range(5)
DISTRICTS = ("residential", "dense", "industrial", "campus", "rural")
GARDEN, LAWN, WOOD, FIELD, PARKING, YARD, PITCH, POND, BARE, PLAZA, MEADOW, ORCHARD = range(12)
COURT, ARENA = 12, 13

Furnished = tuple[int, list[Part]]


def furnish(
    dice: Dice, district: int, a: float, b: float, *, style: int, landmark: bool
) -> Furnished:
    """Return ground kind and building parts of a lot of half sizes a, b metres.

    `style` is the cell's own (0..3); `landmark` prefers something conspicuous.
    """
    if landmark and (district == RURAL or dice.chance(0.7)):
        return _landmark(dice, district, a, b)
    roll = dice.unit()
    if district == RESIDENTIAL:
        return _residential(dice, roll, a, b, style)
    if district == DENSE:
        return _dense(dice, roll, a, b, style)
    if district == INDUSTRIAL:
        return _industrial(dice, roll, a, b)
    if district == CAMPUS:
        return _campus(dice, roll, a, b)
    return _rural(dice, roll, a, b)


def _landmark(dice: Dice, district: int, a: float, b: float) -> Furnished:
    roll = dice.unit()
    if district == RESIDENTIAL:
        if roll < 0.5:
            return LAWN, buildings.church(dice, a, b)
        return PLAZA, buildings.block(dice, a, b, 2 + dice.below(3), 0.5)
    if district in (DENSE, CAMPUS):
        if roll < 0.2:
            return PLAZA, buildings.church(dice, a, b)
        if roll < 0.55:
            return PLAZA, buildings.tower(dice, a, b)
        if roll < 0.7 and min(a, b) > 25:
            return ARENA, buildings.stadium(dice, a * 0.95, b * 0.95)
        return LAWN, buildings.block(dice, a, b, 3 + dice.below(5), 0.5)
    if district == INDUSTRIAL:
        return YARD, buildings.hall(dice, a, b)
    return _farm(dice, a, b)


def _residential(dice: Dice, roll: float, a: float, b: float, style: int) -> Furnished:
    if roll < 0.05:
        return LAWN, []
    if roll < 0.08:
        return WOOD, []
    if roll < 0.11:
        return PARKING, []
    if roll < (0.5 if style == 1 else 0.17):
        return LAWN, buildings.block(dice, a, b, 2 + dice.below(3), 0.6)
    if roll < (0.8 if style == 2 else 0.24):
        return GARDEN, buildings.terrace(dice, a, b)
    return GARDEN, buildings.house(dice, a, b)


def _dense(dice: Dice, roll: float, a: float, b: float, style: int) -> Furnished:
    if roll < 0.07:
        return PARKING, []
    if roll < 0.15:
        return (PLAZA if dice.chance(0.5) else LAWN), []
    if roll < (0.42 if style == 0 else 0.2):
        return PLAZA, buildings.tower(dice, a, b)
    pitched = (0.1, 0.3, 0.6, 0.9)[style]
    ground = COURT if dice.chance(0.6) else PLAZA
    return ground, buildings.block(dice, a, b, 3 + dice.below(5), pitched)


def _industrial(dice: Dice, roll: float, a: float, b: float) -> Furnished:
    if roll < 0.14:
        return PARKING, []
    if roll < 0.22:
        return BARE, []
    return YARD, buildings.hall(dice, a, b)


def _campus(dice: Dice, roll: float, a: float, b: float) -> Furnished:
    if roll < 0.1:
        return PITCH, []
    if roll < 0.2:
        return PARKING, []
    if roll < 0.27:
        return LAWN, []
    if roll < 0.31:
        return POND, []
    if roll < 0.37 and min(a, b) > 25:
        return ARENA, buildings.stadium(dice, a * 0.95, b * 0.95)
    if roll < 0.44:
        return PLAZA, buildings.tower(dice, a, b)
    return LAWN, buildings.block(dice, a * 0.95, b * 0.95, 2 + dice.below(4), 0.25)


def _rural(dice: Dice, roll: float, a: float, b: float) -> Furnished:
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
    return _farm(dice, a, b)


def _farm(dice: Dice, a: float, b: float) -> Furnished:
    """A yard: a house, one to three barns at right angles, silos."""
    parts = _moved(buildings.house(dice, 12.0, 12.0), dice.between(-6, 6), 0.0)
    for k in range(1 + dice.below(3)):
        side = (26.0, 0.0) if k == 0 else (0.0, 26.0) if k == 1 else (-26.0, dice.between(-8, 8))
        long, wide = dice.between(17, 25), dice.between(9, 14)
        barn = buildings.hall(dice, *((wide, long) if k == 0 else (long, wide)))[:1]
        parts += _moved(barn, *side)
    for k in range(dice.below(4)):
        parts.append(buildings.tank(dice, 13.0 + 9.0 * k, -20.0))
    fit = min(1.0, (a - 4.0) / 42.0, (b - 4.0) / 36.0)
    parts = [part for part in parts if fit == 1.0 or abs(part.a_m) + part.half_a_m < a - 4.0]
    return (BARE if dice.chance(0.3) else MEADOW), parts


def _moved(parts: list[Part], a_m: float, b_m: float) -> list[Part]:
    return [replace(part, a_m=part.a_m + a_m, b_m=part.b_m + b_m) for part in parts]
