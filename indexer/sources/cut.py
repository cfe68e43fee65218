"""Cuts a map into overlapping square tiles of given ground sizes."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

from indexer.gallery.pictures import MAX_SIDE_PX
from indexer.records import ImageRecord, View
from indexer.sources.candidate import Candidate, Source, SourceOptions
from indexer.sources.grids import PixelGrid, Span, Window
from indexer.sources.placement import Placement
from indexer.sources.reading import RawPicture, SkippedImage, from_pixels

USUAL_TILE_M = 150.0
"""Ours: what a drone at 100-150 m sees with a usual camera."""

SLACK = 0.05
"""Ours: a rest narrower than this part of a tile gets no row or column of its own."""

WHOLE_PX = 20
"""Ours: from this size on, steps are longer than a pixel (overlap is 0.9 at most)."""


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
        sizes: dict[str, float] = {}
        for tile_m in self.options.tile_m or (USUAL_TILE_M,):
            sizes.setdefault(f"{tile_m:g}", tile_m)
        for tile_m in sizes.values():
            for window in windows(self._place, tile_m, self.options.overlap):
                yield self._candidate(tile_m, window)

    def check(self) -> None:
        """Refuse a map whose parts do not fit together.

        Raises:
            SourceError: they do not.
        """
        self.grid.check()

    def _candidate(self, tile_m: float, window: Window) -> Candidate:
        address = f"{tile_m:g}m-{_address(self.grid, window)}"
        pixels = self._pixels(tile_m, window)
        latitude, longitude = self._place.centre(window)
        record = ImageRecord(
            image_id=f"{self.options.id_prefix}{self.label}-{address}",
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, self._place.corners(window)),
            gsd_m=tile_m / pixels,
            captured_at=self.grid.captured_at,
            source=self.grid.path.name,
        )
        name = f"{self.grid.path.name} {address}"
        return Candidate(
            record=record,
            location=f"{self.grid.path}!{address}",
            fingerprint=self.grid.fingerprint(window),
            read=lambda: self._read(window, pixels, name),
        )

    def _pixels(self, tile_m: float, window: Window) -> int:
        if self.options.gsd_m is not None:
            return max(16, min(4096, round(tile_m / self.options.gsd_m)))
        return max(16, min(MAX_SIDE_PX, round(max(window[2], window[3]))))

    def _read(self, window: Window, pixels: int, name: str) -> RawPicture:
        rgb_HW3, opaque_HW = self.grid.read(window, pixels, pixels)
        try:
            return from_pixels(rgb_HW3, opaque_HW, name, min_opaque=self.options.min_opaque)
        except SkippedImage as reason:
            if window[2] <= self.grid.width and window[3] <= self.grid.height:
                raise
            raise SkippedImage(f"{reason}: the map is smaller; choose a smaller --tile-m") from None


def _address(grid: PixelGrid, window: Window) -> str:
    """Where a window begins, in the map's pixels: one place has one name whatever the overlap."""
    digits = 0 if min(window[2:]) >= WHOLE_PX else 2
    column, row = (
        f"{first + max(0.0, start):.{digits}f}"
        for first, start in zip(grid.origin, window[:2], strict=True)
    )
    return f"r{row}-c{column}"


def windows(place: Placement, tile_m: float, overlap: float) -> Iterator[Window]:
    """Windows of one ground size that cover the grid where it has data, row by row.

    The size in pixels follows the ground length of a pixel, row by row: web-mercator and
    geographic grids stretch with latitude. Columns are spread evenly; the last row is moved
    inwards to end with the grid.
    """
    grid = place.grid
    middle = grid.width / 2
    top = 0.0
    while True:
        _, down_m = place.metres_per_pixel(middle, min(top + 0.5, grid.height - 0.5))
        height = tile_m / down_m
        last_row = top + height >= grid.height - SLACK * height
        if last_row:
            top = _inside(height, grid.height, top)
        across_m, down_m = place.metres_per_pixel(middle, top + height / 2)
        width, height = tile_m / across_m, tile_m / down_m
        for left in _starts(width, grid.width, overlap, grid.spans(top, top + height)):
            yield left, top, width, height
        if last_row:
            return
        top += height * (1 - overlap)


def _starts(size: float, extent: float, overlap: float, spans: Sequence[Span]) -> Iterator[float]:
    """Where windows begin that touch one of the spans (ascending, apart from each other)."""
    if size >= extent * (1 - SLACK):
        yield from [(extent - size) / 2] if spans else []
        return
    count = max(2, math.ceil((extent - size) / (size * (1 - overlap)) - SLACK) + 1)
    step = (extent - size) / (count - 1)
    following = 0
    for left, right in spans:
        first = max(following, math.floor((left - size) / step) + 1)
        following = max(first, min(count, math.ceil(right / step)))
        for number in range(first, following):
            yield number * (extent - size) / (count - 1)


def _inside(size: float, extent: float, start: float) -> float:
    return (extent - size) / 2 if size >= extent else min(start, extent - size)
