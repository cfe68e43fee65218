"""The grids of a window of the world, and the codes that stand in them."""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]

PAVED, GRASS, LEAF, CROP, WATER, ROOF, SOIL = range(7)
"""Materials: seasons tint GRASS, LEAF and CROP; water is smooth."""
NO_PART, CROWN, PLAIN_WALL = -1, -2, -3
"""Values of `part_of` that are no building part: level ground, a tree's crown, and a raised cell
of a surface model, which has no plan."""
BLOCK_CELLS = 8
"""Side of the blocks that a ray may skip as a whole, cells."""


class Window(NamedTuple):
    """Grids [row, column], row 0 in the south.

    Cell (r, c) covers world x = (ix0 + c .. + 1) * cell_m and y = (iy0 + r .. + 1) * cell_m.
    """

    ix0: int
    iy0: int
    cell_m: float
    rgb: U8
    material: U8
    height_m: F32
    part_of: I32
    """Number of the building part that a cell shows, or one of the codes above."""
    car: U8
    """Two 4-bit codes of a car's colour, one for each epoch (see `cars`)."""
    tree: U8
    """Probability of a tree, times 255."""
    lot_seed: I32
    """Seed of the cell's lot; -1 outside lots."""


def empty_window(ix0: int, iy0: int, size: int, cell_m: float) -> Window:
    """Return a window of `size` x `size` cells: level, without parts, else not filled yet."""
    return Window(
        ix0=ix0,
        iy0=iy0,
        cell_m=cell_m,
        rgb=np.empty((size, size, 3), np.uint8),
        material=np.empty((size, size), np.uint8),
        height_m=np.zeros((size, size), np.float32),
        part_of=np.full((size, size), NO_PART, np.int32),
        car=np.empty((size, size), np.uint8),
        tree=np.empty((size, size), np.uint8),
        lot_seed=np.empty((size, size), np.int32),
    )


@numba.njit(cache=True, nogil=True)
def coarse_max(height: F32) -> F32:
    """Return the highest point of every block of 8 x 8 cells, for skipping empty air."""
    rows, columns = height.shape
    out = np.zeros(
        ((rows + BLOCK_CELLS - 1) // BLOCK_CELLS, (columns + BLOCK_CELLS - 1) // BLOCK_CELLS),
        np.float32,
    )
    for r in range(rows):
        for c in range(columns):
            br, bc = r // BLOCK_CELLS, c // BLOCK_CELLS
            out[br, bc] = max(out[br, bc], height[r, c])
    return out
