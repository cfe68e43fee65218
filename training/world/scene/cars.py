"""Parked and driving cars: which stall holds which car, and how cars look."""

import numba
import numpy as np

from training.world.chance import hash_unit
from training.world.scene.window import F32, U8

_COLOURS = np.array(
    [
        (0, 0, 0),
        (232, 232, 230),
        (206, 208, 210),
        (160, 164, 168),
        (44, 46, 50),
        (28, 30, 34),
        (96, 100, 106),
        (150, 40, 38),
        (60, 84, 130),
        (34, 48, 84),
        (120, 118, 108),
        (214, 206, 186),
        (70, 92, 76),
        (172, 174, 178),
        (240, 240, 240),
        (84, 78, 74),
    ],
    np.float32,
)
"""RGB of each 4-bit code; code 0 is no car."""
_BITS = 4
_CODE = (1 << _BITS) - 1
_BONNET_CELLS, _ROOF_CELLS = 22, 27
"""Numbers of a car's own cells among the 49 about one of its cells: fewer than the first are its
low ends and edges, as many as the second its roof, and the glass lies between."""


@numba.njit(cache=True)
def car_code(seed: int, stall: int, row: int, share: float) -> int:
    """Return two 4-bit car colours, one for each epoch; `share` of the stalls are taken."""
    code = 0
    for epoch in range(2):
        if hash_unit(seed + 7919 * epoch, stall, row) < share:
            colour = 1 + int(hash_unit(seed + 104729 * epoch, row, stall) * 14.99)
            code |= colour << (_BITS * epoch)
    return code


@numba.njit(cache=True)
def _own_cells(car: U8, shift: int, r: int, c: int, code: int) -> int:
    """Return how many of the 7 x 7 cells about (r, c) belong to a car of that colour."""
    count = 0
    for rr in range(max(0, r - 3), min(car.shape[0], r + 4)):
        for cc in range(max(0, c - 3), min(car.shape[1], c + 4)):
            count += ((car[rr, cc] >> shift) & _CODE) == code
    return count


@numba.njit(cache=True, nogil=True)
def _add_cars(car: U8, shift: int, colours: F32, rgb: U8, height: F32) -> None:
    rows, columns = car.shape
    for r in range(rows):
        for c in range(columns):
            code = (car[r, c] >> shift) & _CODE
            if code:
                count = _own_cells(car, shift, r, c, code)
                glass = 0.42 if _BONNET_CELLS <= count < _ROOF_CELLS else 1.0
                for band in range(3):
                    rgb[r, c, band] = np.uint8(colours[code, band] * glass)
                height[r, c] += (
                    0.95 if count < _BONNET_CELLS else 1.2 if count < _ROOF_CELLS else 1.5
                )


def add_cars(car: U8, epoch: int, rgb: U8, height: F32) -> None:
    """Put the cars of `epoch` (0 or 1) into colour and height (metres), in place."""
    _add_cars(car, _BITS * epoch, _COLOURS, rgb, height)
