"""Where a mesh lies: local metres to degrees, and Earth-fixed axes to local ones."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from training.world.output.view import LatLon

F64 = NDArray[np.float64]
_EARTH_M = (6_300_000.0, 6_420_000.0)
"""Distances of the ground from the Earth's centre, rounded outwards."""


@dataclass(frozen=True, kw_only=True)
class Georeference:
    """A plane tangent to the Earth at a mesh's anchor: metres east and north of the mesh's middle.

    `anchor_m` is where, from the mesh's middle, the given latitude and longitude lie.
    """

    latitude: float
    longitude: float
    anchor_m: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError(
                f"{self.latitude},{self.longitude}: latitude is -90..90, longitude -180..180"
            )

    def degrees(self, points: list[tuple[float, float]]) -> tuple[LatLon, ...]:
        """Return latitude and longitude (WGS 84) of points (east, north), metres."""
        to_degrees = _from_plane(self.latitude, self.longitude)
        east, north = self.anchor_m
        found = [to_degrees.transform(x - east, y - north) for x, y in points]
        return tuple((float(latitude), float(longitude)) for longitude, latitude in found)


@lru_cache(maxsize=4)
def _from_plane(latitude: float, longitude: float) -> Transformer:
    plane = f"+proj=aeqd +lat_0={latitude!r} +lon_0={longitude!r} +datum=WGS84 +units=m"
    return Transformer.from_crs(plane, "EPSG:4326", always_xy=True)


def is_earth_fixed(middle_3: F64) -> bool:
    """Return whether a point's distance from the origin is that of the ground from the Earth's."""
    return _EARTH_M[0] < float(np.linalg.norm(middle_3)) < _EARTH_M[1]


def east_north_up(middle_3: F64) -> tuple[F64, LatLon]:
    """Return the matrix [4, 4] from Earth-fixed metres to local ones, and its point in degrees.

    The local axes are east, north and up (WGS 84) at `middle_3`, their origin.
    """
    to_degrees = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    longitude, latitude = to_degrees.transform(*middle_3)[:2]
    lat, lon = math.radians(latitude), math.radians(longitude)
    turn_33 = np.array(
        [
            [-math.sin(lon), math.cos(lon), 0.0],
            [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)],
            [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)],
        ]
    )
    matrix_44 = np.eye(4)
    matrix_44[:3, :3], matrix_44[:3, 3] = turn_33, -turn_33 @ middle_3
    return matrix_44, (float(latitude), float(longitude))


def shifted(middle_3: F64) -> F64:
    """Return the matrix [4, 4] that takes `middle_3` to the origin."""
    matrix_44 = np.eye(4)
    matrix_44[:3, 3] = -middle_3
    return matrix_44
