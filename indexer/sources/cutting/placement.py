"""Where a map's pixels lie on Earth."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from pyproj.exceptions import ProjError

from indexer.errors import NotGeoreferencedError
from indexer.geo import wrap_longitude
from indexer.records import Position
from indexer.sources.cutting.grid import PixelGrid, Window

_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Placement:
    """Where a grid's pixels lie on Earth.

    Raises:
        NotGeoreferencedError: they lie nowhere under the grid's coordinate reference system.
    """

    grid: PixelGrid

    def __post_init__(self) -> None:
        try:
            there = Transformer.from_crs(self.grid.crs, 4326, always_xy=True)
        except ProjError as error:
            raise self._lost("its CRS {} has no place on Earth") from error
        object.__setattr__(self, "_transformer", there)
        right, bottom = float(self.grid.width), float(self.grid.height)
        middle = self.position(right / 2, bottom / 2)
        ends = [self.position(column, row) for column in (0.0, right) for row in (0.0, bottom)]
        if not all(_on_earth(place) for place in (middle, *ends)):
            raise self._lost("its coordinates do not fit its CRS {}")

    def _lost(self, what: str) -> NotGeoreferencedError:
        authority = self.grid.crs.to_authority()
        crs = self.grid.crs.name if authority is None else ":".join(authority)
        return NotGeoreferencedError(
            f"{self.grid.path.name}: {what.format(crs)}; assign the right one, for example: "
            "gdal_edit.py -a_srs EPSG:32633"
        )

    def position(self, column: float, row: float) -> Position:
        """Return (latitude, longitude) of a pixel position."""
        a, b, c, d, e, f = self.grid.transform[:6]
        x, y = a * column + b * row + c, d * column + e * row + f
        longitude, latitude = self._there().transform(x, y)
        return float(latitude), wrap_longitude(float(longitude))

    def positions(
        self, columns_N: NDArray[np.float64], row: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return latitudes and longitudes of pixel positions of one row: float64 [N] each."""
        a, b, c, d, e, f = self.grid.transform[:6]
        longitudes_N, latitudes_N = self._there().transform(
            a * columns_N + b * row + c, d * columns_N + e * row + f
        )
        return np.asarray(latitudes_N), (np.asarray(longitudes_N) + 180.0) % 360.0 - 180.0

    def rows_of(
        self, latitudes_N: NDArray[np.float64], longitudes_N: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the pixel rows of positions on Earth: float64 [N], infinite where none is."""
        x_N, y_N = self._there().transform(
            (longitudes_N + 180.0) % 360.0 - 180.0, latitudes_N, direction="INVERSE"
        )
        d, e, f = (~self.grid.transform)[3:6]
        return np.asarray(d * np.asarray(x_N) + e * np.asarray(y_N) + f)

    def _there(self) -> Transformer:
        return cast(Transformer, self._transformer)  # type: ignore[attr-defined]

    def centre(self, window: Window) -> Position:
        """Return (latitude, longitude) of a window's middle."""
        column, row, width, height = window
        return self.position(column + width / 2, row + height / 2)

    def corners(self, window: Window) -> tuple[Position, ...]:
        """Return four (latitude, longitude), clockwise from the window's top left."""
        column, row, width, height = window
        right, bottom = column + width, row + height
        return tuple(
            self.position(*at)
            for at in ((column, row), (right, row), (right, bottom), (column, bottom))
        )

    def metres_per_pixel(self, column: float, row: float) -> tuple[float, float]:
        """Ground length of one pixel along the columns and along the rows, m (ellipsoid).

        Raises:
            NotGeoreferencedError: the pixel lies nowhere.
        """
        across = self._metres((column - 0.5, row), (column + 0.5, row))
        down = self._metres((column, row - 0.5), (column, row + 0.5))
        if not (0.0 < across < math.inf and 0.0 < down < math.inf):
            raise self._lost("its coordinates do not fit its CRS {}")
        return across, down

    def _metres(self, a: tuple[float, float], b: tuple[float, float]) -> float:
        (lat_a, lon_a), (lat_b, lon_b) = self.position(*a), self.position(*b)
        return float(_GEOD.inv(lon_a, lat_a, lon_b, lat_b)[2])


def _on_earth(place: Position) -> bool:
    # A grid of cells reaches half a cell beyond the poles, and a sum of steps a little more.
    return abs(place[0]) <= 91.0 and math.isfinite(place[1])
