"""Tiles of a PMTiles file (version 3), read with the format's own library.

Source: PMTiles specification 3. Kept apart because it is the only import of `pmtiles`.
"""

import gzip
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pmtiles import reader as untyped_reader
from pmtiles.tile import Compression, TileType

from indexer.errors import SourceError
from indexer.sources.candidate import file_fingerprint

pmtiles: Any = untyped_reader
"""The library carries no type hints."""


class PmTiles:
    """A raster PMTiles file."""

    kind = "PMTiles file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = file_fingerprint(path)
        try:
            with path.open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._bytes = pmtiles.MemorySource(mapped)
            self._reader = pmtiles.Reader(self._bytes)
            self._header = self._reader.header()
        except Exception as error:
            raise SourceError(f"{path.name} is no PMTiles file ({error}); make it again") from error
        if self._header["tile_type"] not in (TileType.PNG, TileType.JPEG, TileType.WEBP):
            kind = self._header["tile_type"].name
            raise SourceError(f"{path.name} holds {kind} tiles; give raster tiles (png, jpg, webp)")

    def zooms(self) -> list[int]:
        """Zooms that hold a tile, ascending."""
        return sorted({address[0] for address, _ in self._everything()})

    def _everything(self) -> Iterator[tuple[tuple[int, int, int], bytes]]:
        yield from pmtiles.all_tiles(self._bytes)

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile of a zoom, by column, then row."""
        yield from sorted((x, y) for (z, x, y), _ in self._everything() if z == zoom)

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None where there is none."""
        data = self._reader.get(zoom, x, y)
        if data is not None and self._header["tile_compression"] == Compression.GZIP:
            data = gzip.decompress(data)
        return None if data is None else bytes(data)

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Size and time of the whole file."""
        return self._mark

    def location(self, zoom: int, x: int, y: int) -> str:
        """The file and the address."""
        return f"{self.path}!{zoom}/{x}/{y}"
