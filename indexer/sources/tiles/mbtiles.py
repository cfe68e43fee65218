"""Tiles of an MBTiles file.

Source: MBTiles specification 1.3: SQLite, rows count from the south (TMS).
"""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import SourceError
from indexer.sources.candidate import file_fingerprint
from indexer.sources.names import is_utf8, shown
from indexer.sources.tiles.encoded import looks_like_vector, unpacked
from indexer.sources.tiles.store import MAX_ZOOM, declared_in

_PAGE = 4_096


class MbTiles:
    """A raster MBTiles file, read with XYZ addresses.

    Raises:
        SourceError: it is no whole MBTiles file, or holds vector tiles.
    """

    kind = "MBTiles file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = shown(path.name)
        self._mark = file_fingerprint(path)
        self._lock = threading.Lock()
        if not is_utf8(path):
            raise SourceError(f"{self._name} has a name that is no UTF-8; rename the file")
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        metadata = self._metadata()
        self.declared = declared_in(metadata)
        first = self._rows("SELECT tile_data FROM tiles WHERE tile_data IS NOT NULL LIMIT 1")
        # Some writers store the numbers as text, which sorts 10 before 9.
        text = self._rows("SELECT 1 FROM tiles WHERE typeof(tile_column) = 'text' LIMIT 1")
        names = ("zoom_level", "tile_column", "tile_row")
        self._columns = tuple(f"CAST({name} AS INTEGER)" if text else name for name in names)
        vector = str(metadata.get("format") or "").lower() in ("pbf", "mvt")
        if vector or (first and looks_like_vector(first[0][0])):
            raise SourceError(
                f"{self._name} holds vector tiles; give raster tiles (png, jpg, webp)"
            )

    def _metadata(self) -> dict[str, Any]:
        tables = self._rows("SELECT name FROM sqlite_master WHERE name = 'metadata'")
        if not tables:
            return {}
        return {str(name): value for name, value in self._rows("SELECT name, value FROM metadata")}

    def _rows(self, query: str, values: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
        return [row for page in self._pages(query, values) for row in page]

    def _pages(self, query: str, values: tuple[int, ...] = ()) -> Iterator[list[tuple[Any, ...]]]:
        try:
            with self._lock:
                cursor = self._database.execute(query, values)
            while True:
                with self._lock:
                    page = cursor.fetchmany(_PAGE)
                if not page:
                    return
                yield page
        except (sqlite3.Error, OverflowError) as error:
            raise SourceError(
                f"{self._name} is no whole MBTiles file ({error}); make it again"
            ) from error

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""
        rows = self._rows("SELECT DISTINCT zoom_level FROM tiles")
        return sorted({zoom for (value,) in rows if (zoom := _whole(value)) is not None})

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        zoom_level, column, row = self._columns
        query = (
            f"SELECT {column}, {row} FROM tiles"  # noqa: S608  fixed spellings of three columns
            f" WHERE {zoom_level} = ? AND tile_data IS NOT NULL"
            " AND tile_column IS NOT NULL AND tile_row IS NOT NULL"
            f" ORDER BY {column}, {row} DESC"
        )
        before = None
        for page in self._pages(query, (zoom,)):
            for x, y in page:
                if isinstance(x, int) and isinstance(y, int) and (x, y) != before:
                    yield x, 2**zoom - 1 - y
                    before = x, y

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""
        zoom_level, column, row = self._columns
        rows = self._rows(
            f"SELECT tile_data FROM tiles WHERE {zoom_level} = ? AND {column} = ?"  # noqa: S608
            f" AND {row} = ? LIMIT 1",
            (zoom, x, 2**zoom - 1 - y),
        )
        data = rows[0][0] if rows else None
        return unpacked(data) if isinstance(data, bytes) else None

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Return the size and time of the whole file."""
        return self._mark

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return the file and the address."""
        return f"{self.path}!{zoom}/{x}/{y}"


def _whole(value: Any) -> int | None:
    try:
        zoom = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return zoom if 0 <= zoom <= MAX_ZOOM else None
