"""World metres ↔ WGS 84: the map lies on a plane tangent to the Earth at a seed-chosen origin."""

from functools import lru_cache

from pyproj import Geod, Transformer

from training.world.chance import RandomStream
from training.world.errors import FarPointError

REACH_M = 100_000.0
"""Largest distance from the origin. Our choice: up to here lengths in the plane are right to 0.05
per mille, and its north differs from true north by at most 1.5 degrees."""
_SEEDS_TRIED = 100_000
"""Seeds tried to find a world near a point. Our choice: one in 15,000 is within reach, and trying
this many takes less than a second."""
_GEOD = Geod(ellps="WGS84")


@lru_cache(maxsize=16)
def _transformers(seed: int) -> tuple[Transformer, Transformer]:
    latitude, longitude = origin_of(seed)
    plane = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
    return (
        Transformer.from_crs(plane, "EPSG:4326", always_xy=True),
        Transformer.from_crs("EPSG:4326", plane, always_xy=True),
    )


def origin_of(seed: int) -> tuple[float, float]:
    """Return latitude and longitude (degrees) of world point (0, 0)."""
    rng = RandomStream(seed, 1)
    return round(rng.between(-52, 58), 4), round(rng.between(-175, 175), 4)


def to_latlon(seed: int, x_m: float, y_m: float) -> tuple[float, float]:
    """Return latitude and longitude (degrees) of world point (x east, y north), metres."""
    longitude, latitude = _transformers(seed)[0].transform(x_m, y_m)
    return float(latitude), float(longitude)


def to_world(seed: int, latitude: float, longitude: float) -> tuple[float, float]:
    """Return world x east, y north (metres) of a latitude and longitude in degrees."""
    x, y = _transformers(seed)[1].transform(longitude, latitude)
    return float(x), float(y)


def point_within_reach(seed: int, latitude: float, longitude: float) -> tuple[float, float]:
    """Return world x east, y north of a latitude and longitude in degrees, in whole centimetres.

    The eight decimals of gps.csv then give back exactly this point.

    Raises:
        FarPointError: the point is more than `REACH_M` from the seed's origin.
    """
    away_m = _from_origin_m(seed, latitude, longitude)
    if away_m > REACH_M:
        origin = "{:.4f},{:.4f}".format(*origin_of(seed))
        raise FarPointError(
            f"{latitude},{longitude} is {away_m / 1000:,.0f} km from {origin}, the origin of "
            f"--seed {seed}, at most {REACH_M / 1000:g}; {_remedy(latitude, longitude)}"
        )
    x_m, y_m = to_world(seed, latitude, longitude)
    return round(x_m, 2), round(y_m, 2)


def _from_origin_m(seed: int, latitude: float, longitude: float) -> float:
    here, there = (longitude, latitude), origin_of(seed)[::-1]
    return float(_GEOD.inv(*here, *there)[2])


def _remedy(latitude: float, longitude: float) -> str:
    for seed in range(_SEEDS_TRIED):
        near = abs(origin_of(seed)[0] - latitude) < 1.0
        if near and _from_origin_m(seed, latitude, longitude) <= REACH_M:
            return f"use --seed {seed}"
    return "worlds lie from 52 south to 58 north and from 175 west to 175 east"
