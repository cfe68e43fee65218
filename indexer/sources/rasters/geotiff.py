"""GeoTIFF, Cloud-Optimized GeoTIFF and GDAL's other maps in any reference system (rasterio)."""

import itertools
import math
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterWindow

from indexer.errors import SourceError
from indexer.sources.candidate import file_fingerprint
from indexer.sources.cutting.grid import Span, Window
from indexer.sources.cutting.pixels import Pixels
from indexer.sources.names import shown, url_of
from indexer.sources.rasters.colours import Colours
from indexer.sources.rasters.opening import (
    RASTER_ERRORS,
    check_georeferenced,
    opened_raster,
    reference_system,
)

ROWS_CHECKED = 2_048
"""Our choice: rows of blocks whose place in the file is compared with its length; 50 ms."""


class RasterGrid:
    """One raster file; opened again for each read, because handles are not thread-safe.

    Raises:
        SourceError: it cannot be read, or ends early.
        NotGeoreferencedError: it has no coordinate reference system or no transform.
    """

    origin = 0, 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = "GeoTIFF" if path.suffix.lower() in (".tif", ".tiff") else "raster map"
        name = shown(path.name)
        with opened_raster(path) as dataset:
            _check_one_map(dataset, name)
            check_georeferenced(dataset, name)
            blocks = _places_of_blocks(dataset)
            remote = url_of(path) is not None
            if not remote:
                _check_whole(blocks, path)
            self.width, self.height = dataset.width, dataset.height
            self.crs = reference_system(dataset, name)
            self.transform = dataset.transform
            self.captured_at = _moment(dataset.tags().get("TIFFTAG_DATETIME"))
            try:
                self._colours = Colours(dataset)
            except RASTER_ERRORS as error:
                raise _damaged(path) from error
        # A server's file is known by where its pixels lie: their sizes change with what they show.
        self._mark = (
            f"{zlib.crc32(repr(blocks).encode()):08x}" if remote else file_fingerprint(path)
        )

    def fingerprint(self, window: Window) -> str:
        """Return the size and time of the file, or a mark of its contents on a server."""
        return self._mark

    def spans(self, top: float, bottom: float) -> list[Span]:
        """Return the whole width: what holds no data shows when it is read."""
        return [(0.0, float(self.width))]

    def check(self, budget_s: float = math.inf) -> None:
        """Nothing: opening has looked at everything."""

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """Return a window, read through overviews; beyond the file there is no data."""
        rgb_HW3 = np.zeros((height_px, width_px, 3), dtype=np.uint8)
        opaque_HW = np.zeros((height_px, width_px), dtype=bool)
        inside = _clip(window, self.width, self.height, width_px, height_px)
        if inside is not None:
            area, rows, columns = inside
            shape = rows.stop - rows.start, columns.stop - columns.start
            try:
                rgb_HW3[rows, columns], opaque_HW[rows, columns] = self._read_inside(area, shape)
            except RASTER_ERRORS as error:
                raise _damaged(self.path) from error
        return rgb_HW3, opaque_HW

    def _read_inside(self, area: RasterWindow, shape: tuple[int, int]) -> Pixels:
        colours = self._colours
        out_shape = (len(colours.bands), *shape)
        smooth = Resampling.nearest if colours.palette is not None else Resampling.average
        with opened_raster(self.path) as dataset:
            bands_BHW = dataset.read(
                colours.bands, window=area, out_shape=out_shape, resampling=smooth
            )
            mask_HW = dataset.dataset_mask(window=area, out_shape=shape)
        rgb_HW3, data_HW = colours.pixels(bands_BHW)
        return rgb_HW3, data_HW & (mask_HW > 0)


def _damaged(path: Path) -> SourceError:
    remedy = "copy it again" if url_of(path) is None else "run this again, or check the server"
    return SourceError(f"{shown(path.name)}: a part of it cannot be read; {remedy}")


def _check_one_map(dataset: Any, name: str) -> None:
    if dataset.count == 0:
        listed = ", ".join(dataset.subdatasets[:3]) or "none"
        raise SourceError(
            f"{name} is no single map (parts: {shown(listed)}); make a GeoTIFF of one: "
            "gdal_translate PART map.tif"
        )


def _places_of_blocks(dataset: Any) -> list[tuple[int, int]]:
    """Return first byte and length of the last blocks of pixels and of a sample of the others."""
    found = []
    # A warped raster has no blocks of its own in the file.
    rows, columns = (max(1, side) for side in dataset.block_shapes[0])
    last_column = (dataset.width - 1) // columns
    block_rows = (dataset.height - 1) // rows + 1
    # Pixels are cut off at the end, so the last rows of blocks and a sample of the others show it.
    step = max(1, block_rows // ROWS_CHECKED)
    for row in {*range(0, block_rows, step), *range(max(0, block_rows - 16), block_rows)}:
        for column, band in itertools.product({0, last_column}, {1, dataset.count}):
            place = f"{column}_{row}"
            offset = dataset.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", bidx=band)
            length = dataset.get_tag_item(f"BLOCK_SIZE_{place}", "TIFF", bidx=band)
            if offset is not None:
                found.append((int(offset), int(length or 0)))
    return found


def _check_whole(blocks: list[tuple[int, int]], path: Path) -> None:
    size = path.stat().st_size
    for offset, length in blocks:
        if offset + length > size:
            raise SourceError(
                f"{shown(path.name)} is cut off: pixels should lie at byte {offset}, the file "
                f"ends at {size}; copy it again"
            )


def _clip(
    window: Window, width: int, height: int, width_px: int, height_px: int
) -> tuple[RasterWindow, slice, slice] | None:
    """Return the part of a window inside the file, and the image rows and columns it fills."""
    left, top = max(0.0, window[0]), max(0.0, window[1])
    right = min(float(width), window[0] + window[2])
    bottom = min(float(height), window[1] + window[3])
    if right - left < 1e-6 or bottom - top < 1e-6:
        return None
    columns = _part(left - window[0], right - window[0], width_px / window[2], width_px)
    rows = _part(top - window[1], bottom - window[1], height_px / window[3], height_px)
    return RasterWindow(left, top, right - left, bottom - top), rows, columns


def _part(start: float, stop: float, scale: float, limit: int) -> slice:
    first = min(limit - 1, max(0, round(start * scale)))
    return slice(first, max(first + 1, min(limit, round(stop * scale))))


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
