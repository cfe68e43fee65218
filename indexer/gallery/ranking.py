"""Orders candidates by their scores and local features, the same in every kind of store.

Legend: N candidates, K ranked ones, L length of the local features.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indexer.records import Pose
from model.descriptor_model import FusedQuery
from model.scoring import best_first, rerank
from model.verification import VERIFIED, Agreement

LocalOf = Callable[[NDArray[np.intp]], NDArray[np.int8]]
"""Returns the local features of candidates, by their places among all: int8 [K, L]."""

Ranked = tuple[NDArray[np.intp], list[float], list[Pose | None]]
"""Places of the best candidates, their scores, and their poses where they were found."""


def wanted(top_k: int, *, verify: bool) -> int:
    """Return how many best candidates are needed for `top_k` matches."""
    return max(top_k, VERIFIED) if verify else top_k


def ranked(
    query: FusedQuery, scores_N: NDArray[np.float32], top_k: int, local_of: LocalOf | None
) -> Ranked:
    """Return the top_k candidates, best first.

    Args:
        query: whose candidates.
        scores_N: their cosines.
        top_k: number of matches.
        local_of: reads local features; None: the cosine alone orders.
    """
    best_K = best_first(scores_N, wanted(top_k, verify=local_of is not None))
    scores_K = scores_N[best_K]
    if local_of is None or not len(best_K):
        return best_K, scores_K.tolist(), [None] * len(best_K)
    scores_K, agreed = rerank(query, scores_K, local_of(best_K))
    order_K = best_first(scores_K, top_k)
    return best_K[order_K], scores_K[order_K].tolist(), _poses(agreed, order_K)


def _poses(agreed: Agreement, chosen_K: NDArray[np.intp]) -> list[Pose | None]:
    parts = (agreed.up_K, agreed.right_K, agreed.turn_deg_K)
    rows = np.stack(parts, axis=1)[chosen_K].tolist()
    return [Pose(up=up, right=right, turn_deg=turn) for up, right, turn in rows]
