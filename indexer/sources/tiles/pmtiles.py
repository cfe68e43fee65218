"""Tiles of a PMTiles file (version 3), read with the format's own library.

Source: PMTiles specification 3. Kept apart because it is the only import of `pmtiles`.
"""

import gzip
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmtiles import tile as untyped_tile
from pmtiles.tile import Compression, TileType

from indexer.errors import SourceError
from indexer.sources.candidate import file_fingerprint
from indexer.sources.names import shown
from indexer.sources.tiles.encoded import gunzip, looks_like_vector, unbrotli, unpacked, unzstd
from indexer.sources.tiles.store import Declared, declared_in

pmtiles: Any = untyped_tile
"""The library carries no type hints."""

DIRECTORIES_KEPT = 64
"""Our choice: unpacked directories that stay in memory; neighbouring tiles share one."""

MAX_RUNS = 5_000_000
"""Our choice: as many tiles as a gallery may be cut into; a longer list is damage or an attack."""

_UNPACK: Mapping[Compression, Callable[[bytes], bytes]] = {
    # "Unknown" is what some writers declare for plain tiles.
    Compression.UNKNOWN: bytes,
    Compression.NONE: bytes,
    Compression.GZIP: gunzip,
    Compression.BROTLI: unbrotli,
    Compression.ZSTD: unzstd,
}

_HEADER_BYTES, _DEEPEST = 127, 4
_RASTER = (TileType.PNG, TileType.JPEG, TileType.WEBP, TileType.AVIF, TileType.UNKNOWN)


class PmTiles:
    """A raster PMTiles file.

    Raises:
        SourceError: it is damaged, of another version, or holds no raster tiles.
    """

    kind = "PMTiles file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = shown(path.name)
        self._mark = file_fingerprint(path)
        with self._whole():
            with path.open("rb") as stream:
                self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._refuse_other_version()
            self._header = pmtiles.deserialize_header(self._bytes[:_HEADER_BYTES])
        self._recent = lru_cache(DIRECTORIES_KEPT)(self._directory)
        self._unpack = _UNPACK[self._header["internal_compression"]]
        self._unpack_tile = _UNPACK[self._header["tile_compression"]]
        self.declared = self._declared()
        self._refuse_unusable()

    def _refuse_other_version(self) -> None:
        magic, version = self._bytes[:7], self._bytes[7]
        if self._bytes[:2] == b"PM" and magic != b"PMTiles":
            version = self._bytes[2]
        elif magic != b"PMTiles" or version == 3:
            return
        raise SourceError(
            f"{self._name} is PMTiles version {version}, only 3 is read; convert it: "
            "pmtiles convert old.pmtiles new.pmtiles"
        )

    def _declared(self) -> Declared:
        corners = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        return declared_in({"bounds": [self._header[corner] / 1e7 for corner in corners]})

    def _refuse_unusable(self) -> None:
        end = self._header["tile_data_offset"] + self._header["tile_data_length"]
        if end > len(self._bytes):
            raise SourceError(
                f"{self._name} is cut off: its tiles should end at byte {end}, the file ends at "
                f"{len(self._bytes)}; copy it again"
            )
        kind = self._header["tile_type"]
        if kind not in _RASTER:
            raise SourceError(
                f"{self._name} holds {kind.name} tiles (vector tiles); give raster tiles "
                "(png, jpg, webp)"
            )
        if kind == TileType.UNKNOWN:
            address = next(self._everything(), None)
            if address is not None and looks_like_vector(self.read(*address)):
                raise SourceError(f"{self._name} holds vector tiles; give raster tiles")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        # The library promises no error classes: a damaged directory ends in any of Python's own.
        try:
            yield
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(
                f"{self._name} is no whole PMTiles file "
                f"({error or type(error).__name__}); make it again"
            ) from error

    def _directory(self, offset: int, length: int) -> list[Any]:
        # The library unpacks gzip and nothing else, without a limit of size.
        plain = self._unpack(self._bytes[offset : offset + length])
        return list(pmtiles.deserialize_directory(gzip.compress(plain, 1)))

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""
        with self._whole():
            found: set[int] = set()
            for first, last in self._runs():
                found |= set(range(_zoom_of(first), _zoom_of(last) + 1))
        return sorted(found)

    def _everything(self) -> Iterator[tuple[int, int, int]]:
        with self._whole():
            for first, last in self._runs():
                for tile_id in range(first, last + 1):
                    yield pmtiles.tileid_to_zxy(tile_id)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """First and last tile id of every run, ascending within a directory."""
        root = self._directory(self._header["root_offset"], self._header["root_length"])
        for number, run in enumerate(self._below(root, 1)):
            if number > MAX_RUNS:
                raise ValueError(f"it lists more than {MAX_RUNS:,} runs of tiles")
            yield run

    def _below(self, entries: list[Any], depth: int) -> Iterator[tuple[int, int]]:
        for entry in entries:
            if entry.run_length > 0:
                yield entry.tile_id, entry.tile_id + entry.run_length - 1
            elif depth >= _DEEPEST:
                raise ValueError("its directories are nested too deep")
            else:
                start = self._header["leaf_directory_offset"] + entry.offset
                yield from self._below(self._directory(start, entry.length), depth + 1)

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        lowest, highest = pmtiles.zxy_to_tileid(zoom, 0, 0), pmtiles.zxy_to_tileid(zoom + 1, 0, 0)
        found: list[tuple[int, int]] = []
        with self._whole():
            for first, last in self._runs():
                inside = range(max(first, lowest), min(last + 1, highest))
                if len(found) + len(inside) > MAX_RUNS:
                    raise ValueError(f"zoom {zoom} has more than {MAX_RUNS:,} tiles; use --zoom")
                found += [pmtiles.tileid_to_zxy(tile_id)[1:] for tile_id in inside]
        yield from sorted(found)

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""
        with self._whole():
            tile_id = pmtiles.zxy_to_tileid(zoom, x, y)
            offset, length = self._header["root_offset"], self._header["root_length"]
            for _ in range(_DEEPEST):
                entry = pmtiles.find_tile(self._recent(offset, length), tile_id)
                if entry is None:
                    return None
                if entry.run_length > 0:
                    start = self._header["tile_data_offset"] + entry.offset
                    data = self._bytes[start : start + entry.length]
                    return unpacked(bytes(self._unpack_tile(data)))
                offset = self._header["leaf_directory_offset"] + entry.offset
                length = entry.length
        return None

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Return the size and time of the whole file."""
        return self._mark

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return the file and the address."""
        return f"{shown(self.path)}!{zoom}/{x}/{y}"


def _zoom_of(tile_id: int) -> int:
    return int(pmtiles.tileid_to_zxy(tile_id)[0])
