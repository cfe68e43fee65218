"""The photo laid on the map: north up, transparent around its outline, as GeoTIFF or for a KMZ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.io import MemoryFile

from indexer.polygons import unrolled
from indexer.records import Position

MAX_SIDE_PX = 2048
"""Longest side of the laid photo. Our choice: 16 MB of RGBA."""


@dataclass(frozen=True, kw_only=True)
class LaidPhoto:
    """An RGBA picture on the map, with its box in the units of its coordinate system."""

    picture: Image.Image
    crs: str
    west: float
    south: float
    east: float
    north: float


def laid_photo(photo: Image.Image, outline: Sequence[Position], crs: str) -> LaidPhoto:
    """Return the photo as the map shows it.

    Its detail is about the photo's own; no side is longer than `MAX_SIDE_PX`. Across the
    antimeridian the box goes on beyond it.

    Args:
        photo: upright RGB.
        outline: (latitude, longitude) of its corners on the ground, clockwise from its top left.
        crs: EPSG:3857 or EPSG:4326.
    """
    corners_42 = _projected(outline, crs)
    (west, south), (east, north) = corners_42.min(axis=0), corners_42.max(axis=0)
    x, y = corners_42.T
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    pixel = math.sqrt(area / (photo.width * photo.height))
    pixel = max(pixel, (east - west) / MAX_SIDE_PX, (north - south) / MAX_SIDE_PX)
    width = max(1, math.ceil((east - west) / pixel - 1e-9))
    height = max(1, math.ceil((north - south) / pixel - 1e-9))
    on_picture_42 = (corners_42 - (west, north)) / (pixel, -pixel)
    photo_42 = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * photo.size
    to_photo_33 = _homography(on_picture_42, photo_42)
    opaque = photo.convert("RGBA")
    picture = opaque.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        tuple(to_photo_33.ravel()[:8].tolist()),
        Image.Resampling.BICUBIC,
    )
    return LaidPhoto(
        picture=picture,
        crs=crs,
        west=float(west),
        south=float(north - height * pixel),
        east=float(west + width * pixel),
        north=float(north),
    )


def as_geotiff(laid: LaidPhoto) -> bytes:
    """Return an RGBA GeoTIFF: lossless, tiled, alpha 0 outside the photo."""
    width, height = laid.picture.size
    pixel_x, pixel_y = (laid.east - laid.west) / width, (laid.north - laid.south) / height
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 4,
        "dtype": "uint8",
        "crs": laid.crs,
        "transform": Affine(pixel_x, 0, laid.west, 0, -pixel_y, laid.north),
        "photometric": "RGB",
        "alpha": "yes",
        "compress": "deflate",
        "predictor": 2,
        "tiled": True,
    }
    bands = np.asarray(laid.picture).transpose(2, 0, 1)
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(bands)
        return bytes(memory.read())


def _projected(outline: Sequence[Position], crs: str) -> NDArray[np.float64]:
    """Return corners as (x, y) of the coordinate system [4, 2], x without a jump."""
    lonlat_42 = np.array([(longitude, latitude) for latitude, longitude in unrolled(outline)])
    if crs == "EPSG:4326":
        return lonlat_42
    turns_4 = np.floor((lonlat_42[:, 0] + 180.0) / 360.0)
    project = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = project.transform(lonlat_42[:, 0] - 360.0 * turns_4, lonlat_42[:, 1])
    around, _ = project.transform(180.0, 0.0)
    return np.stack((np.asarray(x) + 2 * around * turns_4, np.asarray(y)), axis=1)


def _homography(from_42: NDArray[np.float64], to_42: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the homography that four points determine."""
    rows, right = [], []
    for (x, y), (u, v) in zip(from_42.tolist(), to_42.tolist(), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        right += [u, v]
    found_8 = np.linalg.solve(np.array(rows, dtype=np.float64), np.array(right))
    return np.append(found_8, 1.0).reshape(3, 3)
