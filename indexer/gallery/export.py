"""Footprints of a gallery for other programs: GeoJSON, CSV, GeoPackage, GeoParquet.

All but CSV give the corners as a polygon, cut in two where it crosses the antimeridian,
or the position as a point where the ground area is unknown.
"""

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from indexer import geojson
from indexer.errors import SourceError
from indexer.gallery.export_columns import write_geopackage, write_geoparquet
from indexer.records import ImageRecord
from model.files import atomic_file

SUFFIXES = (".geojson", ".csv", ".gpkg", ".parquet")

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
    writers = {
        ".geojson": _geojson,
        ".csv": _csv,
        ".gpkg": write_geopackage,
        ".parquet": write_geoparquet,
    }
    if path.suffix.lower() not in writers:
        raise SourceError(f"{path.name} names no export format; end it with {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise SourceError(f"{path} cannot be written: there is no folder {path.parent}; make it")
    try:
        with atomic_file(path) as partial:
            return writers[path.suffix.lower()](records, partial)
    except (OSError, RuntimeError) as error:
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
