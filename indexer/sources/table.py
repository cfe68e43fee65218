"""A folder of images with a CSV or GeoJSON that says where each one lies.

CSV columns (any order, more are ignored): `path` (or file, filename, image) relative to the
table; `latitude`/`longitude` (or lat, lon, lng); optional `id`, `view`, `altitude_m`,
`altitude_datum`, `heading_deg`, `gimbal_pitch_deg`, `gsd_m`, `flight_id`, `captured_at` (ISO
8601), `footprint` (WKT POLYGON of four corners from the image's top left), `ground_m` (side of a
square footprint), or `west`, `south`, `east`, `north`. Without a path column, `id` names the file,
with any image suffix. A GeoJSON gives the same as properties,
and the position as a Point, or the footprint as a Polygon of four corners.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from indexer.errors import BadTableError
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import (
    Candidate,
    Source,
    SourceOptions,
    check_position,
    file_fingerprint,
    file_id,
)
from indexer.sources.cells import corners, moment, number, optional, positive
from indexer.sources.listing import IMAGE_SUFFIXES
from indexer.sources.names import shown
from indexer.sources.reading import read_file
from indexer.sources.table_lines import Line, read_csv, read_geojson


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
            if row.get("view", self.view).lower() in (self.view, "") and self.wanted(row):
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
            view = row.get("view", "").lower()
            return cast(View, view) if view in get_args(View) else None
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
            gsd_m=positive(row, "gsd_m", where),
            altitude_m=optional(row, "altitude_m", where),
            altitude_datum=row.get("altitude_datum") or None,
            heading_deg=optional(row, "heading_deg", where),
            gimbal_pitch_deg=optional(row, "gimbal_pitch_deg", where),
            flight_id=row.get("flight_id") or None,
            captured_at=moment(row, where),
            place_id=row.get("id") or None,
            source=shown(self.path.name),
        )
        return Candidate(
            record=record,
            location=shown(path),
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
