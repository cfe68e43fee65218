"""A folder of images with a CSV or GeoJSON that says where each one lies.

CSV columns (any order, more are ignored): `path` (or file, filename, image) relative to the
table; `latitude`/`longitude` (or lat, lon, lng); optional `id`, `view`, `altitude_m`,
`altitude_datum`, `heading_deg`, `gimbal_pitch_deg`, `gsd_m`, `flight_id`, `captured_at` (ISO
8601), `footprint` (WKT POLYGON of four corners from the image's top left), `ground_m` (side of a
square footprint), or `west`, `south`, `east`, `north`. Without a path column, `id` names the file,
with any image suffix. A GeoJSON gives the same as properties,
and the position as a Point, or the footprint as a Polygon of four corners.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from indexer.errors import BadTableError
from indexer.geo import bounds_of, wrap_longitude
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import (
    IMAGE_SUFFIXES,
    Candidate,
    Source,
    SourceOptions,
    check_position,
    file_fingerprint,
    file_id,
)
from indexer.sources.cells import corners, moment, number, optional
from indexer.sources.reading import read_file

ALIASES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "image"),
    "id": ("id", "image_id"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
    "heading_deg": ("heading_deg", "yaw_deg", "yaw"),
}

Line = tuple[str, dict[str, str]]
"""Where a row stands, for people, and its values by our column names."""


class TableSource(Source):
    """Images listed in a CSV or GeoJSON."""

    kind = "folder of images with a table"
    view: View

    def __init__(self, path: Path, table: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self.table = table
        self.view = options.view or self._first_view() or "satellite"

    def everything(self) -> Iterator[Candidate]:
        """One candidate for each line of the gallery's view."""
        for where, row in self.lines():
            if row.get("view", self.view) in (self.view, "") and self.wanted(row):
                yield self.candidate(where, row)

    def wanted(self, row: Mapping[str, str]) -> bool:
        """Whether a line belongs to the source."""
        return True

    def lines(self) -> Iterator[Line]:
        """Every line of the table."""
        if self.table.suffix.lower() in (".geojson", ".json"):
            return read_geojson(self.table)
        return read_csv(self.table)

    def _first_view(self) -> View | None:
        for _, row in self.lines():
            return cast(View, row["view"]) if row.get("view") in get_args(View) else None
        return None

    def candidate(self, where: str, row: Mapping[str, str]) -> Candidate:
        """One line as a candidate.

        Raises:
            BadTableError: a value is wrong.
        """
        latitude, longitude = position(row, where)
        path = self._file(where, row)
        relative = Path(row.get("path") or row["id"])
        record = ImageRecord(
            image_id=file_id(relative, self.options.id_prefix),
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, corners(row, latitude, longitude, where)),
            gsd_m=optional(row, "gsd_m", where),
            altitude_m=optional(row, "altitude_m", where),
            altitude_datum=row.get("altitude_datum") or None,
            heading_deg=optional(row, "heading_deg", where),
            gimbal_pitch_deg=optional(row, "gimbal_pitch_deg", where),
            flight_id=row.get("flight_id") or None,
            captured_at=moment(row, where),
            place_id=row.get("id") or None,
            source=self.path.name,
        )
        return Candidate(
            record=record,
            location=str(path),
            fingerprint=file_fingerprint(path),
            read=lambda: read_file(path),
        )

    def _file(self, where: str, row: Mapping[str, str]) -> Path:
        if row.get("path"):
            return self.table.parent / row["path"]
        if not row.get("id"):
            raise BadTableError(f"{where}: neither path nor id is given; fill one in")
        stem = self.table.parent / row["id"]
        tries = (stem.with_name(stem.name + suffix) for suffix in ("", *IMAGE_SUFFIXES))
        return next((path for path in tries if path.is_file()), stem)


def position(row: Mapping[str, str], where: str) -> tuple[float, float]:
    """(latitude, longitude) of a line.

    Raises:
        BadTableError: they are no place on Earth.
    """
    latitude, longitude = number(row, "latitude", where), number(row, "longitude", where)
    check_position(latitude, longitude, where)
    return latitude, longitude


