"""A folder of images with a CSV that says where each one lies.

Columns (any order, more are ignored): `path` (or file, filename, image) relative to the CSV;
`latitude`/`longitude` (or lat, lon, lng); optional `id`, `view`, `altitude_m`, `altitude_datum`,
`heading_deg`, `gimbal_pitch_deg`, `gsd_m`, `flight_id`, `captured_at` (ISO 8601), `ground_m`
(side of a square footprint) and `west`, `south`, `east`, `north`. Without a path column, `id`
names the file, with any image suffix.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args

from indexer.errors import BadTableError
from indexer.geo import square_corners
from indexer.records import ImageRecord, View
from indexer.sources.candidate import (
    IMAGE_SUFFIXES,
    Candidate,
    SourceOptions,
    check_position,
    file_fingerprint,
    file_id,
    read_file,
)

ALIASES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "image"),
    "id": ("id", "image_id"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
    "heading_deg": ("heading_deg", "yaw_deg", "yaw"),
}


class TableSource:
    """Images listed in a CSV."""

    kind = "folder of images with CSV"

    def __init__(self, path: Path, table: Path, options: SourceOptions) -> None:
        self.path = path
        self.table = table
        self.options = options
        self.notes: list[str] = []
        self.view: View = options.view or self._first_view() or "satellite"

    def candidates(self) -> Iterator[Candidate]:
        """One candidate for each line of the gallery's view."""
        for where, row in self.lines():
            if row.get("view", self.view) not in (self.view, ""):
                continue
            if self._wanted(row):
                yield self._candidate(where, row)

    def _wanted(self, row: Mapping[str, str]) -> bool:
        return True

    def lines(self) -> Iterator[tuple[str, dict[str, str]]]:
        """(where, values by our column names) of each line."""
        try:
            with self.table.open(newline="", encoding="utf-8-sig") as stream:
                reader = csv.DictReader(stream)
                names = _columns(reader.fieldnames or [], self.table.name)
                for row in reader:
                    where = f"{self.table.name} line {reader.line_num}"
                    yield where, {key: (row.get(name) or "").strip() for key, name in names.items()}
        except UnicodeDecodeError as error:
            raise BadTableError(f"{self.table.name} is not UTF-8 text; save it as UTF-8") from error

    def _first_view(self) -> View | None:
        for _, row in self.lines():
            return cast(View, row["view"]) if row.get("view") in get_args(View) else None
        return None

    def _candidate(self, where: str, row: Mapping[str, str]) -> Candidate:
        latitude = _number(row, "latitude", where)
        longitude = _number(row, "longitude", where)
        check_position(latitude, longitude, where)
        path = self._file(where, row)
        given = row.get("id") or None
        has_path = bool(row.get("path"))
        relative = Path(row["path"]) if has_path else Path(cast(str, given))
        record = ImageRecord(
            image_id=file_id(relative, self.options.id_prefix),
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, _corners(row, latitude, longitude, where)),
            gsd_m=_optional(row, "gsd_m", where),
            altitude_m=_optional(row, "altitude_m", where),
            altitude_datum=row.get("altitude_datum") or None,
            heading_deg=_optional(row, "heading_deg", where),
            gimbal_pitch_deg=_optional(row, "gimbal_pitch_deg", where),
            flight_id=row.get("flight_id") or None,
            captured_at=_moment(row, where),
            place_id=given,
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


def read_positions(table: Path) -> dict[str, tuple[float, float]]:
    """(latitude, longitude) by file name, of a CSV with file, lat, lon.

    Raises:
        BadTableError: a column is missing or a value is wrong.
    """
    found = {}
    try:
        source = TableSource(table, table, SourceOptions(view="drone"))
    except OSError as error:
        raise BadTableError(f"{table} cannot be read; check the path") from error
    for where, row in source.lines():
        latitude, longitude = _number(row, "latitude", where), _number(row, "longitude", where)
        check_position(latitude, longitude, where)
        found[Path(row.get("path") or row["id"]).name] = (latitude, longitude)
    return found


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


def _number(row: Mapping[str, str], key: str, where: str) -> float:
    try:
        value = float(row[key])
    except ValueError as error:
        raise BadTableError(f"{where}: {key} {row[key]!r} is not a number; correct it") from error
    if not math.isfinite(value):
        raise BadTableError(f"{where}: {key} {row[key]!r} is not a finite number; correct it")
    return value


def _optional(row: Mapping[str, str], key: str, where: str) -> float | None:
    return _number(row, key, where) if row.get(key) else None


def _moment(row: Mapping[str, str], where: str) -> datetime | None:
    text = row.get("captured_at")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTableError(
            f"{where}: captured_at {text!r} is no ISO 8601 date; write 2024-05-31T12:00:00Z"
        ) from error


def _corners(
    row: Mapping[str, str], latitude: float, longitude: float, where: str
) -> tuple[tuple[float, float], ...] | None:
    if row.get("ground_m"):
        side_m = _number(row, "ground_m", where)
        return square_corners(
            latitude, longitude, side_m, side_m, _optional(row, "heading_deg", where) or 0.0
        )
    if all(row.get(key) for key in ("west", "south", "east", "north")):
        west, south, east, north = (
            _number(row, key, where) for key in ("west", "south", "east", "north")
        )
        return (north, west), (north, east), (south, east), (south, west)
    return None
