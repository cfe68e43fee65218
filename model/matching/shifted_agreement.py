"""Agreement of one image with another that roughly lies on it, at every shift of a few cells.

It is the normalised cross-correlation of dense descriptors. A part of the image that shows nothing
but haze or rain changes little of it, so that it places photos in which no keypoints correspond.

Source: Lewis, Fast normalized cross-correlation, 1995, with one more dimension, the descriptor's.
Shapes: M cells a side, W features of a cell, R shifts in each direction.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_OVERLAP = 0.5
"""Share of the image's cells that must lie on the other at a shift. Our choice."""

EPSILON = 1e-6


def shifted_agreement(
    one_MMW: NDArray[np.float32],
    one_MM: NDArray[np.bool_],
    other_MMW: NDArray[np.float32],
    other_MM: NDArray[np.bool_],
    most: int,
) -> NDArray[np.float64]:
    """Return the agreement, -1..1, at every shift down and right: [2 R + 1, 2 R + 1].

    Where less than `LEAST_OVERLAP` of the image lies on the other it is -1. Otherwise it is
    weighted by the square root of that share.

    Args:
        one_MMW: the image's descriptors.
        one_MM: its cells that count.
        other_MMW: those of the other image, which stays where it is.
        other_MM: its cells that count.
        most: R, largest shift in cells.
    """
    period = one_MM.shape[0] + other_MM.shape[0]
    shifts = np.arange(-most, most + 1)
    at = np.ix_(shifts, shifts)

    def transformed(values: NDArray[np.float32]) -> NDArray[np.complex128]:
        return np.asarray(np.fft.rfft2(values, (period, period), axes=(0, 1)))

    def sums(products: NDArray[np.complex128]) -> NDArray[np.float64]:
        return np.asarray(np.fft.irfft2(products, (period, period), axes=(0, 1))[at])

    one_MMW = one_MMW * one_MM[:, :, None]
    other_MMW = other_MMW * other_MM[:, :, None]
    weight, features = transformed(one_MM.astype(np.float32)).conj(), transformed(one_MMW).conj()
    other_weight, other_features = transformed(other_MM.astype(np.float32)), transformed(other_MMW)
    count = np.maximum(sums(other_weight * weight), EPSILON)
    one_sum = sums(other_weight[:, :, None] * features)
    other_sum = sums(other_features * weight[:, :, None])
    one_squares = sums(other_weight * transformed((one_MMW**2).sum(axis=2)).conj())
    other_squares = sums(transformed((other_MMW**2).sum(axis=2)) * weight)
    product = sums((other_features * features).sum(axis=2))
    covariance = product - (one_sum * other_sum).sum(axis=2) / count
    variances = (one_squares - (one_sum**2).sum(axis=2) / count) * (
        other_squares - (other_sum**2).sum(axis=2) / count
    )
    overlap = count / max(int(one_MM.sum()), 1)
    agreement = covariance / np.sqrt(np.maximum(variances, EPSILON))
    agreement *= np.sqrt(np.minimum(overlap, 1.0))
    return np.where(overlap >= LEAST_OVERLAP, agreement, -1.0)
