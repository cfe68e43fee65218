"""What a gallery keeps of an image for the XFeat matcher: a coarse grid and keypoints, as int8.

A row is the grid [G * G * W], then the keypoints of the image, then those of the same image
enlarged, with which photos of a part of it are compared. Of keypoints it has the columns and rows
in 256ths of the side [2 * P], then the descriptors [P * D]. The rest of an image with fewer
keypoints is zero, which corresponds to nothing. Shapes: K images, G, W as in `grid`, P keypoints,
D descriptor length.
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

ENLARGED_KEYPOINTS = 384
"""Largest number of keypoints of an enlarged gallery image. Our choice: 256 find fewer photos of
three sets, 512 no more."""

STEPS = 256
"""Number of columns and rows of places."""

LARGEST = 0.5
"""Largest descriptor element that an int8 holds: four standard deviations of a unit 64-vector's."""

_GRID_BYTES = GRID_SIDE * GRID_SIDE * GRID_WIDTH
_ENLARGED_AT = _GRID_BYTES + GALLERY_KEYPOINTS * (2 + FEATURES)
ROW_BYTES = _ENLARGED_AT + ENLARGED_KEYPOINTS * (2 + FEATURES)
"""Bytes that a gallery keeps of an image: 48,512."""


def packed(
    grid_GGW: NDArray[np.float32], keypoints: Keypoints, enlarged: Keypoints
) -> NDArray[np.int8]:
    """Return an image's row: int8 [ROW_BYTES].

    Args:
        grid_GGW: of `grid.grid_of`.
        keypoints: at most GALLERY_KEYPOINTS.
        enlarged: those of the enlarged image, at most ENLARGED_KEYPOINTS.
    """
    points = _packed(keypoints, GALLERY_KEYPOINTS), _packed(enlarged, ENLARGED_KEYPOINTS)
    return np.concatenate((_int8(grid_GGW.ravel()), *points))


def grids(rows_KB: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the rows' grids: float32 [K, G, G, W]."""
    shape = (len(rows_KB), GRID_SIDE, GRID_SIDE, GRID_WIDTH)
    return _float(rows_KB[:, :_GRID_BYTES]).reshape(shape)


def keypoints(row_B: NDArray[np.int8]) -> Keypoints:
    """Return the keypoints of a row's image."""
    return _unpacked(row_B[_GRID_BYTES:_ENLARGED_AT])


def enlarged_keypoints(row_B: NDArray[np.int8]) -> Keypoints:
    """Return the keypoints of a row's enlarged image."""
    return _unpacked(row_B[_ENLARGED_AT:])


def _packed(keypoints: Keypoints, room: int) -> NDArray[np.int8]:
    count = len(keypoints.places_P2)
    steps_P2 = np.zeros((room, 2), dtype=np.uint8)
    steps_P2[:count] = np.floor((keypoints.places_P2 + 0.5) * STEPS)
    descriptors_PD = np.zeros((room, FEATURES), dtype=np.int8)
    descriptors_PD[:count] = _int8(keypoints.descriptors_PD)
    return np.concatenate((steps_P2.ravel().view(np.int8), descriptors_PD.ravel()))


def _unpacked(part_B: NDArray[np.int8]) -> Keypoints:
    room = len(part_B) // (2 + FEATURES)
    steps_P2 = part_B[: 2 * room].view(np.uint8).reshape(room, 2)
    descriptors_PD = part_B[2 * room :].reshape(room, FEATURES)
    used_P = descriptors_PD.any(axis=1)
    places_P2 = (steps_P2[used_P].astype(np.float32) + np.float32(0.5)) / np.float32(STEPS)
    return Keypoints(places_P2 - np.float32(0.5), _float(descriptors_PD[used_P]))


def _int8(values: NDArray[np.float32]) -> NDArray[np.int8]:
    steps: NDArray[np.int8] = np.clip(np.rint(values * (127 / LARGEST)), -127, 127).astype(np.int8)
    return steps


def _float(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = steps.astype(np.float32) * np.float32(LARGEST / 127)
    return values
