"""The mesh from straight above on a grid: where it has colours, and how high its ground lies."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.world.mesh.drawing import draw, draw_gbuffer
from training.world.mesh.lens import from_above
from training.world.mesh.pack import Pack
from training.world.orthophoto.bare_ground import above_ground

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
_MOST_CELLS = 2000
"""Our choice: cells along the longer side; of 1 m up to 2 km, then larger."""
_BLANK_REACH_M = 6.0
"""Our choice: one even white or black of more than 12 m each way is no ground but missing data."""
_WHITE, _BLACK = 253.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Relief:
    """Cells of `cell_m`, row 0 in the south; `west_m` and `south_m` are the grid's edges.

    `surface_m` is the height of the uppermost surface, `ground_m` of the bare ground below it;
    `is_covered` marks cells with colours, whose mean is `brightness` (0-255).
    """

    west_m: float
    south_m: float
    cell_m: float
    surface_m: F32
    ground_m: F32
    is_covered: Mask
    brightness: float

    def _cell(self, x_m: float, y_m: float) -> tuple[int, int]:
        rows, columns = self.is_covered.shape
        row = math.floor((y_m - self.south_m) / self.cell_m)
        column = math.floor((x_m - self.west_m) / self.cell_m)
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)

    def ground_at(self, x_m: float, y_m: float) -> float:
        """Return the ground's height at a point, that of the nearest cell outside of the grid."""
        return float(self.ground_m[self._cell(x_m, y_m)])

    def surface_at(self, x_m: float, y_m: float) -> float:
        """Return the surface's height at a point, that of the nearest cell outside of the grid."""
        return float(self.surface_m[self._cell(x_m, y_m)])

    def share_covered(self, points_N2: NDArray[np.float64]) -> float:
        """Return the share of points (x, y) that lie on cells with colours."""
        rows, columns = self.is_covered.shape
        row_N = np.floor((points_N2[:, 1] - self.south_m) / self.cell_m).astype(int)
        column_N = np.floor((points_N2[:, 0] - self.west_m) / self.cell_m).astype(int)
        is_inside = (row_N >= 0) & (row_N < rows) & (column_N >= 0) & (column_N < columns)
        covered = self.is_covered[np.clip(row_N, 0, rows - 1), np.clip(column_N, 0, columns - 1)]
        return float((covered & is_inside).mean())

    def square_covered(self, x_m: float, y_m: float, side_m: float) -> float:
        """Return the covered share of a square centred on (x, y)."""
        steps = np.linspace(-0.5, 0.5, 33) * side_m
        grid = np.stack(np.meshgrid(x_m + steps, y_m + steps), axis=-1).reshape(-1, 2)
        return self.share_covered(grid)


def relief_of(pack: Pack, splat_m: float) -> Relief:
    """Return the relief of a packed mesh."""
    low_3, high_3 = pack.low_3, pack.high_3
    extent_m = float((high_3 - low_3)[:2].max())
    cell_m = max(extent_m / _MOST_CELLS, min(1.0, extent_m / 64))
    side = max(8, math.ceil(extent_m / cell_m))
    middle = (low_3 + high_3) / 2
    lens = from_above(float(middle[0]), float(middle[1]), float(high_3[2]), side * cell_m, side)
    drawn = draw(pack, lens, max(splat_m, cell_m))
    gbuffer = draw_gbuffer(pack, lens, drawn)
    shown = drawn.is_shown & ~_blank(gbuffer.colour_HW3, cell_m)
    surface = np.where(drawn.is_shown, gbuffer.point_HW3[..., 2], np.nan)[::-1].astype(np.float32)
    ground = surface - above_ground(surface, cell_m)
    lowest = float(np.nanmin(ground)) if np.isfinite(ground).any() else 0.0
    return Relief(
        west_m=float(middle[0]) - side * cell_m / 2,
        south_m=float(middle[1]) - side * cell_m / 2,
        cell_m=cell_m,
        surface_m=np.nan_to_num(surface, nan=lowest),
        ground_m=np.nan_to_num(ground, nan=lowest),
        is_covered=np.ascontiguousarray(shown[::-1]),
        brightness=float(gbuffer.colour_HW3[shown].mean()) if shown.any() else 0.0,
    )


def _blank(colour_HW3: F32, cell_m: float) -> Mask:
    """Return the cells within an even white or black that is larger than any roof's glare."""
    even = (colour_HW3.min(axis=2) >= _WHITE) | (colour_HW3.max(axis=2) <= _BLACK)
    reach = max(1, round(_BLANK_REACH_M / cell_m))
    return _near(~_near(~even, reach), reach)


def _near(mask: Mask, reach: int) -> Mask:
    """Return where any cell of the square about a cell is set."""
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(mask, pad)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        mask = np.asarray(windows.any(axis=-1))
    return mask
