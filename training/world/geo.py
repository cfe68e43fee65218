"""World metres ↔ WGS 84: the map lies on a plane tangent to the Earth at a seed-chosen origin."""

from functools import lru_cache

from pyproj import Transformer

from training.world.chance import Dice


@lru_cache(maxsize=16)
def _transformers(seed: int) -> tuple[Transformer, Transformer]:
    latitude, longitude = origin_of(seed)
    plane = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
    return (
        Transformer.from_crs(plane, "EPSG:4326", always_xy=True),
        Transformer.from_crs("EPSG:4326", plane, always_xy=True),
    )


def origin_of(seed: int) -> tuple[float, float]:
    """Latitude and longitude (degrees) of world point (0, 0)."""
    dice = Dice(seed, 1)
    return round(dice.between(-52, 58), 4), round(dice.between(-175, 175), 4)


def to_latlon(seed: int, x_m: float, y_m: float) -> tuple[float, float]:
    """Latitude, longitude in degrees of world point (x east, y north), metres."""
    longitude, latitude = _transformers(seed)[0].transform(x_m, y_m)
    return float(latitude), float(longitude)


def to_world(seed: int, latitude: float, longitude: float) -> tuple[float, float]:
    """World x east, y north (metres) of a latitude and longitude in degrees."""
    x, y = _transformers(seed)[1].transform(longitude, latitude)
    return float(x), float(y)
