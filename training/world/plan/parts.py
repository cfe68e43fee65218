"""Building parts, their colours, and the kinds of roofs and walls."""

from dataclasses import dataclass

from training.world.chance import RandomStream

FLAT, GABLE, HIP, SAW, ROUND, DOME, BOWL = range(7)
WINDOWS, RIBBONS, GLASS, RIBS, HOUSE = range(5)
Colour = tuple[float, float, float]

TILE_ROOFS: tuple[Colour, ...] = (
    (150, 96, 78),
    (132, 82, 68),
    (112, 90, 80),
    (90, 84, 82),
    (74, 78, 84),
    (164, 118, 96),
    (126, 114, 104),
    (104, 76, 66),
    (142, 132, 122),
)
FLAT_ROOFS: tuple[Colour, ...] = (
    (188, 186, 181),
    (166, 164, 159),
    (132, 130, 126),
    (98, 96, 94),
    (178, 170, 154),
    (146, 136, 124),
    (120, 126, 120),
)
METAL_ROOFS: tuple[Colour, ...] = (
    (214, 214, 210),
    (150, 158, 164),
    (104, 124, 148),
    (118, 138, 124),
    (146, 100, 88),
    (188, 182, 168),
    (110, 112, 116),
)
SEATS: tuple[Colour, ...] = (
    (62, 84, 132),
    (138, 62, 58),
    (72, 108, 84),
    (128, 132, 138),
    (150, 126, 74),
)
WALLS: tuple[Colour, ...] = (
    (200, 192, 178),
    (164, 110, 92),
    (214, 212, 206),
    (150, 146, 140),
    (188, 168, 136),
    (150, 130, 114),
    (126, 134, 142),
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One oriented box with a roof; lengths in metres, heights above the ground."""

    a_m: float
    b_m: float
    half_a_m: float
    half_b_m: float
    eave_m: float
    rise_m: float = 0.0
    roof: int = FLAT
    roof_rgb: Colour = (150, 150, 150)
    wall_rgb: Colour = (180, 180, 180)
    style: int = WINDOWS
    floor_m: float = 3.2
    bay_m: float = 3.0


def tint(rng: RandomStream, colour: Colour, spread: float = 14.0) -> Colour:
    """Return the colour, a little lighter or darker."""
    shift = rng.between(-spread, spread)
    r, g, b = (min(245.0, max(20.0, c + shift + rng.between(-6, 6))) for c in colour)
    return (r, g, b)


def pick(rng: RandomStream, palette: tuple[Colour, ...]) -> Colour:
    """Return a tinted colour of the palette."""
    return tint(rng, palette[rng.below(len(palette))])


def body(
    rng: RandomStream, half_a: float, half_b: float, floors: int, palette: tuple[Colour, ...]
) -> Part:
    """Return a plain box of that many floors, with walls, windows and a roof colour of its own."""
    floor_m = rng.between(2.9, 3.8)
    return Part(
        a_m=0,
        b_m=0,
        half_a_m=half_a,
        half_b_m=half_b,
        eave_m=floors * floor_m,
        floor_m=floor_m,
        roof_rgb=pick(rng, palette),
        wall_rgb=pick(rng, WALLS),
        bay_m=rng.between(2.2, 4.2),
        style=(WINDOWS, WINDOWS, RIBBONS, GLASS)[rng.below(4)],
    )
