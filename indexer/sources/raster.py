"""GeoTIFF and Cloud-Optimized GeoTIFF maps in any coordinate reference system (rasterio)."""

import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from indexer.errors import EmptySourceError, NotGeoreferencedError, SourceError
from indexer.records import View
from indexer.sources.candidate import Candidate, Source, SourceOptions, broken, file_fingerprint
from indexer.sources.cut import CutSource
from indexer.sources.grids import Pixels, Window

SUFFIXES = (".tif", ".tiff")

STRETCH_PERCENT = (2.0, 98.0)
"""Ours: the usual cut of a display stretch, taken from the whole map so that tiles agree."""


class RasterGrid:
    """One raster file; opened anew for each read, because handles are not thread-safe.

    Raises:
        SourceError: it cannot be read, or ends early.
        NotGeoreferencedError: it has no coordinate reference system or no transform.
    """

    kind = "GeoTIFF"

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as dataset:
            _check_georeferenced(dataset, path.name)
            _check_whole(dataset, path)
            self.width, self.height = dataset.width, dataset.height
            self.crs = CRS.from_wkt(dataset.crs.to_wkt())
            self.transform = dataset.transform
            self.captured_at = _moment(dataset.tags().get("TIFFTAG_DATETIME"))
            self._bands = _colour_bands(dataset)
            self._palette = _palette(dataset)
            self._stretch = _stretch(dataset, self._bands)
        self._mark = file_fingerprint(path)

    def _opened(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                return rasterio.open(self.path)
        except RasterioError as error:
            raise SourceError(
                f"{self.path.name} cannot be read as a raster map (damaged or cut off?); "
                "copy it again"
            ) from error

    def fingerprint(self) -> str:
        """Size and time of the file."""
        return self._mark

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """A window through overviews where there are some; beyond the file there is no data."""
        rgb_HW3 = np.zeros((height_px, width_px, 3), dtype=np.uint8)
        opaque_HW = np.zeros((height_px, width_px), dtype=bool)
        inside = _clip(window, self.width, self.height, width_px, height_px)
        if inside is not None:
            area, rows, columns = inside
            shape = rows.stop - rows.start, columns.stop - columns.start
            try:
                rgb_HW3[rows, columns], opaque_HW[rows, columns] = self._read_inside(area, shape)
            except RasterioError as error:
                raise SourceError(
                    f"{self.path.name}: a part of it cannot be read; copy it again"
                ) from error
        return rgb_HW3, opaque_HW

    def _read_inside(self, area: RasterWindow, shape: tuple[int, int]) -> Pixels:
        smooth = Resampling.nearest if self._palette is not None else Resampling.average
        with self._opened() as dataset:
            bands_BHW = dataset.read(
                self._bands, window=area, out_shape=(len(self._bands), *shape), resampling=smooth
            )
            mask_HW = dataset.dataset_mask(window=area, out_shape=shape)
        return self._colours(bands_BHW), mask_HW > 0

    def _colours(self, bands_BHW: NDArray[Any]) -> NDArray[np.uint8]:
        if self._palette is not None:
            painted: NDArray[np.uint8] = self._palette[bands_BHW[0]]
            return painted
        if self._stretch is not None:
            low, high = self._stretch
            scaled = (np.nan_to_num(bands_BHW.astype(np.float32)) - low) * (255.0 / (high - low))
            bands_BHW = np.clip(scaled, 0, 255).astype(np.uint8)
        rgb_BHW = bands_BHW if len(bands_BHW) == 3 else np.repeat(bands_BHW[:1], 3, axis=0)
        return np.ascontiguousarray(rgb_BHW.transpose(1, 2, 0))


class RasterFolderSource(Source):
    """Every GeoTIFF of a folder, each cut on its own; files that cannot be used are counted."""

    kind = "folder of GeoTIFFs"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self.view: View = options.view or "satellite"
        self._files = raster_files(path)
        if not self._files:
            raise EmptySourceError(f"{path} holds no GeoTIFF; check the path")

    def candidates(self) -> Iterator[Candidate]:
        """Every tile of every file, in the order of the names."""
        for file in self._files:
            label = "~".join(file.relative_to(self.path).with_suffix("").parts)
            try:
                yield from CutSource(RasterGrid(file), self.options, label).candidates()
            except SourceError as error:
                yield broken(file, f"{self.options.id_prefix}{label}", self.view, error)

    def everything(self) -> Iterator[Candidate]:
        """The same: each file's own source looks at the wanted area."""
        return self.candidates()


def raster_files(folder: Path) -> list[Path]:
    """GeoTIFFs below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _check_georeferenced(dataset: Any, name: str) -> None:
    if dataset.crs is None:
        raise NotGeoreferencedError(
            f"{name} has no coordinate reference system; assign one, for example: "
            "gdal_edit.py -a_srs EPSG:32633"
        )
    if dataset.transform.is_identity:
        raise NotGeoreferencedError(
            f"{name} has no position (no geotransform); georeference it, for example with "
            "gdalwarp or QGIS"
        )


def _check_whole(dataset: Any, path: Path) -> None:
    size = path.stat().st_size
    rows, columns = dataset.block_shapes[0]
    last_column = (dataset.width - 1) // columns
    for row in range((dataset.height - 1) // rows + 1):
        for column in {0, last_column}:
            place = f"{column}_{row}"
            offset = dataset.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", bidx=1)
            length = dataset.get_tag_item(f"BLOCK_SIZE_{place}", "TIFF", bidx=1)
            if offset is not None and int(offset) + int(length or 0) > size:
                raise SourceError(
                    f"{path.name} is cut off: pixels should lie at byte {offset}, the file ends "
                    f"at {size}; copy it again"
                )


def _colour_bands(dataset: Any) -> list[int]:
    meaning = list(dataset.colorinterp)
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in meaning for colour in wanted):
        return [meaning.index(colour) + 1 for colour in wanted]
    return [1, 2, 3] if dataset.count >= 3 else [1]


def _palette(dataset: Any) -> NDArray[np.uint8] | None:
    if dataset.colorinterp[0] != ColorInterp.palette:
        return None
    table = np.zeros((256, 3), dtype=np.uint8)
    for value, colour in dataset.colormap(1).items():
        if 0 <= value < 256:
            table[value] = colour[:3]
    return table


def _stretch(dataset: Any, bands: list[int]) -> tuple[float, float] | None:
    if dataset.dtypes[0] == "uint8":
        return None
    scale = max(1.0, max(dataset.width, dataset.height) / 1024)
    shape = max(1, int(dataset.height / scale)), max(1, int(dataset.width / scale))
    seen = dataset.read(bands, out_shape=(len(bands), *shape), masked=True)
    values = np.ma.masked_invalid(seen).compressed()
    if values.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, STRETCH_PERCENT)
    return float(low), float(max(high, low + 1e-6))


def _clip(
    window: Window, width: int, height: int, width_px: int, height_px: int
) -> tuple[RasterWindow, slice, slice] | None:
    """The part of a window inside the file, and the rows and columns of the picture it fills."""
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
