"""Polygons on the globe: rings of (latitude, longitude) vertices, degrees WGS 84, closed or not.

Each edge goes the short way round, so a ring may cross the antimeridian; none may go around a
pole. The even-odd rule decides what is inside, so holes can be part of a ring, see `join_holes`.
Legend: N positions.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.geo import wrap_longitude
from indexer.records import Bounds, Position, Ring


def inside_polygon(latitude: float, longitude: float, ring: Sequence[Position]) -> bool:
    """Return whether a position lies in a ring."""
    vertices = unrolled(ring)
    west = min(x for _, x in vertices)
    x = west + (longitude - west) % 360.0
    inside = False
    for (lat_a, x_a), (lat_b, x_b) in pairwise((*vertices, vertices[0])):
        if (lat_a > latitude) != (lat_b > latitude):
            inside ^= x_a + (latitude - lat_a) * (x_b - x_a) / (lat_b - lat_a) > x
    return inside


def inside_any(
    latitudes_N: NDArray[np.float64],
    longitudes_N: NDArray[np.float64],
    rings: Sequence[Sequence[Position]],
) -> NDArray[np.bool_]:
    """Return whether each position lies in at least one of the rings: bool [N]."""
    found_N = np.zeros(len(latitudes_N), dtype=np.bool_)
    for ring in rings:
        found_N |= _inside(latitudes_N, longitudes_N, unrolled(ring))
    return found_N


def _inside(
    latitudes_N: NDArray[np.float64],
    longitudes_N: NDArray[np.float64],
    vertices: Sequence[Position],
) -> NDArray[np.bool_]:
    west = min(x for _, x in vertices)
    x_N = west + (longitudes_N - west) % 360.0
    inside_N = np.zeros(len(latitudes_N), dtype=np.bool_)
    for (lat_a, x_a), (lat_b, x_b) in pairwise((*vertices, vertices[0])):
        if lat_a != lat_b:
            spans_N = (lat_a > latitudes_N) != (lat_b > latitudes_N)
            east_N = x_a + (latitudes_N - lat_a) * (x_b - x_a) / (lat_b - lat_a) > x_N
            inside_N ^= spans_N & east_N
    return inside_N


def unrolled(ring: Sequence[Position]) -> list[Position]:
    """Return the vertices with longitudes that never jump; they go beyond 180 where needed."""
    vertices: list[Position] = []
    x = ring[0][1]
    for latitude, longitude in ring:
        near = abs(longitude - x) <= 180.0
        x = longitude if near else x + wrap_longitude(longitude - x)
        vertices.append((latitude, x))
    return vertices


def box_of(ring: Sequence[Position]) -> Bounds:
    """Return the (west, south, east, north) box of a ring; west > east across the antimeridian."""
    latitudes, x = zip(*unrolled(ring), strict=True)
    west, east = min(x), max(x)
    if east - west >= 360.0:
        return -180.0, min(latitudes), 180.0, max(latitudes)
    return _lift(west), min(latitudes), _lift(east), max(latitudes)


def _lift(longitude: float) -> float:
    return longitude if -180.0 <= longitude <= 180.0 else wrap_longitude(longitude)


def join_holes(outer: Ring, holes: Sequence[Ring]) -> Ring:
    """Return one ring whose inside is that of the outer ring without the holes.

    A bridge leads from the outer ring's first vertex to each hole and back along the same way, so
    the even-odd rule counts it twice, which has no effect.
    """
    if not holes:
        return outer
    joined = _closed(outer)
    for hole in holes:
        joined += (*_closed(hole), outer[0])
    return joined


def _closed(ring: Ring) -> Ring:
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


def box_around(places: Sequence[Position]) -> Bounds | None:
    """The (west, south, east, north) box of positions, the narrower way round; None of none."""
    if not places:
        return None
    latitudes, longitudes = zip(*places, strict=True)
    turned = [longitude % 360.0 for longitude in longitudes]
    west, east = min(longitudes), max(longitudes)
    if max(turned) - min(turned) < east - west:
        west, east = wrap_longitude(min(turned)), wrap_longitude(max(turned))
    return west, min(latitudes), east, max(latitudes)
