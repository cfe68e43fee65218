"""Where a map's tiles of one ground size lie, row by row, and how many there are.

Legend: N tiles of one row.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.records import Bounds
from indexer.sources.candidate import SourceOptions
from indexer.sources.count import Count
from indexer.sources.cutting.grid import Span
from indexer.sources.cutting.placement import Placement

SLACK = 0.05
"""Our choice: a rest narrower than this part of a tile gets no row or column of its own."""

ROWS_WALKED = 2_000
"""Our choice: a map of more rows than this (0.3 s) is counted from a sample of its rows."""

_SAMPLE = 65
"""Our choice: rows of the sample, and lattice points along a side of the wanted box."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tiles of one row, in pixels: `lefts_N` float64 [N]; all have the same top and size."""

    top: float
    width: float
    height: float
    lefts_N: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CutRows:
    """The rows of square tiles of one ground size that cover a grid where it has data.

    The size in pixels follows the ground length of a pixel, row by row: web-mercator and
    geographic grids stretch with latitude. Columns are spread evenly; the last row is moved
    inwards to end with the grid.
    """

    place: Placement
    tile_m: float
    options: SourceOptions

    def size_px(self) -> float:
        """Return the shorter side of a tile in the middle of the map, pixels."""
        grid = self.place.grid
        steps = self.place.metres_per_pixel(grid.width / 2, grid.height / 2)
        return self.tile_m / max(steps)

    def all(self) -> Iterator[Row]:
        """Yield every row of the grid, from the top."""
        grid, keep = self.place.grid, 1 - self.options.overlap
        top = 0.0
        while True:
            height = self.tile_m / self._down_m(top)
            last_row = top + height >= grid.height - SLACK * height
            if last_row:
                top = _inside(height, grid.height, top)
            yield self._row(top, height)
            if last_row:
                return
            top += height * keep

    def wanted(self) -> Iterator[Row]:
        """Yield the tiles of each row whose centres lie in the wanted area."""
        if self._everywhere():
            yield from self.all()
            return
        top, bottom = self._wanted_rows()
        for row in self.all():
            if top <= row.top + row.height / 2 <= bottom:
                held_N = self._held(row)
                if held_N.any():
                    yield Row(
                        top=row.top, width=row.width, height=row.height, lefts_N=row.lefts_N[held_N]
                    )

    def spread(self, number: int) -> Iterator[Row]:
        """Yield about so many rows of one tile each, spread over the wanted area."""
        top, bottom = self._wanted_rows()
        for part, at in enumerate(np.linspace(top, bottom, number + 2)[1:-1]):
            size = self.tile_m / self._down_m(at)
            row = self._row(max(0.0, min(at, self.place.grid.height - size)), size)
            held_N = np.flatnonzero(self._held(row)) if len(row.lefts_N) else np.arange(0)
            if len(held_N):
                # A golden step puts neighbouring rows' tiles far apart.
                chosen = held_N[int(part * 0.618 % 1.0 * len(held_N))]
                yield Row(
                    top=row.top,
                    width=row.width,
                    height=row.height,
                    lefts_N=row.lefts_N[chosen : chosen + 1],
                )

    def count(self) -> Count:
        """Count the wanted tiles; by a sample of the rows where there are very many."""
        top, bottom = self._wanted_rows()
        tops = np.linspace(top, bottom, _SAMPLE)
        steps = [self.tile_m / self._down_m(at) * (1 - self.options.overlap) for at in tops]
        rows = (bottom - top) / float(np.mean(steps))
        if rows <= ROWS_WALKED and self._row_width() <= 10 * ROWS_WALKED:
            return Count(number=sum(len(row.lefts_N) for row in self.wanted()), exact=True)
        sample = [self._row(at, self.tile_m / self._down_m(at)) for at in tops]
        each = [self._number_held(row) for row in sample]
        return Count(number=round(rows * float(np.mean(each))), exact=False)

    def _row_width(self) -> float:
        grid = self.place.grid
        across_m = self.place.metres_per_pixel(grid.width / 2, grid.height / 2)[0]
        return grid.width * across_m / (self.tile_m * (1 - self.options.overlap))

    def _number_held(self, row: Row) -> float:
        """Return the tiles of a row in the wanted area; of very many, from a sample."""
        if self._everywhere() or not len(row.lefts_N):
            return float(len(row.lefts_N))
        step = max(1, len(row.lefts_N) // 4_096)
        some = Row(top=row.top, width=row.width, height=row.height, lefts_N=row.lefts_N[::step])
        return float(self._held(some).mean()) * len(row.lefts_N)

    def _everywhere(self) -> bool:
        return self.options.bounds is None and not self.options.mask

    def _held(self, row: Row) -> NDArray[np.bool_]:
        return self.options.hold_all(
            *self.place.positions(row.lefts_N + row.width / 2, row.top + row.height / 2)
        )

    def _wanted_rows(self) -> tuple[float, float]:
        """Return the first and last pixel row of wanted tiles' centres, with a margin."""
        height = float(self.place.grid.height)
        rows = None if self.options.bounds is None else self._rows_of(self.options.bounds)
        if rows is None:
            return 0.0, height
        room = 0.05 * (rows[1] - rows[0]) + 2.0
        return max(0.0, min(height, rows[0] - room)), min(height, max(0.0, rows[1] + room))

    def _rows_of(self, bounds: Bounds) -> tuple[float, float] | None:
        west, south, east, north = bounds
        span = (east - west) % 360.0 or 360.0
        latitudes, steps = np.meshgrid(
            np.linspace(south, north, _SAMPLE), np.linspace(0.0, span, _SAMPLE)
        )
        rows = self.place.rows_of(latitudes.ravel(), west + steps.ravel())
        return (float(rows.min()), float(rows.max())) if np.isfinite(rows).all() else None

    def _down_m(self, top: float) -> float:
        grid = self.place.grid
        return self.place.metres_per_pixel(grid.width / 2, min(top + 0.5, grid.height - 0.5))[1]

    def _row(self, top: float, height: float) -> Row:
        grid = self.place.grid
        across_m, down_m = self.place.metres_per_pixel(grid.width / 2, top + height / 2)
        width, height = self.tile_m / across_m, self.tile_m / down_m
        lefts_N = starts(width, grid.width, self.options.overlap, grid.spans(top, top + height))
        return Row(top=top, width=width, height=height, lefts_N=lefts_N)


def starts(
    size: float, extent: float, overlap: float, spans: Sequence[Span]
) -> NDArray[np.float64]:
    """Return the starts of windows that touch a span (spans ascend, none overlap): [N]."""
    if size >= extent * (1 - SLACK):
        return np.array([(extent - size) / 2] if spans else [])
    count = max(2, math.ceil((extent - size) / (size * (1 - overlap)) - SLACK) + 1)
    step = (extent - size) / (count - 1)
    following, numbers = 0, [np.arange(0)]
    for left, right in spans:
        first = max(following, math.floor((left - size) / step) + 1)
        following = max(first, min(count, math.ceil(right / step)))
        numbers.append(np.arange(first, following))
    return np.concatenate(numbers) * (extent - size) / (count - 1)


def _inside(size: float, extent: float, start: float) -> float:
    return (extent - size) / 2 if size >= extent else min(start, extent - size)
