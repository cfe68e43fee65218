"""The folders of the public data sets, with the table that gives their coordinates.

University-1652 and SUES-200 publish no coordinates per image: a `gps.csv` gives them, one line
per image (`path`, ...) or one line per place (`id`, `latitude`, `longitude`). DenseUAV comes with
`Dense_GPS_ALL.txt`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath

from indexer.errors import BadTableError
from indexer.records import View
from indexer.sources.candidate import SourceOptions, file_id
from indexer.sources.listing import image_files
from indexer.sources.names import shown
from indexer.sources.tables.lines import NO_PLACE, Line, read_csv
from indexer.sources.tables.table import TableSource

TABLE_NAME = "gps.csv"

DENSE_TABLES = ("Dense_GPS_ALL.txt", "Dense_GPS_test.txt", "Dense_GPS_train.txt")

_VIEW_FOLDERS: Mapping[str, View] = {
    "satellite": "satellite",
    "gallery_satellite": "satellite",
    "query_satellite": "satellite",
    "satellite-view": "satellite",
    "drone": "drone",
    "gallery_drone": "drone",
    "query_drone": "drone",
    "drone_view_512": "drone",
    "drone-view": "drone",
}
"""What the data sets call their folders."""

_DENSE_LINE = re.compile(r"(\S+)\s+E(-?[\d.]+)\s+N(-?[\d.]+)\s+(-?[\d.]+)")


class DatasetSource(TableSource):
    """A data set folder (the whole set, its test part or one gallery) with its table.

    The test part of University-1652 holds its query images twice: the `query_` folders are left
    out unless the path points into one. The view (`--view`) says which images are taken.
    """

    kind = "data set folder with coordinates"

    def __init__(self, path: Path, table: Path, options: SourceOptions) -> None:
        if options.view is None and folder_view(path) is None:
            raise BadTableError(
                f"{path.name} holds satellite and drone images; add --view satellite or drone"
            )
        super().__init__(path, table, options)
        self.view = options.view or folder_view(path) or "satellite"

    def lines(self) -> Iterator[Line]:
        """Yield one line per image, whatever the table has."""
        if self.table.name in DENSE_TABLES:
            return read_dense(self.table)
        return self._per_image(read_csv(self.table))

    def _per_image(self, lines: Iterator[Line]) -> Iterator[Line]:
        places: dict[str, Line] = {}
        for where, row in lines:
            if row.get("path"):
                yield where, row
            else:
                places[row["id"]] = where, row
        if places:
            yield from self._of_places(places)

    def _of_places(self, places: Mapping[str, Line]) -> Iterator[Line]:
        for file in image_files(self.path):
            path = file.resolve().relative_to(self.table.parent.resolve())
            found = self._place_of(path, places)
            if found is None:
                row = {"path": path.as_posix(), NO_PLACE: f"image without a line in {TABLE_NAME}"}
                if self.wanted(row):
                    yield self.table.name, row
            else:
                where, row = places[found]
                height_m = (
                    "" if file.parent.name.lstrip("0") == found.lstrip("0") else file.parent.name
                )
                known = {"altitude_m": height_m, "altitude_datum": "takeoff"}
                extra = known if height_m.isdigit() else {}
                yield where, {**row, **extra, "path": path.as_posix()}

    def _place_of(self, path: Path, places: Mapping[str, Line]) -> str | None:
        """Return the place of an image's folder; a table may lack its leading zeros."""
        folders = path.parts[-2::-1]
        found = next((part for part in folders if part in places), None)
        if found is not None:
            return found
        numbers = [part.lstrip("0") for part in folders if part.isdigit()]
        return next((number for number in numbers if number in places), None)

    def image_id(self, row: Mapping[str, str]) -> str:
        """Return an id from the path: the table's ids are places."""
        return file_id(Path(row["path"]), self.options.id_prefix)

    def wanted(self, row: Mapping[str, str]) -> bool:
        """Return whether a line lies below the path, is of the view and no repeated query."""
        inside = self.path.resolve().relative_to(self.table.parent.resolve()).parts
        parts = Path(row["path"]).parts
        if parts[: len(inside)] != inside:
            return False
        below = parts[len(inside) :]
        view = next((_VIEW_FOLDERS[part] for part in parts if part in _VIEW_FOLDERS), self.view)
        return view == self.view and not any(part.startswith("query_") for part in below)


def read_dense(table: Path) -> Iterator[Line]:
    """Yield lines `path E<lon> N<lat> <altitude>` of DenseUAV, as the CSV's columns.

    Paths of the published file start with the author's own folders; what counts is the part from
    `train` or `test` on. Source: DenseUAV, evaluate_gps.py.
    """
    # A name that is not UTF-8 is kept as the bytes that it has in the folder.
    with table.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, text in enumerate(stream, start=1):
            where = f"{table.name} line {number}"
            if not text.strip():
                continue
            found = _DENSE_LINE.match(text.strip())
            if found is None:
                raise BadTableError(
                    f"{where}: {shown(text.strip()[:60])!r} is not 'path E.. N.. height'"
                )
            path, longitude, latitude, altitude_m = found.groups()
            parts = PureWindowsPath(path).parts  # either slash
            start = next((i for i, part in enumerate(parts) if part in ("train", "test")), 0)
            yield (
                where,
                {
                    "path": Path(*parts[start:]).as_posix(),
                    "id": parts[-2] if len(parts) > 1 else "",
                    "longitude": longitude,
                    "latitude": latitude,
                    "altitude_m": altitude_m,
                },
            )


def find_table(path: Path) -> Path | None:
    """Return the table of a data set folder: in it or in one of its three parents."""
    for folder in (path.resolve(), *path.resolve().parents[:3]):
        for name in (TABLE_NAME, *DENSE_TABLES):
            if (folder / name).is_file():
                return folder / name
    return None


def folder_view(path: Path) -> View | None:
    """Return the view that a folder's name stands for."""
    return _VIEW_FOLDERS.get(path.name)


def looks_like_dataset(folder: Path) -> bool:
    """Return whether a folder has the names that the public data sets use."""
    names = ("train", "test", *_VIEW_FOLDERS)
    return folder.name in _VIEW_FOLDERS or any((folder / name).is_dir() for name in names)
