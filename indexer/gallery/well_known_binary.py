"""Footprints as well-known binary (OGC Simple Features), little-endian, longitude first."""

import struct

from indexer import geojson
from indexer.records import ImageRecord

_POINT, _POLYGON, _MULTIPOLYGON = 1, 3, 6


def footprint_wkb(record: ImageRecord) -> bytes:
    """Return the ground area, or the position where it is unknown.

    An area across the antimeridian is a MultiPolygon of its two parts.
    """
    if record.corners is None:
        return struct.pack("<BIdd", 1, _POINT, record.longitude, record.latitude)
    polygons = [_polygon(ring) for ring in geojson.rings(record.corners)]
    if len(polygons) == 1:
        return polygons[0]
    return struct.pack("<BII", 1, _MULTIPOLYGON, len(polygons)) + b"".join(polygons)


def _polygon(ring: list[list[float]]) -> bytes:
    flat = [value for position in ring for value in position]
    return struct.pack("<BIII", 1, _POLYGON, 1, len(ring)) + struct.pack(f"<{len(flat)}d", *flat)
