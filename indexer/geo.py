"""Distances, offsets and web-mercator tile addresses on the WGS 84 ellipsoid.

Positions are (latitude, longitude) in degrees; boxes are (west, south, east, north) in degrees
with west > east across the antimeridian.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

_GEOD = Geod(ellps="WGS84")

_LEAST_RADIUS_M = 6_335_439.0
"""Least radius of curvature of the WGS 84 ellipsoid: that of the meridian at the equator."""

MERCATOR_MAX_LATITUDE_DEG = 85.0511287798066
"""Where the web-mercator square ends."""

MERCATOR_EQUATOR_M = 2 * math.pi * 6_378_137.0
"""Length of the web-mercator equator, m (EPSG:3857 uses the WGS 84 semi-major axis)."""

_POLE_DEG = 90.0 - 1e-9
"""Beyond this latitude, 0.1 mm from the pole, a longitude is meaningless."""


def distance_m(
    latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float
) -> float:
    """Return the geodesic distance, m."""
    _, _, length_m = _GEOD.inv(longitude_a, latitude_a, longitude_b, latitude_b)
    return float(length_m)


def offset(latitude: float, longitude: float, north_m: float, east_m: float) -> tuple[float, float]:
    """Return the position that lies north_m and east_m away along a geodesic."""
    azimuth_deg = math.degrees(math.atan2(east_m, north_m))
    there = _GEOD.fwd(longitude, latitude, azimuth_deg, math.hypot(north_m, east_m))
    return float(there[1]), wrap_longitude(float(there[0]))


def metres_between(
    latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float
) -> tuple[float, float]:
    """Return (north_m, east_m) from a to b along the geodesic; the inverse of `offset`."""
    azimuth_deg, _, length_m = _GEOD.inv(longitude_a, latitude_a, longitude_b, latitude_b)
    azimuth = math.radians(azimuth_deg)
    return length_m * math.cos(azimuth), length_m * math.sin(azimuth)


def wrap_longitude(longitude: float) -> float:
    """Return the same meridian in [-180, 180)."""
    return (longitude + 180.0) % 360.0 - 180.0


def bounds_of(corners: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return the smallest (west, south, east, north) box around all corners, the short way.

    A ring of corners around a pole gives every longitude and reaches up to the pole.
    """
    latitudes = [latitude for latitude, _ in corners]
    south, north = min(latitudes), max(latitudes)
    if _goes_around_a_pole(corners):
        return (-180.0, south, 180.0, 90.0) if north > 0 else (-180.0, -90.0, 180.0, north)
    # A pole has no longitude of its own.
    longitudes = [lon for lat, lon in corners if abs(lat) < _POLE_DEG] or [corners[0][1]]
    origin = longitudes[0]
    offsets = [wrap_longitude(longitude - origin) for longitude in longitudes]
    west, east = origin + min(offsets), origin + max(offsets)
    return _lift(west), south, _lift(east), north


def _goes_around_a_pole(corners: Sequence[tuple[float, float]]) -> bool:
    around = [longitude for latitude, longitude in corners if abs(latitude) < _POLE_DEG]
    steps = [wrap_longitude(b - a) for a, b in zip(around, around[1:] + around[:1], strict=True)]
    # A step of half the globe, as of the tiles of zoom 1, has no direction.
    return all(abs(step) < 180.0 for step in steps) and abs(sum(steps)) > 180.0


def _lift(longitude: float) -> float:
    return longitude if -180.0 <= longitude <= 180.0 else wrap_longitude(longitude)


def inside_bounds(
    latitude: float, longitude: float, bounds: tuple[float, float, float, float]
) -> bool:
    """Return whether a position lies in a (west, south, east, north) box."""
    west, south, east, north = bounds
    if not south <= latitude <= north:
        return False
    if west <= east:
        return west <= longitude <= east
    return longitude >= west or longitude <= east


