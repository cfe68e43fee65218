"""Decoded tiles, put together and resampled.

Legend: H rows, W columns.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import ImageError
from model.images import open_image

Pixels = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""RGB uint8 [H, W, 3] and where there is data, bool [H, W]."""


def decode_tile(data: bytes, side_px: int) -> Pixels:
    """Return a tile's colours and where it is opaque.

    Raises:
        ImageError: it is no readable image, or has another size.
    """
    rgb_HW3 = np.asarray(open_image(data))
    height, width = rgb_HW3.shape[:2]
    if (height, width) != (side_px, side_px):
        raise ImageError(f"it is {width}x{height} px, others are {side_px}x{side_px}")
    with Image.open(io.BytesIO(data)) as image:
        if not image.has_transparency_data:
            return rgb_HW3, np.ones((side_px, side_px), dtype=bool)
        return rgb_HW3, np.asarray(image.convert("RGBA"))[..., 3] > 0


def paste(
    rgb_HW3: NDArray[np.uint8], opaque_HW: NDArray[np.bool_], tile: Pixels, left: int, top: int
) -> None:
    """Draw a tile at a place; what reaches beyond the picture is left out."""
    height, width = opaque_HW.shape
    tile_height, tile_width = tile[1].shape
    rows = slice(max(0, top), min(height, top + tile_height))
    columns = slice(max(0, left), min(width, left + tile_width))
    inner_rows = slice(rows.start - top, rows.stop - top)
    inner_columns = slice(columns.start - left, columns.stop - left)
    rgb_HW3[rows, columns] = tile[0][inner_rows, inner_columns]
    opaque_HW[rows, columns] = tile[1][inner_rows, inner_columns]


def resample(
    rgb_HW3: NDArray[np.uint8],
    opaque_HW: NDArray[np.bool_],
    box: tuple[float, float, float, float],
    width_px: int,
    height_px: int,
) -> Pixels:
    """Return a fractional box (left, top, right, bottom) of an array at another size."""
    size = width_px, height_px
    colours = Image.fromarray(rgb_HW3).resize(size, Image.Resampling.BICUBIC, box=box)
    mask = Image.fromarray(opaque_HW.astype(np.uint8) * 255)
    seen = mask.resize(size, Image.Resampling.NEAREST, box=box)
    return np.asarray(colours), np.asarray(seen) > 0
