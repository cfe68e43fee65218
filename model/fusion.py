"""Several descriptors of one place as one query.

Shapes: N views of a place, S scales and T headings of a view, D descriptor length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Query:
    """What a gallery is asked with: one unit descriptor a scale, and how steady they are."""

    descriptors_SD: NDArray[np.float32]
    """A gallery image's score is that of the scale that it is most alike to."""
    steadiness: float
    """Length of the mean of one picture's turned and zoomed unit descriptors, 0..1; 1 if alone.

    Ours: a picture whose descriptor changes much when it turns scores lower everywhere.
    """


def fuse(shown_NSTD: NDArray[np.float32]) -> Query:
    """One query of N views of a place: at each scale the mean over headings, then over views.

    Source: Table VI, multiple-query setting, for the mean; scales and headings are ours.
    """
    count, scales, headings, length = shown_NSTD.shape
    together_NPD = shown_NSTD.reshape(count, scales * headings, length)
    lengths_N = np.linalg.norm(together_NPD.mean(axis=1), axis=1)
    headings_MTD = shown_NSTD.reshape(count * scales, headings, length)
    views_NSD = unit_mean(headings_MTD).reshape(count, scales, length)
    return Query(unit_mean(views_NSD.transpose(1, 0, 2)), float(lengths_N.mean()))


def unit_mean(rows_NTD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit-length means [N, D] of unit descriptors [N, T, D]; a single one stays as it is."""
    if rows_NTD.shape[1] == 1:
        alone_ND: NDArray[np.float32] = rows_NTD[:, 0]
        return alone_ND
    mean_ND = rows_NTD.mean(axis=1)
    lengths_N1 = np.linalg.norm(mean_ND, axis=1, keepdims=True)
    unit_ND: NDArray[np.float32] = mean_ND / np.maximum(lengths_N1, np.float32(1e-12))
    return unit_ND
