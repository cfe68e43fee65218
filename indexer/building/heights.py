"""Takes from a surface model what a gallery's searches need of it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from indexer.errors import SourceError
from indexer.gallery.layout import GalleryFolder
from indexer.geo import bounds_around
from indexer.records import Bounds, Position
from indexer.sources.names import shown
from indexer.sources.rasters.opening import RASTER_ERRORS, check_georeferenced, opened_raster
from model.files import atomic_file

MARGIN_M = 200.0
"""Width of the strip around the images' centres that is kept too, m."""

MAX_SIDE_PX = 16_000
"""Longest side of what is kept; larger models are kept coarser. Our choice: 1 GB before
compression."""


def check_surface_model(path: Path) -> None:
    """Refuse a file that is no surface model.

    Raises:
        SourceError: it cannot be read, is not georeferenced or has several bands.
    """
    if not path.is_file():
        raise SourceError(f"--dsm {shown(path.name)} does not exist; check the path")
    with opened_raster(path) as model:
        check_georeferenced(model, shown(path.name))
        if model.count != 1:
            raise SourceError(
                f"--dsm {shown(path.name)} has {model.count} bands; give a raster of heights, "
                "which has one"
            )


def keep_heights(
    path: Path, folder: GalleryFolder, extent: Bounds, centres: Sequence[Position]
) -> int:
    """Store the heights around a gallery's images; return how many centres have one.

    Args:
        path: a GeoTIFF of heights above any datum, m.
        folder: the gallery's.
        extent: box of the centres.
        centres: (latitude, longitude) of the images' middles.

    Raises:
        SourceError: the model cannot be read, or has no height of any centre.
    """
    name = shown(path.name)
    with opened_raster(path) as model:
        try:
            heights, transform = _read(model, extent)
        except RASTER_ERRORS as error:
            raise SourceError(f"--dsm {name} cannot be read whole; copy it again") from error
        covered = _covered(heights, ~transform, model.crs, centres)
        if not covered:
            raise SourceError(
                f"--dsm {name} has no height of any of the {len(centres)} images' middles; give "
                "a surface model of the same ground, or leave it out"
            )
        profile = {
            "driver": "GTiff", "width": heights.shape[1], "height": heights.shape[0], "count": 1,
            "dtype": "float32", "crs": model.crs, "transform": transform, "nodata": math.nan,
            "compress": "deflate", "predictor": 3, "tiled": True,
        }  # fmt: skip
        with (
            atomic_file(folder.heights, sync=True) as partial,
            rasterio.open(partial, "w", **profile) as kept,
        ):
            kept.write(heights, 1)
    return covered


def _read(model: Any, extent: Bounds) -> tuple[NDArray[np.float32], Affine]:
    """Return the heights around the images, NaN where there are none, and where they lie."""
    west, south, east, north = extent
    east = east + 360.0 if east < west else east
    box = bounds_around((south + north) / 2, west, MARGIN_M)
    up, aside = (box[3] - box[1]) / 2, ((box[2] - box[0]) % 360.0) / 2
    wanted = (west - aside, south - up, east + aside, north + up)
    found = from_bounds(*transform_bounds("EPSG:4326", model.crs, *wanted), model.transform)
    left, right = _within(found.col_off, found.width, model.width)
    top, bottom = _within(found.row_off, found.height, model.height)
    if left >= right or top >= bottom:
        return np.full((1, 1), np.nan, np.float32), model.transform
    window = Window.from_slices((top, bottom), (left, right))
    factor = max(1.0, max(right - left, bottom - top) / MAX_SIDE_PX)
    rows, columns = max(1, round((bottom - top) / factor)), max(1, round((right - left) / factor))
    read = model.read(
        1, window=window, out_shape=(rows, columns), masked=True, resampling=Resampling.bilinear
    )
    wide, high = (right - left) / columns, (bottom - top) / rows
    whole = model.transform
    x = whole.a * left + whole.b * top + whole.c
    y = whole.d * left + whole.e * top + whole.f
    transform = Affine(whole.a * wide, whole.b * high, x, whole.d * wide, whole.e * high, y)
    return read.astype(np.float32).filled(np.nan), transform


def _within(offset: float, length: float, whole: int) -> tuple[int, int]:
    """Return first and last pixel of a stretch, within the raster."""
    return max(0, math.floor(offset)), min(whole, math.ceil(offset + length))


def _covered(
    heights: NDArray[np.float32], to_pixels: Affine, crs: Any, centres: Sequence[Position]
) -> int:
    project = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = project.transform([lon for _, lon in centres], [lat for lat, _ in centres])
    columns = to_pixels.a * np.array(x) + to_pixels.b * np.array(y) + to_pixels.c
    rows = to_pixels.d * np.array(x) + to_pixels.e * np.array(y) + to_pixels.f
    inside = (columns >= 0) & (rows >= 0)
    inside &= (columns < heights.shape[1]) & (rows < heights.shape[0])
    at = heights[rows[inside].astype(int), columns[inside].astype(int)]
    return int(np.isfinite(at).sum())
