"""A user's own map: windows of a GeoTIFF or an XYZ tile folder on a local metric plane."""

import math
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from training.world.errors import MapSourceError

_HALF_EARTH_M = math.pi * 6378137.0
_MAX_MOSAIC_PX = 24_000
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


class MapSource:
    """A georeferenced raster that is read as square north-up windows around a point.

    Use as a context manager.

    Raises:
        MapSourceError: the path is no GeoTIFF with a coordinate system and no XYZ folder.
    """

    def __init__(self, path: Path) -> None:
        """Open a raster file, or join the highest zoom of an XYZ folder."""
        self._held = ExitStack()
        self.path = path
        if not path.exists():
            raise MapSourceError(f"{path}: does not exist; check the path")
        try:
            if path.is_dir():
                memory = self._held.enter_context(MemoryFile(_join_tiles(path)))
                self._source = self._held.enter_context(memory.open())
            else:
                with warnings.catch_warnings():
                    # A raster without coordinates is refused below, with an error of its own.
                    warnings.simplefilter("ignore", NotGeoreferencedWarning)
                    self._source = self._held.enter_context(rasterio.open(path))
        except RasterioError as error:
            raise MapSourceError(f"{path}: not a readable raster; give a GeoTIFF") from error
        if self._source.crs is None:
            self._held.close()
            raise MapSourceError(f"{path}: has no coordinate system; assign one (gdal_edit -a_srs)")

    @property
    def _alpha_band(self) -> int | None:
        """Index of the raster's own alpha band; a fourth band may be infrared instead."""
        meanings = list(self._source.colorinterp)
        return meanings.index(ColorInterp.alpha) if ColorInterp.alpha in meanings else None

    def __enter__(self) -> "MapSource":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees WGS 84."""
        west, south, east, north = transform_bounds(
            self._source.crs, "EPSG:4326", *self._source.bounds
        )
        return west, south, east, north

    def _warped(
        self, latitude: float, longitude: float, half_m: float, gsd_m: float, *, colour: bool
    ) -> NDArray[np.generic]:
        size = round(2 * half_m / gsd_m)
        plane = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
        with WarpedVRT(
            self._source,
            crs=plane,
            transform=Affine(gsd_m, 0.0, -half_m, 0.0, -gsd_m, half_m),
            width=size,
            height=size,
            resampling=Resampling.bilinear,
            add_alpha=colour and self._alpha_band is None,
            **({} if colour else {"nodata": math.nan, "dtype": "float32"}),
        ) as view:
            try:
                pixels: NDArray[np.generic] = view.read()
            except RasterioError as error:
                raise MapSourceError(
                    f"{self.path}: cannot be read to its end; copy the file again"
                ) from error
        return pixels

    def photo(
        self, latitude: float, longitude: float, half_m: float, gsd_m: float
    ) -> tuple[NDArray[np.uint8], float]:
        """Return RGB [N, N, 3] around a point, and the share of it that the map covers (0-1)."""
        bands = self._warped(latitude, longitude, half_m, gsd_m, colour=True)
        alpha = bands[-1 if self._alpha_band is None else self._alpha_band] > 0
        colour = bands[:3] if self._source.count >= 3 else np.repeat(bands[:1], 3, axis=0)
        if colour.dtype != np.uint8:
            top = float(np.percentile(colour, 99.5)) or 1.0
            colour = np.clip(colour.astype(np.float32) * (255.0 / top), 0, 255)
        rgb = np.ascontiguousarray(np.moveaxis(colour, 0, -1).astype(np.uint8))
        rgb[~alpha] = np.median(rgb[alpha], axis=0) if alpha.any() else 0
        return rgb, float(alpha.mean())

    def surface(
        self, latitude: float, longitude: float, half_m: float, gsd_m: float
    ) -> NDArray[np.float32]:
        """Return the first band [N, N] around a point, metres; NaN where there is no data."""
        band = self._warped(latitude, longitude, half_m, gsd_m, colour=False)[0]
        values: NDArray[np.float32] = band.astype(np.float32)
        return values


def _join_tiles(folder: Path) -> bytes:
    """Return the highest zoom of an XYZ folder (z/x/y.png) as a GeoTIFF in web mercator."""
    zooms = [int(p.name) for p in folder.iterdir() if p.is_dir() and p.name.isdigit()]
    tiles = {
        (int(file.parent.name), int(file.stem)): file
        for file in sorted((folder / str(max(zooms, default=0))).glob("*/*"))
        if file.suffix.lower() in _SUFFIXES and file.stem.isdigit()
    }
    if not tiles:
        raise MapSourceError(f"{folder}: no tiles like ZOOM/X/Y.png; give an XYZ folder")
    x0, y0 = min(x for x, _ in tiles), min(y for _, y in tiles)
    columns, rows = max(x for x, _ in tiles) - x0 + 1, max(y for _, y in tiles) - y0 + 1
    side = _tile_image(next(iter(tiles.values()))).width
    if max(columns, rows) * side > _MAX_MOSAIC_PX:
        raise MapSourceError(
            f"{folder}: {columns * side} x {rows * side} pixels at zoom {max(zooms)}, at most "
            f"{_MAX_MOSAIC_PX} a side; give a part of it"
        )
    mosaic = np.zeros((4, rows * side, columns * side), np.uint8)
    for (x, y), file in tiles.items():
        pixels = np.moveaxis(np.asarray(_tile_image(file).resize((side, side))), -1, 0)
        mosaic[:, (y - y0) * side : (y - y0 + 1) * side, (x - x0) * side : (x - x0 + 1) * side] = (
            pixels
        )
    return _geotiff(mosaic, x0, y0, columns, max(zooms))


def _tile_image(file: Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            return image.convert("RGBA")
    except OSError as error:
        raise MapSourceError(f"{file}: not a readable image; repair or remove it") from error


def _geotiff(mosaic: NDArray[np.uint8], x0: int, y0: int, columns: int, zoom: int) -> bytes:
    tile_m = 2 * _HALF_EARTH_M / 2**zoom
    west, north = x0 * tile_m - _HALF_EARTH_M, _HALF_EARTH_M - y0 * tile_m
    height, width = mosaic.shape[1:]
    pixel_m = columns * tile_m / width
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=4,
            width=width,
            height=height,
            dtype="uint8",
            crs="EPSG:3857",
            transform=Affine(pixel_m, 0.0, west, 0.0, -pixel_m, north),
            photometric="RGB",
            alpha="YES",
        ) as file:
            file.write(mosaic)
        return bytes(memory.read())
