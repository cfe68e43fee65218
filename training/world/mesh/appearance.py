"""The appearance of one image of a mesh: its sun, season, haze and camera, none shared by a pair.

A mesh has one set of textures, so that without this a network could learn them, not the places.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.world.chance import RandomStream
from training.world.rendering.sensor import Sensor, draw_sensor
from training.world.scene.light import Light, draw_light

F32 = NDArray[np.float32]
SEASONS = ("as flown", "lush", "dry", "autumn", "bare", "snow")
_SEASON_SHARES = (0.26, 0.2, 0.2, 0.14, 0.12, 0.08)
_SUNS_APART_DEG = 40.0
"""Our choice: shadows of a tile and of a view then fall to clearly different sides."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """One image's appearance; shares run from 0 to 1.

    `relit` is how much of the new sun's shading is laid over the light that the textures hold,
    `lifted` how much their own dark parts are brightened, `season_share` how much of the season
    shows. `mixing_33` takes colours (0-255) to the image's own; `gamma_3` bends its bands.
    `veil` is a haze that does not depend on distance (satellites), `haze_per_m` one that does.
    `sharpened` is the strength of an unsharp mask, as web maps have it; `coarse` the factor by
    which the image was once smaller.
    """

    light: Light
    season: str
    season_share: float
    relit: float
    lifted: float
    mixing_33: tuple[tuple[float, float, float], ...]
    gamma_3: tuple[float, float, float]
    haze_rgb: tuple[float, float, float]
    veil: float = 0.0
    haze_per_m: float = 0.0
    sharpened: float = 0.0
    coarse: float = 1.0
    sensor: Sensor


def draw_appearance(
    rng: RandomStream, *, drone: bool, other: Appearance | None = None
) -> Appearance:
    """Return a random appearance, of another season and another sun than `other`'s.

    No tile shows snow, since the providers of satellite images choose summer days.
    """
    taken = () if other is None else (other.season,)
    season = _season(rng, taken if drone else (*taken, "snow"))
    light = draw_light(rng, 0)
    if other is not None:
        light = replace(light, sun_azimuth_deg=_azimuth(rng, other.light.sun_azimuth_deg))
    tint = rng.between(-12, 12)
    return Appearance(
        light=light,
        season=season,
        season_share=rng.between(0.2, 0.65) if season == "snow" else rng.between(0.4, 1.0),
        relit=rng.between(0.45, 0.95),
        lifted=rng.between(0.0, 0.5),
        mixing_33=_mixing(rng, 0.05),
        gamma_3=_gamma(rng),
        haze_rgb=(206.0 + tint, 214.0, 224.0 - tint),
        veil=0.0 if drone else 0.22 * rng.unit() ** 2,
        haze_per_m=8e-4 * rng.unit() ** 3 if drone else 0.0,
        sharpened=0.0 if drone or rng.chance(0.6) else rng.between(0.3, 1.2),
        coarse=rng.between(1.0, 1.3) if drone else rng.between(1.0, 1.8),
        sensor=draw_sensor(rng, drone=drone),
    )


def _season(rng: RandomStream, taken: tuple[str, ...]) -> str:
    shares = [
        (name, share) for name, share in zip(SEASONS, _SEASON_SHARES, strict=True)
        if name not in taken
    ]  # fmt: skip
    left = rng.unit() * sum(share for _, share in shares)
    for name, share in shares:
        left -= share
        if left < 0:
            return name
    return shares[-1][0]


def _azimuth(rng: RandomStream, other_deg: float) -> float:
    """Return a sun's azimuth from east over south to west, far enough from the other's."""
    east, west = 95.0, 265.0
    below, above = (
        max(0.0, other_deg - _SUNS_APART_DEG - east),
        max(0.0, west - other_deg - _SUNS_APART_DEG),
    )
    along = rng.unit() * (below + above)
    return east + along if along < below else other_deg + _SUNS_APART_DEG + along - below


def _mixing(rng: RandomStream, strength: float) -> tuple[tuple[float, float, float], ...]:
    """Return rows that sum to about 1, so that grey stays nearly grey: another sensor's bands."""
    rows = []
    for band in range(3):
        away = [strength * rng.normal() for _ in range(2)]
        row = [away[0], away[1]]
        row.insert(band, 1.0 - sum(away) + 0.02 * rng.normal())
        rows.append((row[0], row[1], row[2]))
    return tuple(rows)


def _gamma(rng: RandomStream) -> tuple[float, float, float]:
    common = 2.0 ** (0.3 * rng.normal())
    low, high = 0.6, 1.6
    bands = [min(max(common * 2.0 ** (0.06 * rng.normal()), low), high) for _ in range(3)]
    return bands[0], bands[1], bands[2]
