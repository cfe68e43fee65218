"""A {z}/{x}/{y}.png folder of web-mercator tiles, with the names that tools give the files.

Numbers may be padded with zeros, suffixes in capitals or missing, and `@2x` tiles stand in where
there are no plain ones.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from indexer.sources.tiles.store import MAX_ZOOM, Declared, declared_in, read_document
from indexer.sources.tiles.tile_files import TileFiles

_NUMBER = re.compile(r"\d{1,10}")
_TILE = re.compile(r"(\d{1,10})(@2x)?(?:\.(?:png|jpe?g|webp|avif))?", re.IGNORECASE)
"""A tile's name; servers give tiles without a suffix too."""
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")
DOCUMENTS = ("tiles.json", "metadata.json", "tilejson.json", "tile.json")
"""Files beside the zooms in which tools describe what they wrote."""

COLUMNS_KEPT = 256
"""Our choice: columns whose file names stay in memory; windows of one row and the next share
them."""


class FolderTiles(TileFiles):
    """A folder of tiles; rows count from the north unless `FlippedTiles` reads it."""

    kind = "XYZ tile folder"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.declared = declared_beside(path)
        self._zooms = {int(folder.name): folder for folder in zoom_folders(path)}
        self._columns = lru_cache(MAX_ZOOM + 1)(self._list_columns)
        self._rows = lru_cache(COLUMNS_KEPT)(self._list_rows)

    def _list_columns(self, zoom: int) -> Mapping[int, Path]:
        return {int(folder.name): folder for folder in numbered(self._zooms.get(zoom))}

    def _list_rows(self, zoom: int, x: int) -> Mapping[int, Path]:
        column = self._columns(zoom).get(x)
        return {} if column is None else tile_files(column)

    def zooms(self) -> list[int]:
        """Return the zooms that hold a column, ascending."""
        return sorted(zoom for zoom in self._zooms if self._columns(zoom))

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        for x in sorted(self._columns(zoom)):
            for y in sorted(self._list_rows(zoom, x)):
                yield x, y

    def _file(self, zoom: int, x: int, y: int) -> Path:
        nowhere = self.path / str(zoom) / str(x) / str(y)
        return self._rows(zoom, x).get(y, nowhere)


def tile_files(column: Path) -> dict[int, Path]:
    """Return the tile files of a column by number; the plain one rather than @2x."""
    found: dict[int, Path] = {}
    with os.scandir(column) as entries:
        names = sorted((entry.name for entry in entries if entry.is_file()), reverse=True)
    for name in names:
        match = _TILE.fullmatch(name)
        if match is not None and (match.group(2) is None or int(match.group(1)) not in found):
            found[int(match.group(1))] = column / name
    return found


def _is_tile(file: Path) -> bool:
    """Return whether a file is a tile by its name, or by its first bytes where it has no suffix."""
    if _TILE.fullmatch(file.name) is None or not file.is_file():
        return False
    if file.suffix:
        return True
    with file.open("rb") as stream:
        return stream.read(4).startswith(_MAGIC)


def numbered(folder: Path | None) -> list[Path]:
    """Return subfolders with a number for a name, by number."""
    if folder is None or not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: (int(path.name), path.name))


def zoom_folders(path: Path) -> list[Path]:
    """Return subfolders that may be a zoom, by number."""
    return [folder for folder in numbered(path) if int(folder.name) <= MAX_ZOOM]


def looks_like_tiles(path: Path) -> bool:
    """Return whether a folder has the shape {z}/{x}/{y}.png|jpg|webp."""
    for zoom in zoom_folders(path):
        for column in numbered(zoom):
            if int(column.name) < 2 ** int(zoom.name) and any(
                _is_tile(file) for file in column.iterdir()
            ):
                return True
    return False


def part_of_tiles(path: Path) -> Path | None:
    """Return the tile folder whose zoom or column a folder is; None if it is neither."""
    real = path.resolve()
    for above in real.parents[:2]:
        inside = real.relative_to(above).parts
        if all(_NUMBER.fullmatch(part) for part in inside) and looks_like_tiles(above):
            return above
    return None


def declared_beside(path: Path) -> Declared:
    """Return how documents in a tile folder describe its tiles."""
    found = [declared_in(read_document(path / name)) for name in DOCUMENTS]
    # gdal2tiles writes tilemapresource.xml with TMS rows and leaves it out with --xyz.
    tms = (path / "tilemapresource.xml").is_file()
    schemes = [one.scheme for one in found if one.scheme] + (["tms"] if tms else [])
    bounds = [one.bounds for one in found if one.bounds]
    zooms = [one.max_zoom for one in found if one.max_zoom is not None]
    return Declared(
        scheme=next(iter(schemes), None),
        bounds=next(iter(bounds), None),
        max_zoom=next(iter(zooms), None),
    )
