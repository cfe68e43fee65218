"""What every map offers to the cutting into tiles: one grid of pixels with a place on Earth.

Frames: pixel (column, row) counts from the top left corner of the top left pixel; map
coordinates are (x, y) of the grid's coordinate reference system.
"""

import math
from datetime import datetime
from pathlib import Path
from typing import Protocol

from affine import Affine
from pyproj import CRS

from indexer.sources.cutting.pixels import Pixels

Window = tuple[float, float, float, float]
"""(column, row, width, height) in a grid's pixels; may reach beyond the grid."""

Span = tuple[float, float]
"""(left, right) of neighbouring columns that hold data."""


class PixelGrid(Protocol):
    """A georeferenced picture too large to hold.

    `origin` is its first pixel's (column, row) in a frame that stays when the picture grows.
    """

    path: Path
    kind: str
    width: int
    height: int
    origin: tuple[int, int]
    crs: CRS
    transform: Affine
    captured_at: datetime | None

    def read(self, window: Window, width_px: int, height_px: int) -> Pixels:
        """Return a window, resampled; no data beyond the grid. Several threads call it."""

    def fingerprint(self, window: Window) -> str:
        """Changes whenever a window's pixels may have changed."""

    def spans(self, top: float, bottom: float) -> list[Span]:
        """Return where there may be data between two rows; ascending, apart from each other."""

    def check(self, budget_s: float = math.inf) -> None:
        """Check what metadata alone does not show.

        Raises:
            SourceError: the parts do not fit together.
        """
