"""Polygons of a GeoJSON file, as a mask of the wanted area."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.errors import BadTableError
from indexer.polygons import join_holes
from indexer.records import Ring


def read_polygons(path: Path) -> tuple[Ring, ...]:
    """One ring for each polygon of every feature, its holes joined to it; together the wanted area.

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
        if node["geometry"] is not None:
            yield from _rings(node["geometry"])
    elif kind == "GeometryCollection":
        for geometry in node["geometries"]:
            yield from _rings(geometry)
    elif kind == "Polygon":
        yield _polygon(node["coordinates"])
    elif kind == "MultiPolygon":
        for polygon in node["coordinates"]:
            yield _polygon(polygon)


def _polygon(rings: list[list[list[float]]]) -> Ring:
    outer, *holes = (_ring(points) for points in rings)
    return join_holes(outer, holes)


def _ring(points: list[list[float]]) -> Ring:
    ring = tuple((float(latitude), float(longitude)) for longitude, latitude, *_ in points)
    if len(ring) < 3:
        raise ValueError("a ring of fewer than three vertices has no inside")
    return ring
