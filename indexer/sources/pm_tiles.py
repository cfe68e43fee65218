"""Tiles of a PMTiles file (version 3), read with the format's own library.

Source: PMTiles specification 3. Kept apart because it is the only import of `pmtiles`.
"""

import gzip
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
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
        with self._whole():
            with path.open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._bytes = pmtiles.MemorySource(mapped)
            self._reader = pmtiles.Reader(self._bytes)
            self._header = self._reader.header()
        end = self._header["tile_data_offset"] + self._header["tile_data_length"]
        if end > len(mapped):
            raise SourceError(
                f"{path.name} is cut off: its tiles should end at byte {end}, the file ends at "
                f"{len(mapped)}; copy it again"
            )
        if self._header["tile_type"] not in (TileType.PNG, TileType.JPEG, TileType.WEBP):
            kind = self._header["tile_type"].name
            raise SourceError(f"{path.name} holds {kind} tiles; give raster tiles (png, jpg, webp)")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        # The library promises no error classes: a damaged directory ends in any of Python's own.
        try:
            yield
        except Exception as error:
            raise SourceError(
                f"{self.path.name} is no whole PMTiles file "
                f"({error or type(error).__name__}); make it again"
            ) from error

    def zooms(self) -> list[int]:
        """Zooms that hold a tile, ascending."""
        return sorted({zoom for zoom, _, _ in self._everything()})

    def _everything(self) -> Iterator[tuple[int, int, int]]:
        with self._whole():
            for address, _ in pmtiles.all_tiles(self._bytes):
                yield address

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile of a zoom, by column, then row."""
        yield from sorted((x, y) for z, x, y in self._everything() if z == zoom)

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile's bytes; None where there is none."""
        with self._whole():
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
