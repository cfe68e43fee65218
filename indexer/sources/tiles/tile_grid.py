"""Web-mercator tiles of one zoom, put together as one map that can be cut."""

import hashlib
import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from threading import Lock

import numpy as np
from affine import Affine
from pyproj import CRS

from indexer.errors import EmptySourceError, SourceError
from indexer.geo import MERCATOR_EQUATOR_M
from indexer.sources.candidate import SourceOptions
from indexer.sources.cutting.grid import Span, Window
from indexer.sources.cutting.pixels import Pixels, decode_tile, paste, resample
from indexer.sources.tiles.store import TileStore
from indexer.sources.tiles.tile_source import TileSource
from model.errors import ImageError

MARKS_KEPT = 65_536
"""Number of tile fingerprints in memory. Our choice: enough for two neighbouring rows."""


class TileGrid:
    """The tiles of one zoom as one picture in EPSG:3857."""

    captured_at: datetime | None = None

    def __init__(self, store: TileStore, zoom: int, tile_px: int) -> None:
        flat = itertools.chain.from_iterable(store.addresses(zoom))
        xs, ys = np.fromiter(flat, dtype=np.int64).reshape(-1, 2).T
        if not len(xs):
            raise EmptySourceError(f"{store.path.name} holds no tile of zoom {zoom}")
        self.path, self.kind = store.path, f"{store.kind} as one map"
        self._store, self._zoom, self._tile_px = store, zoom, tile_px
        self._keys = np.sort(ys << 32 | xs)
        self._first = int(xs.min()), int(ys.min())
        self.origin = self._first[0] * tile_px, self._first[1] * tile_px
        self.width = (int(xs.max()) - self._first[0] + 1) * tile_px
        self.height = (int(ys.max()) - self._first[1] + 1) * tile_px
        self.crs = CRS.from_epsg(3857)
        pixel_m = MERCATOR_EQUATOR_M / (2**zoom * tile_px)
        west = -MERCATOR_EQUATOR_M / 2 + self.origin[0] * pixel_m
        north = MERCATOR_EQUATOR_M / 2 - self.origin[1] * pixel_m
        self.transform = Affine(pixel_m, 0.0, west, 0.0, -pixel_m, north)
        self._recent: OrderedDict[tuple[int, int], Pixels | None] = OrderedDict()
        self._lock = Lock()
        self._mark = lru_cache(MARKS_KEPT)(lambda x, y: store.fingerprint(zoom, x, y))

    def fingerprint(self, window: Window) -> str:
        """Return the fingerprint of the tiles that the window touches."""
        tiles = self._tiles(window)
        marks = "".join(f"{x} {y} {self._mark(x, y)}\n" for x, y in tiles)
        return hashlib.sha256(marks.encode()).hexdigest()[:16]

    def spans(self, top: float, bottom: float) -> list[Span]:
        """Return runs of columns that have a tile between two rows."""
        window = 0.0, top, float(self.width), bottom - top
        runs: list[Span] = []
        for x in sorted({x for x, _ in self._tiles(window)}):
            left = (x - self._first[0]) * self._tile_px
            start = runs.pop()[0] if runs and runs[-1][1] == left else left
            runs.append((start, left + self._tile_px))
        return runs

    def check(self, budget_s: float = math.inf) -> None:
        """Refuse a mixture of tile sizes, as for whole tiles.

        Raises:
            SourceError: a readable tile has another size than most.
        """
        TileSource(self._store, self._zoom, SourceOptions()).check(budget_s)

    def _tiles(self, window: Window) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of the tiles that a window touches, row by row."""
        side, (first_x, first_y) = self._tile_px, self._first
        left, top = math.floor(window[0] / side), math.floor(window[1] / side)
        right = math.ceil((window[0] + window[2]) / side)
        bottom = math.ceil((window[1] + window[3]) / side)
        for y in range(first_y + max(0, top), first_y + min(bottom, self.height // side)):
            ends = np.searchsorted(
                self._keys, [y << 32 | first_x + max(0, left), y << 32 | first_x + max(0, right)]
            )
            for key in self._keys[ends[0] : ends[1]].tolist():
                yield key & 0xFFFFFFFF, y

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """Put the window together from its tiles and resample.

        Raises:
            SourceError: a tile of it is unreadable or has another size.
        """
        column, row = math.floor(window[0]), math.floor(window[1])
        width = math.ceil(window[0] + window[2]) - column
        height = math.ceil(window[1] + window[3]) - row
        rgb_HW3 = np.zeros((height, width, 3), dtype=np.uint8)
        opaque_HW = np.zeros((height, width), dtype=bool)
        for x, y in self._tiles((column, row, width, height)):
            tile = self._tile(x, y)
            if tile is not None:
                at_x = x * self._tile_px - self.origin[0] - column
                at_y = y * self._tile_px - self.origin[1] - row
                paste(rgb_HW3, opaque_HW, tile, at_x, at_y)
        box = (
            window[0] - column,
            window[1] - row,
            window[0] - column + window[2],
            window[1] - row + window[3],
        )
        return resample(rgb_HW3, opaque_HW, box, width_px, height_px)

    def _tile(self, x: int, y: int) -> Pixels | None:
        with self._lock:
            if (x, y) in self._recent:
                self._recent.move_to_end((x, y))
                return self._recent[x, y]
        data = self._store.read(self._zoom, x, y)
        try:
            tile = None if data is None else decode_tile(data, self._tile_px)
        except ImageError as error:
            place = self._store.location(self._zoom, x, y)
            raise SourceError(f"{place} cannot be used ({error}); make the tile again") from error
        with self._lock:
            self._recent[x, y] = tile
            if len(self._recent) > 256:
                self._recent.popitem(last=False)
        return tile