def bounds_around(
    latitude: float, longitude: float, radius_m: float
) -> tuple[float, float, float, float]:
    """Return a (west, south, east, north) box that holds every position within radius_m."""
    dphi = math.degrees(radius_m / _LEAST_RADIUS_M)
    south, north = max(-90.0, latitude - dphi), min(90.0, latitude + dphi)
    widest = math.cos(math.radians(max(abs(south), abs(north))))
    if widest < 1e-9 or dphi / widest >= 180.0:
        return -180.0, south, 180.0, north
    dlambda = dphi / widest
    return _lift(longitude - dlambda), south, _lift(longitude + dlambda), north


def ground_size_m(corners: Sequence[tuple[float, float]]) -> float:
    """Return the mean side length of a four-cornered ground area, m."""
    sides = [distance_m(*corners[i], *corners[(i + 1) % 4]) for i in range(4)]
    return sum(sides) / 4


def square_corners(
    latitude: float, longitude: float, width_m: float, height_m: float, heading_deg: float = 0.0
) -> tuple[tuple[float, float], ...]:
    """Return the corners of a ground rectangle, clockwise from the top left of its heading."""
    turn = math.radians(heading_deg)
    half = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
    found = []
    for right, up in half:
        right_m, up_m = right * width_m / 2, up * height_m / 2
        north_m = up_m * math.cos(turn) - right_m * math.sin(turn)
        east_m = up_m * math.sin(turn) + right_m * math.cos(turn)
        found.append(offset(latitude, longitude, north_m, east_m))
    return tuple(found)


def circle(
    latitude: float, longitude: float, radius_m: float, vertices: int = 48
) -> list[tuple[float, float]]:
    """Return the vertices of a circle around a position, clockwise from north."""
    bearings = [2 * math.pi * number / vertices for number in range(vertices)]
    return [
        offset(latitude, longitude, radius_m * math.cos(turn), radius_m * math.sin(turn))
        for turn in bearings
    ]


def tile_corner(zoom: int, x: float, y: float) -> tuple[float, float]:
    """Return (latitude, longitude) of a web-mercator tile address's top left, also fractional.

    Source: OGC Two Dimensional Tile Matrix Set 2.0, WebMercatorQuad; rows count from the north.
    """
    side = 2**zoom
    latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / side))))
    return latitude, x / side * 360.0 - 180.0


def tile_address(zoom: int, latitude: float, longitude: float) -> tuple[float, float]:
    """Return a position's fractional (x, y) in a web-mercator grid; inverse of tile_corner."""
    side = 2**zoom
    clipped = max(-MERCATOR_MAX_LATITUDE_DEG, min(MERCATOR_MAX_LATITUDE_DEG, latitude))
    y = (1 - math.asinh(math.tan(math.radians(clipped))) / math.pi) / 2 * side
    return (longitude + 180.0) / 360.0 * side, y


def tile_corners(zoom: int, x: int, y: int) -> tuple[tuple[float, float], ...]:
    """Return four (latitude, longitude) of a tile, clockwise from its north-west corner."""
    return tuple(tile_corner(zoom, x + dx, y + dy) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1)))


def tile_gsd_m(zoom: int, latitude: float, tile_px: int) -> float:
    """Return the ground metres per pixel of a web-mercator tile at a latitude."""
    return MERCATOR_EQUATOR_M * math.cos(math.radians(latitude)) / float(2**zoom * tile_px)


def distances_m(one_N2: NDArray[np.float64], other_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geodesic distances between rows of (latitude, longitude), m: float64 [N]."""
    away_N: NDArray[np.float64]
    _, _, away_N = _GEOD.inv(one_N2[:, 1], one_N2[:, 0], other_N2[:, 1], other_N2[:, 0])
    return away_N


def metres_to_all(
    latitude: float,
    longitude: float,
    latitudes_N: NDArray[np.float64],
    longitudes_N: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the geodesic distances from one position to many, m: float64 [N]."""
    here_N2 = np.full((len(latitudes_N), 2), (latitude, longitude))
    return distances_m(here_N2, np.stack([latitudes_N, longitudes_N], axis=1))
