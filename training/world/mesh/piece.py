"""One part of a mesh as a reader hands it over."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Triangles with one texture or with a colour for each vertex, or points with colours.

    `position_V3` is in the file's own axes and unit. `uv_V2` runs right and down the texture.
    Without triangles the vertices are points. `is_plain` marks a part whose file gives it neither
    texture nor colours of vertices; `colour_V3` is then its material's colour.
    """

    position_V3: F64
    triangle_T3: I32
    colour_V3: U8
    uv_V2: F64 | None = None
    texture_HW3: U8 | None = None
    is_plain: bool = False

    def moved(self, matrix_44: F64) -> "Piece":
        """Return the piece with its positions taken through an affine matrix [4, 4]."""
        moved_V3 = self.position_V3 @ matrix_44[:3, :3].T + matrix_44[:3, 3]
        return replace(self, position_V3=moved_V3)
