"""GeoJSON geometries (RFC 7946): longitude first, 7 decimals, cut at the antimeridian.

Everything that leaves as GeoJSON, GeoPackage or as a map's footprints is made here. Arguments are
(latitude, longitude) in degrees WGS 84, as everywhere else.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from indexer.geo import wrap_longitude
from indexer.polygons import unrolled
from indexer.records import Bounds, Position

Geometry = dict[str, Any]

DECIMALS = 7
"""Decimals of a degree that are written: 1 cm; RFC 7946 advises no more."""


def coordinates(latitude: float, longitude: float) -> list[float]:
    """Return [longitude, latitude], rounded."""
    return [round(longitude, DECIMALS), round(latitude, DECIMALS)]


def point(latitude: float, longitude: float) -> Geometry:
    """Return a Point."""
    return {"type": "Point", "coordinates": coordinates(latitude, longitude)}


def area(corners: Sequence[Position]) -> Geometry:
    """Return the Polygon of a ring of corners, or a MultiPolygon across the antimeridian."""
    return _polygons(rings(corners))


def box(bounds: Bounds) -> Geometry:
    """Return a box as `area` does; west > east where it crosses the antimeridian."""
    west, south, east, north = bounds
    beyond = east + 360.0 if east < west else east
    return _polygons(
        _cut([(south, west), (south, beyond), (north, beyond), (north, west)]),
    )


def line(positions: Sequence[Position]) -> Geometry:
    """Return a LineString, or a MultiLineString across the antimeridian."""
    parts: list[list[Position]] = [[]]
    for here, there in pairwise([positions[0], *positions]):
        crossing = _crossing(here, there)
        if crossing is not None:
            latitude, side = crossing
            parts[-1].append((latitude, side))
            parts.append([(latitude, -side)])
        parts[-1].append(there)
    lines = [[coordinates(*position) for position in part] for part in parts]
    if len(lines) == 1:
        return {"type": "LineString", "coordinates": lines[0]}
    return {"type": "MultiLineString", "coordinates": lines}


def rings(corners: Sequence[Position]) -> list[list[list[float]]]:
    """Return closed rings of [longitude, latitude], counter-clockwise: one for each piece.

    A ring around a pole becomes the area between it and the pole.
    """
    vertices = unrolled(corners)
    (latitude, x), (_, last_x) = vertices[0], vertices[-1]
    end_x = last_x + wrap_longitude(x - last_x)
    if abs(end_x - x) > 180.0:
        pole = math.copysign(90.0, sum(latitude for latitude, _ in vertices))
        vertices += [(latitude, end_x), (pole, end_x), (pole, x)]
    return _cut(vertices)


def _polygons(pieces: list[list[list[float]]]) -> Geometry:
    if len(pieces) == 1:
        return {"type": "Polygon", "coordinates": pieces}
    return {"type": "MultiPolygon", "coordinates": [[piece] for piece in pieces]}


def _cut(vertices: Sequence[Position]) -> list[list[list[float]]]:
    """Cut a ring whose longitudes never jump into one ring for each turn of the globe."""
    west, east = min(x for _, x in vertices), max(x for _, x in vertices)
    first = math.floor((west + 180.0) / 360.0)
    last = max(first, math.ceil((east + 180.0) / 360.0) - 1)
    pieces = []
    for turn in range(first, last + 1):
        edge = 360.0 * turn - 180.0
        kept = vertices if first == last else _clip(_clip(vertices, edge, 1), edge + 360.0, -1)
        ring = [coordinates(latitude, x - 360.0 * turn) for latitude, x in kept]
        pieces.append(_counterclockwise([*ring, ring[0]]))
    return pieces


def _clip(vertices: Sequence[Position], edge: float, side: int) -> list[Position]:
    """Keep what lies east (side 1) or west (side -1) of a meridian (Sutherland-Hodgman)."""
    kept: list[Position] = []
    for (lat_a, x_a), (lat_b, x_b) in pairwise((*vertices, vertices[0])):
        a_inside, b_inside = side * (x_a - edge) >= 0, side * (x_b - edge) >= 0
        if a_inside:
            kept.append((lat_a, x_a))
        if a_inside != b_inside:
            kept.append((lat_a + (edge - x_a) / (x_b - x_a) * (lat_b - lat_a), edge))
    return kept


def _counterclockwise(ring: list[list[float]]) -> list[list[float]]:
    turning = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    return ring if turning >= 0 else ring[::-1]


def _crossing(here: Position, there: Position) -> tuple[float, float] | None:
    """Return (latitude, 180 or -180) where a step leaves one side of the map, else None."""
    (lat_a, lon_a), (lat_b, lon_b) = here, there
    if abs(lon_b - lon_a) <= 180.0:
        return None
    side = math.copysign(180.0, lon_a)
    x_b = lon_b + 2 * side
    return lat_a + (side - lon_a) / (x_b - lon_a) * (lat_b - lat_a), side
