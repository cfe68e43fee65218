"""A folder of images with a CSV or GeoJSON of their positions.

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
from functools import cached_property
from pathlib import Path
from typing import Any, cast, get_args

from indexer.errors import BadTableError, NoPositionError
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import (
    Candidate,
    Source,
    SourceOptions,
    broken,
    check_position,
    file_fingerprint,
    file_id,
)
from indexer.sources.listing import image_files
from indexer.sources.names import shown
from indexer.sources.photos.exif_gps import usable
from indexer.sources.reading import read_file
from indexer.sources.tables.cells import corners, degrees, moment, optional, positive
from indexer.sources.tables.file_finder import FileFinder
from indexer.sources.tables.geo_txt import read_geo_txt
from indexer.sources.tables.lines import NO_PLACE, Line, read_csv, read_geojson

NO_LINE = "image that no line of the table names"


class TableSource(Source):
    """Images listed in a CSV or GeoJSON."""

    kind = "folder of images with a table"
    view: View

    def __init__(self, path: Path, table: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self.table = table
        self._finder = FileFinder(table.parent)
        self._is_geo_txt = table.suffix.lower() == ".txt"
        usual: View = "drone" if self._is_geo_txt else "satellite"
        self.view = options.view or self._first_view() or usual

    def everything(self) -> Iterator[Candidate]:
        """Yield a candidate for each line of the view; what no line names is left aside."""
        self.left_aside.clear()
        named: set[Path] = set()
        for where, row in self.lines():
            if row.get(NO_PLACE):
                self.left_aside[row[NO_PLACE]] += 1
            elif row.get("view", self.view).lower() not in (self.view, "") or not self.wanted(row):
                named.add(self._file(where, row))
            else:
                file = self._file(where, row)
                named.add(file)
                yield self.candidate(where, row, file)
        if self.path.is_dir():
            for file in image_files(self.path):
                self.left_aside[NO_LINE] += file not in named
            self.left_aside += Counter()  # without zeros

    def wanted(self, row: Mapping[str, str]) -> bool:
        """Return whether a line belongs to the source."""
        return True

    def lines(self) -> Iterator[Line]:
        """Yield every line of the table."""
        if self._is_geo_txt:
            return read_geo_txt(self.table)
        if self.table.suffix.lower() in (".geojson", ".json"):
            return read_geojson(self.table)
        return read_csv(self.table)

    def _first_view(self) -> View | None:
        for _, row in self.lines():
            view = row.get("view", "").lower()
            return cast(View, view) if view in get_args(View) else None
        return None

    @cached_property
    def _ids_name_images(self) -> bool:
        """Whether every line of the view has an id of its own; else ids are of places."""
        rows = (row for _, row in self.lines() if not row.get(NO_PLACE))
        ids = [row.get("id") for row in rows if row.get("view", self.view).lower() == self.view]
        return all(ids) and len(set(ids)) == len(ids)

    def image_id(self, row: Mapping[str, str]) -> str:
        """Return a line's id, where ids are given and name one image each; else its path."""
        own_id = row.get("id") or ""
        if own_id and (not row.get("path") or self._ids_name_images):
            return self.options.id_prefix + own_id.replace("/", "~")
        return file_id(Path(row["path"].replace("\\", "/")), self.options.id_prefix)

    def candidate(self, where: str, row: Mapping[str, str], path: Path) -> Candidate:
        """Return one line and its file as a candidate.

        Raises:
            BadTableError: a value is wrong.
        """
        latitude, longitude = position(row, where)
        if usable(latitude, longitude) is None:
            error = NoPositionError(f"{where}: 0, 0 is no measured position; correct it")
            return broken(path, self.image_id(row), self.view, error)
        record = ImageRecord(
            image_id=self.image_id(row),
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
        if not row.get("path") and not row.get("id"):
            raise BadTableError(f"{where}: neither path nor id is given; fill one in")
        return self._finder.find(row.get("path") or row["id"])


def why_no_table(table: Path) -> str | None:
    """Return what a file lacks to be a table of images; None where it is one.

    A GeoJSON is judged by its first feature, a CSV or geo.txt by its first lines.
    """
    try:
        if table.suffix.lower() != ".geojson":
            next(read_csv(table) if table.suffix.lower() == ".csv" else read_geo_txt(table), None)
            return None
        first = next(read_geojson(table), None)
    except BadTableError as error:
        return str(error)
    if first is None or not (first[1].get("path") or first[1].get("id")):
        return f"{table.name} has no feature with path or id; add one"
    return None


def position(row: Mapping[str, str], where: str) -> tuple[float, float]:
    """Return (latitude, longitude) of a line.

    Raises:
        BadTableError: they are no place on Earth.
    """
    latitude, longitude = degrees(row, "latitude", where), degrees(row, "longitude", where)
    check_position(latitude, longitude, where)
    return latitude, longitude


def target(row: Mapping[str, str], where: str) -> Position:
    """Return the place that an image shows: the `target_` columns, else its position."""
    if row.get("target_latitude") and row.get("target_longitude"):
        shown = {key: row[f"target_{key}"] for key in ("latitude", "longitude")}
        return position(shown, where)
    return position(row, where)


def read_positions(table: Path) -> tuple[dict[Path, Position], dict[str, Position]]:
    """Return where a CSV's files look, (latitude, longitude): by path, and by names that come once.

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
