"""Cuts a map into overlapping square tiles of given ground sizes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pyproj import Geod, Transformer

from indexer.geo import wrap_longitude
from indexer.pictures import MAX_SIDE_PX
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import Candidate, Source, SourceOptions
from indexer.sources.grids import PixelGrid, Window
from indexer.sources.reading import RawPicture, from_pixels

USUAL_TILE_M = 150.0
"""Ours: what a drone at 100-150 m sees with a usual camera."""

SLACK = 0.05
"""Ours: a rest narrower than this part of a tile gets no row or column of its own."""

_GEOD = Geod(ellps="WGS84")


class CutSource(Source):
    """Square tiles of one map, for each ground size row by row."""

    view: View

    def __init__(self, grid: PixelGrid, options: SourceOptions, label: str | None = None) -> None:
        super().__init__(grid.path, options)
        self.grid = grid
        self.kind = grid.kind
        self.view = options.view or "satellite"
        self.label = label or grid.path.stem
        self._place = Placement(grid)
        if not options.tile_m:
            self.notes = [
                f"cut into tiles of {USUAL_TILE_M:g} m, overlap {options.overlap:g} "
                "(choose with --tile-m, --overlap)"
            ]

    def everything(self) -> Iterator[Candidate]:
        """Every tile, for each ground size row by row."""
        for tile_m in self.options.tile_m or (USUAL_TILE_M,):
            for row, column, window in windows(self._place, tile_m, self.options.overlap):
                yield self._candidate(tile_m, row, column, window)

    def _candidate(self, tile_m: float, row: int, column: int, window: Window) -> Candidate:
        pixels = self._pixels(tile_m, window)
        latitude, longitude = self._place.centre(window)
        record = ImageRecord(
            image_id=f"{self.options.id_prefix}{self.label}-{tile_m:g}m-r{row}-c{column}",
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, self._place.corners(window)),
            gsd_m=tile_m / pixels,
            captured_at=self.grid.captured_at,
            source=self.grid.path.name,
        )
        name = f"{self.grid.path.name} {tile_m:g} m row {row} column {column}"
        return Candidate(
            record=record,
            location=f"{self.grid.path}!{tile_m:g}m-r{row}-c{column}",
            fingerprint=self.grid.fingerprint(),
            read=lambda: self._read(window, pixels, name),
        )

    def _pixels(self, tile_m: float, window: Window) -> int:
        if self.options.gsd_m is not None:
            return max(16, min(4096, round(tile_m / self.options.gsd_m)))
        return max(16, min(MAX_SIDE_PX, round(max(window[2], window[3]))))

    def _read(self, window: Window, pixels: int, name: str) -> RawPicture:
        rgb_HW3, opaque_HW = self.grid.read(window, pixels, pixels)
        return from_pixels(rgb_HW3, opaque_HW, name, min_opaque=self.options.min_opaque)


@dataclass(frozen=True)
class Placement:
    """Where a grid's pixels lie on Earth."""

    grid: PixelGrid

    def __post_init__(self) -> None:
        there = Transformer.from_crs(self.grid.crs, 4326, always_xy=True)
        object.__setattr__(self, "_transformer", there)

    def position(self, column: float, row: float) -> Position:
        """(latitude, longitude) of a pixel position."""
        transformer = cast(Transformer, self._transformer)  # type: ignore[attr-defined]
        a, b, c, d, e, f = self.grid.transform[:6]
        x, y = a * column + b * row + c, d * column + e * row + f
        longitude, latitude = transformer.transform(x, y)
        return float(latitude), wrap_longitude(float(longitude))

    def centre(self, window: Window) -> Position:
        """(latitude, longitude) of a window's middle."""
        column, row, width, height = window
        return self.position(column + width / 2, row + height / 2)

    def corners(self, window: Window) -> tuple[Position, ...]:
        """Four (latitude, longitude), clockwise from the window's top left."""
        column, row, width, height = window
        right, bottom = column + width, row + height
        return tuple(
            self.position(*at)
            for at in ((column, row), (right, row), (right, bottom), (column, bottom))
        )

    def metres_per_pixel(self, column: float, row: float) -> tuple[float, float]:
        """Ground length of one pixel along the columns and along the rows, m (ellipsoid)."""
        across = self._metres((column - 0.5, row), (column + 0.5, row))
        down = self._metres((column, row - 0.5), (column, row + 0.5))
        return across, down

    def _metres(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        (lat_a, lon_a), (lat_b, lon_b) = self.position(*a), self.position(*b)
        return float(_GEOD.inv(lon_a, lat_a, lon_b, lat_b)[2])


def windows(place: Placement, tile_m: float, overlap: float) -> Iterator[tuple[int, int, Window]]:
    """(row, column, window) of tiles of one ground size that cover the grid.

    The size in pixels follows the ground length of a pixel, row by row: web-mercator and
    geographic grids stretch with latitude. Columns are spread evenly; the last row is moved
    inwards to end with the grid.
    """
    grid = place.grid
    middle = grid.width / 2
    top, row = 0.0, 0
    while True:
        _, down_m = place.metres_per_pixel(middle, min(top + 0.5, grid.height - 0.5))
        height = tile_m / down_m
        last_row = top + height >= grid.height - SLACK * height
        if last_row:
            top = _inside(height, grid.height, top)
        across_m, down_m = place.metres_per_pixel(middle, top + height / 2)
        width, height = tile_m / across_m, tile_m / down_m
        for column, left in enumerate(_starts(width, grid.width, overlap)):
            yield row, column, (left, top, width, height)
        if last_row:
            return
        top += height * (1 - overlap)
        row += 1


def _starts(size: float, extent: float, overlap: float) -> list[float]:
    if size >= extent * (1 - SLACK):
        return [(extent - size) / 2]
    count = max(2, math.ceil((extent - size) / (size * (1 - overlap)) - SLACK) + 1)
    return [number * (extent - size) / (count - 1) for number in range(count)]


def _inside(size: float, extent: float, start: float) -> float:
    return (extent - size) / 2 if size >= extent else min(start, extent - size)
