"""Where web-mercator tiles lie: a {z}/{x}/{y} folder, an MBTiles file, a PMTiles file.

All of them answer with XYZ addresses: rows count from the north.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from indexer.errors import SourceError
from indexer.sources.candidate import file_fingerprint

_NUMBER = re.compile(r"\d+")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""What counts as a tile in a folder."""


class TileStore(Protocol):
    """Tiles by address."""

    path: Path
    kind: str

    def zooms(self) -> list[int]:
        """Zooms that hold a tile, ascending."""

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile of a zoom, by column, then row."""

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None where there is none."""

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Changes whenever the tile may have changed."""

    def location(self, zoom: int, x: int, y: int) -> str:
        """Names a tile to people."""


class FolderTiles:
    """A {z}/{x}/{y}.png|jpg|webp folder; in TMS, rows count from the south."""

    def __init__(self, path: Path, *, tms: bool = False) -> None:
        self.path = path
        self.kind = "TMS tile folder" if tms else "XYZ tile folder"
        self._tms = tms

    def zooms(self) -> list[int]:
        """Zooms that hold a column, ascending."""
        return [int(zoom.name) for zoom in numbered(self.path) if numbered(zoom)]

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile of a zoom, by column, then row."""
        for column in numbered(self.path / str(zoom)):
            found = (file for file in column.iterdir() if file.suffix.lower() in SUFFIXES)
            rows = {int(file.stem) for file in found if _NUMBER.fullmatch(file.stem)}
            for y in sorted(self._row(zoom, row) for row in rows):
                yield int(column.name), y

    def _row(self, zoom: int, row: int) -> int:
        return 2**zoom - 1 - row if self._tms else row

    def _file(self, zoom: int, x: int, y: int) -> Path:
        stem = self.path / str(zoom) / str(x) / str(self._row(zoom, y))
        tries = (stem.with_suffix(suffix) for suffix in SUFFIXES)
        return next((file for file in tries if file.is_file()), stem)

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None where there is none."""
        try:
            return self._file(zoom, x, y).read_bytes()
        except FileNotFoundError:
            return None

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Size and time of the tile's file."""
        return file_fingerprint(self._file(zoom, x, y))

    def location(self, zoom: int, x: int, y: int) -> str:
        """The tile's file."""
        return str(self._file(zoom, x, y))


class MbTiles:
    """An MBTiles file: SQLite, rows from the south (TMS).

    Source: MBTiles specification 1.3.
    """

    kind = "MBTiles file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = file_fingerprint(path)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        metadata = dict(self._rows("SELECT name, value FROM metadata"))
        self._rows("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles LIMIT 0")
        if metadata.get("format") == "pbf":
            raise SourceError(f"{path.name} holds vector tiles; give raster tiles (png, jpg, webp)")

    def _rows(self, query: str, values: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise SourceError(
                f"{self.path.name} is no whole MBTiles file ({error}); make it again"
            ) from error

    def zooms(self) -> list[int]:
        """Zooms that hold a tile, ascending."""
        rows = self._rows("SELECT DISTINCT zoom_level FROM tiles ORDER BY zoom_level")
        return [int(zoom) for (zoom,) in rows]

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile of a zoom, by column, then row."""
        query = (
            "SELECT tile_column, tile_row FROM tiles"
            " WHERE zoom_level = ? AND tile_data IS NOT NULL ORDER BY tile_column, tile_row DESC"
        )
        for x, row in self._rows(query, (zoom,)):
            yield int(x), 2**zoom - 1 - int(row)

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None where there is none."""
        rows = self._rows(
            "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
            (zoom, x, 2**zoom - 1 - y),
        )
        data = rows[0][0] if rows else None
        return data if isinstance(data, bytes) else None

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Size and time of the whole file."""
        return self._mark

    def location(self, zoom: int, x: int, y: int) -> str:
        """The file and the address."""
        return f"{self.path}!{zoom}/{x}/{y}"


def numbered(folder: Path) -> list[Path]:
    """Subfolders with a number for a name, by number."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name))


def looks_like_tiles(path: Path) -> bool:
    """Whether a folder has the shape {z}/{x}/{y}.png|jpg|webp."""
    for zoom in numbered(path):
        for column in numbered(zoom):
            if any(f.suffix.lower() in SUFFIXES and f.stem.isdigit() for f in column.iterdir()):
                return True
    return False


def part_of_tiles(path: Path) -> Path | None:
    """The tile folder whose zoom or column a folder is; None if it is neither."""
    real = path.resolve()
    for above in real.parents[:2]:
        inside = real.relative_to(above).parts
        if all(_NUMBER.fullmatch(part) for part in inside) and looks_like_tiles(above):
            return above
    return None
