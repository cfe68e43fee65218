"""Several descriptors of one place as one query.

Shapes: N views of a place, T headings of a view, D descriptor length.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Query:
    """What a gallery is asked with: one unit descriptor, and how steady it is."""

    descriptor_D: NDArray[np.float32]
    steadiness: float
    """Length of the mean of one picture's turned unit descriptors, 0..1; 1 without turns.

    Ours: a picture whose descriptor changes much when it turns scores lower everywhere.
    """


def fuse(turned_NTD: NDArray[np.float32]) -> Query:
    """One query of N views of a place in T headings each: the mean of their descriptors.

    Source: Table VI, multiple-query setting, for the mean; the turns are ours.
    """
    lengths_N = np.linalg.norm(turned_NTD.mean(axis=1), axis=1)
    views_ND = mean_over_turns(turned_NTD)
    fused_D: NDArray[np.float32] = mean_over_turns(views_ND[None])[0]
    return Query(fused_D, float(lengths_N.mean()))


def mean_over_turns(turned_NTD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit-length means [N, D] of unit descriptors [N, T, D]; a single one stays as it is."""
    if turned_NTD.shape[1] == 1:
        alone_ND: NDArray[np.float32] = turned_NTD[:, 0]
        return alone_ND
    mean_ND = turned_NTD.mean(axis=1)
    lengths_N1 = np.linalg.norm(mean_ND, axis=1, keepdims=True)
    unit_ND: NDArray[np.float32] = mean_ND / np.maximum(lengths_N1, np.float32(1e-12))
    return unit_ND
