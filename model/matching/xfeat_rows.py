"""What a gallery keeps of an image for the XFeat matcher: a coarse grid and keypoints, as int8.

A row is the grid [G * G * W], then the keypoints' columns and rows in the network's input
[2 * P], then their descriptors [P * D]. The rest of an image with fewer keypoints is zero, which
corresponds to nothing. Shapes: K images, G, W as in `grid`, P keypoints, D descriptor length.
"""

import numpy as np
from numpy.typing import NDArray

from model.matching.grid import GRID_SIDE
from model.matching.keypoints import Keypoints
from model.matching.xfeat import FEATURES

GRID_WIDTH = 32
"""Number of features of a cell. Our choice: 64 find no more."""

GALLERY_KEYPOINTS = 256
"""Largest number of keypoints of a gallery image. Our choice: 512 find a point more."""

LARGEST = 0.5
"""Largest descriptor element that an int8 holds: four standard deviations of a unit 64-vector's."""

_GRID_BYTES = GRID_SIDE * GRID_SIDE * GRID_WIDTH
ROW_BYTES = _GRID_BYTES + GALLERY_KEYPOINTS * (2 + FEATURES)
"""Bytes that a gallery keeps of an image: 23,168."""


def packed(grid_GGW: NDArray[np.float32], keypoints: Keypoints, side: int) -> NDArray[np.int8]:
    """Return an image's row: int8 [ROW_BYTES].

    Args:
        grid_GGW: of `grid.grid_of`.
        keypoints: at most GALLERY_KEYPOINTS.
        side: of the network's input, at most 256 px; keypoints lie on its pixels.
    """
    row = np.zeros(ROW_BYTES, dtype=np.int8)
    count = len(keypoints.places_P2)
    row[:_GRID_BYTES] = _int8(grid_GGW.ravel())
    pixels_P2 = np.zeros((GALLERY_KEYPOINTS, 2), dtype=np.uint8)
    pixels_P2[:count] = np.floor((keypoints.places_P2 + 0.5) * side)
    descriptors_PD = np.zeros((GALLERY_KEYPOINTS, FEATURES), dtype=np.int8)
    descriptors_PD[:count] = _int8(keypoints.descriptors_PD)
    row[_GRID_BYTES : _GRID_BYTES + 2 * GALLERY_KEYPOINTS] = pixels_P2.ravel().view(np.int8)
    row[_GRID_BYTES + 2 * GALLERY_KEYPOINTS :] = descriptors_PD.ravel()
    return row


def grids(rows_KB: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the rows' grids: float32 [K, G, G, W]."""
    shape = (len(rows_KB), GRID_SIDE, GRID_SIDE, GRID_WIDTH)
    return _float(rows_KB[:, :_GRID_BYTES]).reshape(shape)


def keypoints(row_B: NDArray[np.int8], side: int) -> Keypoints:
    """Return a row's keypoints.

    Args:
        row_B: one row.
        side: as for `packed`.
    """
    pixels_P2 = (
        row_B[_GRID_BYTES : _GRID_BYTES + 2 * GALLERY_KEYPOINTS]
        .view(np.uint8)
        .reshape(GALLERY_KEYPOINTS, 2)
    )
    descriptors_PD = row_B[_GRID_BYTES + 2 * GALLERY_KEYPOINTS :].reshape(
        GALLERY_KEYPOINTS, FEATURES
    )
    used_P = descriptors_PD.any(axis=1)
    places_P2 = (pixels_P2[used_P].astype(np.float32) + np.float32(0.5)) / np.float32(side)
    places_P2 -= np.float32(0.5)
    return Keypoints(places_P2, _float(descriptors_PD[used_P]))


def _int8(values: NDArray[np.float32]) -> NDArray[np.int8]:
    steps: NDArray[np.int8] = np.clip(np.rint(values * (127 / LARGEST)), -127, 127).astype(np.int8)
    return steps


def _float(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = steps.astype(np.float32) * np.float32(LARGEST / 127)
    return values
