"""A folder of tiles in one of the layouts that are not {z}/{x}/{y}."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from indexer.errors import SourceError
from indexer.sources.names import shown
from indexer.sources.tiles.arcgis_scheme import zooms_of_levels
from indexer.sources.tiles.folder_tiles import declared_beside
from indexer.sources.tiles.layouts import MOST, Layout, has_levels, image_paths, layout_of
from indexer.sources.tiles.tile_files import TileFiles
from indexer.sources.tiles.tile_source import tile_size

SIDES_PX = (64, 128, 256, 512, 1024)
"""Our choice: sides of an image that may be a tile by its name alone."""

Paths = dict[int, dict[tuple[int, int], str]]
"""Paths below a folder by zoom, then by (column, row)."""


class NamedTiles(TileFiles):
    """A folder of tiles whose layout and levels' zooms are known; it answers with XYZ addresses.

    Raises:
        SourceError: too many of its images are no tiles.
    """

    def __init__(self, path: Path, layout: Layout, zooms: Mapping[int, int]) -> None:
        self.path, self.kind = path, layout.name
        declared = declared_beside(path)
        self.declared = replace(declared, scheme=declared.scheme or layout.scheme)
        self._files, others = _list_tiles(path, layout, zooms)
        self.notes: list[str] = []
        if layout.by_level and not zooms:
            self.notes.append("no conf.xml says what the levels are; they are taken for zooms")
        if others:
            self.notes.append(f"{others} images with other names are left aside")

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""
        return sorted(self._files)

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        yield from sorted(self._files.get(zoom, ()))

    def _file(self, zoom: int, x: int, y: int) -> Path:
        return self.path / self._files.get(zoom, {}).get((x, y), f"{zoom}/{x}/{y}")


def find_named_tiles(path: Path) -> NamedTiles | None:
    """Return a folder's tiles, if names and sizes show that its images are tiles.

    Raises:
        SourceError: they are, but cannot be used.
    """
    first = next(image_paths(path), None)
    if first is None:
        return None
    zooms = zooms_of_levels(path) if has_levels(first) else {}
    layout = layout_of(path, zooms)
    if layout is None:
        return None
    tile = next(file for file in image_paths(path) if layout.address(file, zooms) is not None)
    size = tile_size((path / tile).read_bytes())
    if size is None or size[0] != size[1] or size[0] not in SIDES_PX:
        return None
    return NamedTiles(path, layout, zooms)


def _list_tiles(path: Path, layout: Layout, zooms: Mapping[int, int]) -> tuple[Paths, int]:
    """Return the tiles, the plain one where there is a @2x one too, and the number of others."""
    files: Paths = {}
    tiles, others = 0, 0
    for file in image_paths(path):
        address = layout.address(file, zooms)
        if address is None:
            others += 1
            continue
        tiles += 1
        zoom, x, y = address
        known = files.setdefault(zoom, {})
        if (x, y) not in known or "@2x." in known[x, y]:
            known[x, y] = file
    if tiles < MOST * (tiles + others):
        raise SourceError(
            f"{shown(path.name)} begins as {layout.name}, but {others} of its {tiles + others} "
            "images are no tiles of it; move them away, or rename the tiles to {z}/{x}/{y}"
        )
    return files, others
