"""Footprints of a gallery for other programs: GeoJSON, CSV, GeoPackage.

GeoJSON and GeoPackage give the corners as a polygon, cut in two where it crosses the antimeridian,
or the position as a point where the ground area is unknown.
"""

import csv
import json
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexer import geojson
from indexer.errors import SourceError
from indexer.records import ImageRecord
from model.files import atomic_file

SUFFIXES = (".geojson", ".csv", ".gpkg")

_COLUMNS = (
    "image_id", "view", "latitude", "longitude", "gsd_m", "ground_m", "altitude_m",
    "altitude_datum", "heading_deg", "gimbal_pitch_deg", "flight_id", "captured_at", "place_id",
    "source", "content_sha256",
)  # fmt: skip


def export(records: Iterable[ImageRecord], path: Path) -> int:
    """Write records in the format of the path's suffix; return their number.

    Raises:
        SourceError: the suffix names no format, or the file cannot be written.
    """
    writers = {".geojson": _geojson, ".csv": _csv, ".gpkg": _geopackage}
    if path.suffix.lower() not in writers:
        raise SourceError(f"{path.name} names no export format; end it with {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise SourceError(f"{path} cannot be written: there is no folder {path.parent}; make it")
    try:
        with atomic_file(path) as partial:
            return writers[path.suffix.lower()](records, partial)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{path} cannot be written ({reason}); check folder and room") from error


def properties(record: ImageRecord) -> dict[str, Any]:
    """Return a record as plain values, without its geometry."""
    values = {**asdict(record), "ground_m": record.ground_m}
    if record.captured_at is not None:
        values["captured_at"] = record.captured_at.isoformat()
    return {name: values[name] for name in _COLUMNS}


def geometry(record: ImageRecord) -> geojson.Geometry:
    """Return the ground area as a GeoJSON geometry, or the position where it is unknown."""
    if record.corners is None:
        return geojson.point(record.latitude, record.longitude)
    return geojson.area(record.corners)


def _geojson(records: Iterable[ImageRecord], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"type": "FeatureCollection", "features": [\n')
        for count, record in enumerate(records, start=1):
            feature = {
                "type": "Feature",
                "geometry": geometry(record),
                "properties": properties(record),
            }
            stream.write((",\n" if count > 1 else "") + json.dumps(feature))
        stream.write("\n]}\n")
    return count


def _csv(records: Iterable[ImageRecord], path: Path) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.DictWriter(stream, [*_COLUMNS, "corners"])
        lines.writeheader()
        for record in records:
            count += 1
            around = "" if record.corners is None else json.dumps(record.corners)
            lines.writerow({**properties(record), "corners": around})
    return count


def _geopackage(records: Iterable[ImageRecord], path: Path) -> int:
    """Source: OGC GeoPackage 1.3 (12-128r18): application id, required tables, binary header."""
    database = sqlite3.connect(path)
    try:
        database.executescript(_GEOPACKAGE)
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        insert = f"INSERT INTO footprint (geom, {', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
        count = database.executemany(insert, _rows(records)).rowcount
        database.commit()
    finally:
        database.close()
    return max(0, count)


def _rows(records: Iterable[ImageRecord]) -> Iterator[tuple[Any, ...]]:
    for record in records:
        yield _geometry(record), *properties(record).values()


def _geometry(record: ImageRecord) -> bytes:
    header = b"GP\x00\x01" + struct.pack("<i", 4326)
    if record.corners is None:
        point = struct.pack("<dd", record.longitude, record.latitude)
        return header + struct.pack("<BI", 1, 1) + point
    polygons = [_polygon(ring) for ring in geojson.rings(record.corners)]
    if len(polygons) == 1:
        return header + polygons[0]
    return header + struct.pack("<BII", 1, 6, len(polygons)) + b"".join(polygons)


def _polygon(ring: list[list[float]]) -> bytes:
    """Return a polygon of one ring as little-endian well-known binary."""
    flat = [value for position in ring for value in position]
    return struct.pack("<BIII", 1, 3, 1, len(ring)) + struct.pack(f"<{len(flat)}d", *flat)


_GEOPACKAGE = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL,
  definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",
   SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],
   UNIT["degree",0.017453292519943295]]', NULL);
CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT NOT NULL,
  identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL
  DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE,
  max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id));
INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
  VALUES ('footprint', 'features', 'footprint', 4326);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
  m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
INSERT INTO gpkg_geometry_columns VALUES ('footprint', 'geom', 'GEOMETRY', 4326, 0, 0);
CREATE TABLE footprint (fid INTEGER PRIMARY KEY AUTOINCREMENT, geom GEOMETRY,
  image_id TEXT, view TEXT, latitude REAL, longitude REAL, gsd_m REAL, ground_m REAL,
  altitude_m REAL, altitude_datum TEXT, heading_deg REAL, gimbal_pitch_deg REAL, flight_id TEXT,
  captured_at DATETIME, place_id TEXT, source TEXT, content_sha256 TEXT);
"""