def target(row: Mapping[str, str], where: str) -> Position:
    """The place that an image shows: `target_latitude`/`target_longitude`, else its position."""
    if row.get("target_latitude") and row.get("target_longitude"):
        shown = {key: row[f"target_{key}"] for key in ("latitude", "longitude")}
        return position(shown, where)
    return position(row, where)


def read_positions(table: Path) -> tuple[dict[Path, Position], dict[str, Position]]:
    """Where a CSV's files look, (latitude, longitude): by path, and by names that come once.

    Raises:
        BadTableError: a column is missing or a value is wrong.
    """
    by_path: dict[Path, Position] = {}
    by_name: dict[str, Position] = {}
    counts: Counter[str] = Counter()
    for where, row in read_csv(table):
        file = Path(row.get("path") or row["id"])
        by_path[(table.parent / file).resolve()] = by_name[file.name] = target(row, where)
        counts[file.name] += 1
    return by_path, {name: place for name, place in by_name.items() if counts[name] == 1}


def read_csv(table: Path) -> Iterator[Line]:
    """Every line of a CSV.

    Raises:
        BadTableError: it cannot be read, or lacks a column.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = _columns(reader.fieldnames or [], table.name)
            for row in reader:
                where = f"{table.name} line {reader.line_num}"
                yield where, {key: (row.get(name) or "").strip() for key, name in names.items()}
    except UnicodeDecodeError as error:
        raise BadTableError(f"{table.name} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise BadTableError(f"{table} cannot be read; check the path") from error


def read_geojson(table: Path) -> Iterator[Line]:
    """Every feature of a GeoJSON FeatureCollection, as the CSV's columns.

    Raises:
        BadTableError: it is no such file, or a feature has no usable geometry.
    """
    try:
        features = json.loads(table.read_text(encoding="utf-8"))["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadTableError(f"{table.name} is no GeoJSON FeatureCollection") from error
    for count, feature in enumerate(features, start=1):
        where = f"{table.name} feature {count}"
        given = {str(k).lower(): v for k, v in (feature.get("properties") or {}).items()}
        row = {key: "" if value is None else str(value) for key, value in given.items()}
        names = {
            key: [row[name] for name in names if name in row] for key, names in ALIASES.items()
        }
        row.update({key: values[0] for key, values in names.items() if values})
        row.update(_geometry(feature.get("geometry") or {}, where))
        yield where, row


def _geometry(geometry: Mapping[str, Any], where: str) -> dict[str, str]:
    try:
        if geometry["type"] == "Point":
            longitude, latitude = geometry["coordinates"][:2]
            return {"longitude": str(longitude), "latitude": str(latitude)}
        if geometry["type"] == "Polygon" and len(geometry["coordinates"][0]) == 5:
            ring = geometry["coordinates"][0][:4]
            return _footprint([(float(lat), float(lon)) for lon, lat, *_ in ring])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadTableError(f"{where}: its geometry cannot be read; write a Point") from error
    raise BadTableError(f"{where}: geometry is no Point and no Polygon of four corners")


def _footprint(ring: list[tuple[float, float]]) -> dict[str, str]:
    clockwise = ring if _turns_right(ring) else ring[::-1]
    west, south, east, north = bounds_of(clockwise)
    middle = wrap_longitude(west + ((east - west) % 360.0) / 2)
    return {
        "ring": json.dumps(clockwise),
        "latitude": str((south + north) / 2),
        "longitude": str(middle),
    }


def _turns_right(ring: Sequence[tuple[float, float]]) -> bool:
    first = ring[0][1]
    flat = [(wrap_longitude(longitude - first), latitude) for latitude, longitude in ring]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(flat, flat[1:] + flat[:1], strict=True))
    return area < 0


def _columns(header: Sequence[str], table: str) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in header}
    found = dict(lower)
    for key, aliases in ALIASES.items():
        known = [lower[alias] for alias in aliases if alias in lower]
        if known:
            found[key] = known[0]
    needed = {"latitude", "longitude"} | ({"path"} if "id" not in found else set())
    missing = sorted(needed - found.keys())
    if missing:
        raise BadTableError(
            f"{table} has no column {' and no column '.join(missing)} "
            f"(it has: {', '.join(header) or 'nothing'}); add it"
        )
    return found
