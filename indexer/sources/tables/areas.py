"""Polygons of a GeoJSON file, as a mask of the wanted area."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.errors import BadTableError
from indexer.polygons import join_holes
from indexer.records import Ring


def read_polygons(path: Path) -> tuple[Ring, ...]:
    """Return one ring, with its holes joined to it, for each polygon of every feature.

    Raises:
        BadTableError: it is no GeoJSON, holds no polygon, or is not in degrees.
    """
    if not path.is_file():
        why = "is a folder; name a file" if path.is_dir() else "does not exist; check the path"
        raise BadTableError(f"{path} {why}")
    if path.suffix.lower() in (".shp", ".gpkg", ".kml"):
        raise BadTableError(
            f"{path.name} is no GeoJSON; convert it with: ogr2ogr -t_srs EPSG:4326 "
            f"{path.stem}.geojson {path.name}"
        )
    try:
        rings = tuple(_rings(json.loads(path.read_text(encoding="utf-8-sig"))))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadTableError(f"{path.name} is no GeoJSON that can be read; write one") from error
    if not rings:
        raise BadTableError(f"{path.name} holds no polygon; draw the wanted area as one")
    _check_degrees(rings, path.name)
    return rings


def _check_degrees(rings: tuple[Ring, ...], name: str) -> None:
    for latitude, longitude in (place for ring in rings for place in ring):
        # Our own export writes a polygon across the antimeridian with longitudes beyond 180.
        if not (abs(latitude) <= 90.0 and abs(longitude) <= 360.0):
            raise BadTableError(
                f"{name}: {longitude:g}, {latitude:g} are no WGS 84 degrees (longitude, latitude); "
                "reproject it, for example: ogr2ogr -t_srs EPSG:4326"
            )


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
