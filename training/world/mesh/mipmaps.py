"""Smaller copies of a texture, so that a far view averages texels instead of skipping them."""

from collections.abc import Iterator, Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.mesh.piece import Piece
from training.world.mesh.raster import EMPTY, Drawn, fill

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
LEVELS = 7
"""Our choice: 64 texels become one; a texel of 2 cm is then larger than a satellite's pixel."""


def used_texels(texture_HW3: U8, pieces: Sequence[Piece]) -> U8:
    """Return which texels the pieces' triangles cover, uint8 [H, W], 0 or 1.

    What lies between the islands of an atlas (often black) is left out of its mipmaps.
    """
    height, width = texture_HW3.shape[:2]
    covered = Drawn(
        nearness_HW=np.zeros((height, width), np.float32),
        number_HW=np.full((height, width), EMPTY, np.int32),
    )
    for piece in pieces:
        assert piece.uv_V2 is not None
        if piece.uv_V2.min() < -0.01 or piece.uv_V2.max() > 1.01:
            return np.ones((height, width), np.uint8)  # a texture that repeats has no islands
        pixel_V2 = piece.uv_V2 * (width, height)
        _cover(pixel_V2, piece.triangle_T3, covered)
    return covered.is_shown.astype(np.uint8)


@numba.njit(cache=True, nogil=True)
def _cover(pixel_V2: F64, triangle_T3: I32, covered: Drawn) -> None:
    for t in range(triangle_T3.shape[0]):
        a, b, c = (
            pixel_V2[triangle_T3[t, 0]],
            pixel_V2[triangle_T3[t, 1]],
            pixel_V2[triangle_T3[t, 2]],
        )
        fill((a[0], a[1], 1.0), (b[0], b[1], 1.0), (c[0], c[1], 1.0), t, covered)


def mipmap_levels(texture_HW3: U8, used_HW: U8) -> Iterator[U8]:
    """Yield the texture and its mipmaps [H, W, 3] to one texel or `LEVELS` sizes in all."""
    image, used = np.ascontiguousarray(texture_HW3), used_HW
    for level in range(LEVELS):
        yield image
        if max(image.shape[:2]) == 1 or level == LEVELS - 1:
            return
        shape = ((image.shape[0] + 1) // 2, (image.shape[1] + 1) // 2)
        half, half_used = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        _halve(image, used, half, half_used)
        image, used = half, half_used


@numba.njit(cache=True, nogil=True)
def _halve(texel_HW3: U8, used_HW: U8, half_HW3: U8, half_used_HW: U8) -> None:
    """Write texels that are the mean of the used ones of four; of all four where none is used.

    Odd last rows and columns are repeated.
    """
    height, width = used_HW.shape
    for row in range(half_used_HW.shape[0]):
        for column in range(half_used_HW.shape[1]):
            total = np.zeros(3, np.int64)
            total_used = np.zeros(3, np.int64)
            used = 0
            for k in range(4):
                r, c = min(2 * row + k // 2, height - 1), min(2 * column + k % 2, width - 1)
                used += used_HW[r, c]
                for band in range(3):
                    total[band] += texel_HW3[r, c, band]
                    total_used[band] += texel_HW3[r, c, band] * used_HW[r, c]
            half_used_HW[row, column] = 1 if used else 0
            for band in range(3):
                if used:
                    half_HW3[row, column, band] = (total_used[band] + used // 2) // used
                else:
                    half_HW3[row, column, band] = (total[band] + 2) // 4
