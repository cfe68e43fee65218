"""Several descriptors of one place as one query.

Shapes: N views of a place, S scales and T headings of a view, D descriptor length, L length of the
local features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Seen:
    """What the network made of one picture that asks."""

    descriptors_STD: NDArray[np.float32]
    """Unit descriptors of the picture at S scales in T headings each."""
    local_SL: NDArray[np.float32] | None = None
    """Local features at each scale, of unit length in every cell; None: the weights have none."""
    zoom: float = 1.0
    """Share of the side that each further scale shows of the one before."""


@dataclass(frozen=True)
class Query:
    """What a gallery is asked with: one unit descriptor a scale, and how steady they are."""

    descriptors_SD: NDArray[np.float32]
    """A gallery image's score is that of the scale that it is most alike to."""
    steadiness: float
    """Length of the mean of one picture's turned and zoomed unit descriptors, 0..1; 1 if alone.

    Ours: a picture whose descriptor changes much when it turns scores lower everywhere.
    """
    local_NSL: NDArray[np.float32] | None = None
    """Every view's local features, for `verification`; None: there are none."""
    zoom: float = 1.0
    """As in `Seen`; a gallery of the same weights has the same scales."""


def fuse(seen: Sequence[Seen]) -> Query:
    """One query of N views of a place: at each scale the mean over headings, then over views.

    Source: Table VI, multiple-query setting, for the mean; scales and headings are ours.
    """
    shown_NSTD = np.stack([view.descriptors_STD for view in seen])
    grids = [view.local_SL for view in seen if view.local_SL is not None]
    local_NSL = np.stack(grids) if len(grids) == len(seen) else None
    count, scales, headings, length = shown_NSTD.shape
    together_NPD = shown_NSTD.reshape(count, scales * headings, length)
    lengths_N = np.linalg.norm(together_NPD.mean(axis=1), axis=1)
    headings_MTD = shown_NSTD.reshape(count * scales, headings, length)
    views_NSD = unit_mean(headings_MTD).reshape(count, scales, length)
    descriptors_SD = unit_mean(views_NSD.transpose(1, 0, 2))
    return Query(descriptors_SD, float(lengths_N.mean()), local_NSL, seen[0].zoom)


def unit_mean(rows_NTD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit-length means [N, D] of unit descriptors [N, T, D]; a single one stays as it is."""
    if rows_NTD.shape[1] == 1:
        alone_ND: NDArray[np.float32] = rows_NTD[:, 0]
        return alone_ND
    mean_ND = rows_NTD.mean(axis=1)
    lengths_N1 = np.linalg.norm(mean_ND, axis=1, keepdims=True)
    unit_ND: NDArray[np.float32] = mean_ND / np.maximum(lengths_N1, np.float32(1e-12))
    return unit_ND
