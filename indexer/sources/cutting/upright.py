"""A map whose pixels run in any direction, turned so that it is not mirrored and north is up.

NetCDF conversions and some radar tools write rows from south to north; others write columns from
east to west, or rows and columns exchanged.
"""

import itertools
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from indexer.geo import metres_between
from indexer.sources.cutting.grid import PixelGrid, Span, Window
from indexer.sources.cutting.pixels import Pixels
from indexer.sources.cutting.placement import Placement


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How the turned grid's pixels lie in the original: flips first, then the exchange of axes."""

    flip_columns: bool
    flip_rows: bool
    exchange: bool

    def to_original(self, width: float, height: float) -> Affine:
        """Return the map from (column, row) of a turned grid of this size to the original's."""
        flips = Affine(
            -1 if self.flip_columns else 1, 0, width if self.flip_columns else 0,
            0, -1 if self.flip_rows else 1, height if self.flip_rows else 0,
        )  # fmt: skip
        return Affine(0, 1, 0, 1, 0, 0) @ flips if self.exchange else flips


TURNS = tuple(
    Turn(flip_columns=columns, flip_rows=rows, exchange=exchange)
    for exchange, rows, columns in itertools.product((False, True), repeat=3)
)
"""All eight ways in which a grid can lie."""


def upright(grid: PixelGrid) -> PixelGrid:
    """Return the grid itself, or where it is mirrored, its turn whose top is nearest to north."""
    place = Placement(grid)
    middle = grid.width / 2, grid.height / 2
    here = place.position(*middle)
    # North and east of one step along the columns and along the rows.
    along = metres_between(*here, *place.position(middle[0] + 1, middle[1]))
    down = metres_between(*here, *place.position(middle[0], middle[1] + 1))
    steps = np.array([along, down])
    if not np.isfinite(steps).all() or not _is_mirrored(steps):
        return grid
    return TurnedGrid(grid, max(TURNS, key=lambda turn: _northward(turn, steps)))


def _is_mirrored(steps: NDArray[np.float64]) -> bool:
    """Return whether rows lead to the left of columns on the ground."""
    (along_north, along_east), (down_north, down_east) = steps
    return bool(along_east * down_north - along_north * down_east > 0.0)


def _northward(turn: Turn, steps: NDArray[np.float64]) -> float:
    """Return how far north a rotated grid's top points; lowest for a mirrored one."""
    a, b, _, d, e, _ = turn.to_original(0, 0)[:6]
    turned = np.array([[a, d], [b, e]]) @ steps
    if _is_mirrored(turned):
        return -math.inf
    return float(-turned[1, 0] / np.hypot(*turned[1]))


class TurnedGrid:
    """Another grid's pixels under a turn."""

    def __init__(self, grid: PixelGrid, turn: Turn) -> None:
        self._grid, self._turn = grid, turn
        size = (grid.height, grid.width) if turn.exchange else (grid.width, grid.height)
        self.width, self.height = size
        self._to_original = turn.to_original(*size)
        self.path: Path = grid.path
        self.kind: str = grid.kind
        self.origin = 0, 0
        self.crs: CRS = grid.crs
        self.transform: Affine = grid.transform @ self._to_original
        self.captured_at: datetime | None = grid.captured_at

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """Return a window of the turned grid, resampled; beyond the grid there is no data."""
        size = (height_px, width_px) if self._turn.exchange else (width_px, height_px)
        rgb_HW3, opaque_HW = self._grid.read(self._original(window), *size)
        if self._turn.exchange:
            rgb_HW3, opaque_HW = rgb_HW3.transpose(1, 0, 2), opaque_HW.T
        rows = slice(None, None, -1 if self._turn.flip_rows else 1)
        columns = slice(None, None, -1 if self._turn.flip_columns else 1)
        return (
            np.ascontiguousarray(rgb_HW3[rows, columns]),
            np.ascontiguousarray(opaque_HW[rows, columns]),
        )

    def fingerprint(self, window: Window) -> str:
        """Changes whenever a window's pixels may have changed."""
        return self._grid.fingerprint(self._original(window))

    def spans(self, top: float, bottom: float) -> list[Span]:
        """Return the whole width: what holds no data shows when it is read."""
        return [(0.0, float(self.width))]

    def check(self, budget_s: float = math.inf) -> None:
        """Check the original grid.

        Raises:
            SourceError: its parts do not fit together.
        """
        self._grid.check(budget_s)

    def _original(self, window: Window) -> Window:
        column, row, width, height = window
        first = self._to_original @ (column, row)
        second = self._to_original @ (column + width, row + height)
        left, top = min(first[0], second[0]), min(first[1], second[1])
        return left, top, abs(first[0] - second[0]), abs(first[1] - second[1])
