"""Fills what a view shows of no mesh: mean colours of ever wider surroundings, and sky."""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def filled(colour_HW3: F32, weight_HW: F32) -> F32:
    """Return a square image whose empty pixels have the mean colour of what lies about them.

    `weight_HW` is the share of each pixel that shows something; the colours are already means of
    those shares. The side's odd halvings are allowed.
    """
    if weight_HW.min() >= 1.0:
        return colour_HW3
    if not weight_HW.any() or max(weight_HW.shape) == 1:
        return colour_HW3
    half_colour, half_weight = _halved(colour_HW3, weight_HW)
    below = filled(half_colour, half_weight)
    rows = np.minimum(np.arange(weight_HW.shape[0]) // 2, below.shape[0] - 1)
    columns = np.minimum(np.arange(weight_HW.shape[1]) // 2, below.shape[1] - 1)
    around = _smoothed(below)[rows][:, columns]
    share = weight_HW[..., None]
    return np.asarray(share * colour_HW3 + (1.0 - share) * around, dtype=np.float32)


def _halved(colour_HW3: F32, weight_HW: F32) -> tuple[F32, F32]:
    rows, columns = weight_HW.shape
    pad = ((0, rows % 2), (0, columns % 2))
    weight = np.pad(weight_HW, pad)
    total = np.pad(colour_HW3 * weight_HW[..., None], (*pad, (0, 0)))
    shape = (weight.shape[0] // 2, 2, weight.shape[1] // 2, 2)
    weight_sum = weight.reshape(shape).sum(axis=(1, 3))
    colour_sum = total.reshape(*shape, 3).sum(axis=(1, 3))
    mean = colour_sum / np.maximum(weight_sum, 1e-6)[..., None]
    return mean.astype(np.float32), np.minimum(weight_sum, 1.0).astype(np.float32)


def _smoothed(image_HW3: F32) -> F32:
    """Return a 3 x 3 mean, so that the halvings' blocks do not show."""
    for axis in (0, 1):
        pad = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image_HW3, pad, mode="edge")
        image_HW3 = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=axis).mean(-1)
    return image_HW3.astype(np.float32)
