"""Polygons of a GeoJSON file, as a mask of the wanted area."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.errors import BadTableError
from indexer.records import Position

Ring = tuple[Position, ...]


def read_polygons(path: Path) -> tuple[Ring, ...]:
    """Outer rings of every Polygon and MultiPolygon, vertices as (latitude, longitude).

    Raises:
        BadTableError: it is no GeoJSON, or holds no polygon.
    """
    try:
        rings = tuple(_rings(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadTableError(f"{path.name} is no GeoJSON that can be read; write one") from error
    if not rings:
        raise BadTableError(f"{path.name} holds no polygon; draw the wanted area as one")
    return rings


def _rings(node: Mapping[str, Any]) -> Iterator[Ring]:
    kind = node["type"]
    if kind == "FeatureCollection":
        for feature in node["features"]:
            yield from _rings(feature)
    elif kind == "Feature":
        yield from _rings(node["geometry"])
    elif kind == "GeometryCollection":
        for geometry in node["geometries"]:
            yield from _rings(geometry)
    elif kind == "Polygon":
        yield _ring(node["coordinates"][0])
    elif kind == "MultiPolygon":
        for polygon in node["coordinates"]:
            yield _ring(polygon[0])


def _ring(points: list[list[float]]) -> Ring:
    return tuple((float(latitude), float(longitude)) for longitude, latitude, *_ in points)
