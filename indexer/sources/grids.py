"""Maps as one grid of pixels with a place on Earth: web-mercator tiles put together.

Frames: pixel (column, row) counts from the top left corner of the top left pixel; map
coordinates are (x, y) of the grid's coordinate reference system.
"""

import io
import math
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import CRS

from indexer.errors import EmptySourceError
from indexer.geo import MERCATOR_EQUATOR_M
from indexer.sources.tile_stores import TileStore
from model.errors import ImageError
from model.images import open_image

Window = tuple[float, float, float, float]
"""(column, row, width, height) in a grid's pixels; may reach beyond the grid."""

Pixels = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""RGB uint8 [H, W, 3] and where there is data, bool [H, W]."""


class PixelGrid(Protocol):
    """A georeferenced picture too large to hold."""

    path: Path
    kind: str
    width: int
    height: int
    crs: CRS
    transform: Affine
    captured_at: datetime | None

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """A window, resampled; beyond the grid there is no data. Called by several threads."""

    def fingerprint(self) -> str:
        """Changes whenever the pixels may have changed."""


class TileGrid:
    """The tiles of one zoom as one picture in EPSG:3857."""

    captured_at: datetime | None = None

    def __init__(self, store: TileStore, zoom: int, tile_px: int) -> None:
        addresses = list(store.addresses(zoom))
        if not addresses:
            raise EmptySourceError(f"{store.path.name} holds no tile of zoom {zoom}")
        xs, ys = zip(*addresses, strict=True)
        self.path, self.kind = store.path, f"{store.kind} as one map"
        self._store, self._zoom, self._tile_px = store, zoom, tile_px
        self._first = min(xs), min(ys)
        self.width = (max(xs) - min(xs) + 1) * tile_px
        self.height = (max(ys) - min(ys) + 1) * tile_px
        self.crs = CRS.from_epsg(3857)
        pixel_m = MERCATOR_EQUATOR_M / (2**zoom * tile_px)
        west = -MERCATOR_EQUATOR_M / 2 + min(xs) * tile_px * pixel_m
        north = MERCATOR_EQUATOR_M / 2 - min(ys) * tile_px * pixel_m
        self.transform = Affine(pixel_m, 0.0, west, 0.0, -pixel_m, north)
        self._recent: OrderedDict[tuple[int, int], Pixels | None] = OrderedDict()
        self._lock = Lock()

    def fingerprint(self) -> str:
        """Of the first tile: a pyramid is made whole."""
        return self._store.fingerprint(self._zoom, *self._first)

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """Put the window together from its tiles and resample."""
        column, row = math.floor(window[0]), math.floor(window[1])
        width = math.ceil(window[0] + window[2]) - column
        height = math.ceil(window[1] + window[3]) - row
        rgb_HW3 = np.zeros((height, width, 3), dtype=np.uint8)
        opaque_HW = np.zeros((height, width), dtype=bool)
        side = self._tile_px
        for tile_row in range(row // side, (row + height - 1) // side + 1):
            for tile_column in range(column // side, (column + width - 1) // side + 1):
                tile = self._tile(self._first[0] + tile_column, self._first[1] + tile_row)
                if tile is not None:
                    at = tile_column * side - column, tile_row * side - row
                    _paste(rgb_HW3, opaque_HW, tile, *at)
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
        except ImageError:
            tile = None
        with self._lock:
            self._recent[x, y] = tile
            if len(self._recent) > 256:
                self._recent.popitem(last=False)
        return tile


def decode_tile(data: bytes, side_px: int) -> Pixels | None:
    """A tile's colours and where it is opaque; None where it has another size."""
    rgb_HW3 = np.asarray(open_image(data))
    if rgb_HW3.shape[:2] != (side_px, side_px):
        return None
    with Image.open(io.BytesIO(data)) as image:
        if not image.has_transparency_data:
            return rgb_HW3, np.ones((side_px, side_px), dtype=bool)
        return rgb_HW3, np.asarray(image.convert("RGBA"))[..., 3] > 0


def _paste(
    rgb_HW3: NDArray[np.uint8], opaque_HW: NDArray[np.bool_], tile: Pixels, left: int, top: int
) -> None:
    height, width = opaque_HW.shape
    tile_height, tile_width = tile[1].shape
    rows = slice(max(0, top), min(height, top + tile_height))
    columns = slice(max(0, left), min(width, left + tile_width))
    inner_rows = slice(rows.start - top, rows.stop - top)
    inner_columns = slice(columns.start - left, columns.stop - left)
    rgb_HW3[rows, columns] = tile[0][inner_rows, inner_columns]
    opaque_HW[rows, columns] = tile[1][inner_rows, inner_columns]


def resample(
    rgb_HW3: NDArray[np.uint8],
    opaque_HW: NDArray[np.bool_],
    box: tuple[float, float, float, float],
    width_px: int,
    height_px: int,
) -> Pixels:
    """A fractional box (left, top, right, bottom) of an array at another size."""
    size = width_px, height_px
    colours = Image.fromarray(rgb_HW3).resize(size, Image.Resampling.BICUBIC, box=box)
    mask = Image.fromarray(opaque_HW.astype(np.uint8) * 255)
    seen = mask.resize(size, Image.Resampling.NEAREST, box=box)
    return np.asarray(colours), np.asarray(seen) > 0
