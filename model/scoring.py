"""Scores of gallery images for a query: the same for a search and for an evaluation.

Shapes: Q queries, S scales of a query, G gallery images, D descriptor length, K candidates,
L length of the local features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.descriptor_model import FusedQuery
from model.matching.interface import Geometry, Matcher
from model.verification import Agreement, agreement, combined

COMPARED = 60
"""Number of best images that a matcher compares; the others keep their order behind them. Our
choice: on Helsinki's six places 30 hold the right tile for 94 %, 60 for 99 %."""


def cosines(
    descriptors_QSD: NDArray[np.float32], rows_GD: NDArray[np.float16] | NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the cosine of every query and gallery image [Q, G]; the best scale counts.

    Args:
        descriptors_QSD: unit descriptors of the queries.
        rows_GD: descriptors as a gallery stores them.
    """
    rows_GD = rows_GD.astype(np.float32, copy=False)
    queries, scales, length = descriptors_QSD.shape
    every_XG = descriptors_QSD.reshape(queries * scales, length) @ rows_GD.T
    best_QG: NDArray[np.float32] = every_XG.reshape(queries, scales, len(rows_GD)).max(axis=1)
    return best_QG


def best_first(scores_G: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the rows of the `count` highest scores, best first; equal scores keep their order."""
    return np.argsort(-scores_G, kind="stable")[:count]


def rerank(
    query: FusedQuery, cosines_K: NDArray[np.float32], candidates_KL: NDArray[np.int8]
) -> tuple[NDArray[np.float32], Agreement]:
    """Return the scores [K] of candidates by cosine and spatial agreement, and the agreement.

    Args:
        query: with local features.
        cosines_K: the candidates' cosines.
        candidates_KL: their quantised local features.
    """
    assert query.local_NSL is not None
    agreed = agreement(query.local_NSL, candidates_KL, query.zoom)
    return combined(cosines_K, agreed.scores_K), agreed


def unverified(cosines_G: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores that rank images behind all re-ranked ones, in the order of their cosines."""
    return combined(cosines_G, np.full_like(cosines_G, -1.0))


def compare(
    query: FusedQuery, scores_K: NDArray[np.float32], rows_KB: NDArray[np.int8], matcher: Matcher
) -> tuple[NDArray[np.float32], Sequence[Geometry | None]]:
    """Return the scores [K] of candidates with a matcher's, and the geometry of each.

    Args:
        query: with the pixels of its images.
        scores_K: the candidates' scores before.
        rows_KB: the candidates' rows of the matcher.
        matcher: with loaded weights.
    """
    assert query.pixels_N3SS is not None
    found = matcher.verify(query.pixels_N3SS, rows_KB, scores_K)
    compared_K = (scores_K + matcher.weight * found.scores_K) / (1 + matcher.weight)
    return compared_K.astype(np.float32), found.geometries


def uncompared(scores_K: NDArray[np.float32], matcher: Matcher) -> NDArray[np.float32]:
    """Return the scores of images that are ranked behind the compared ones."""
    behind_K: NDArray[np.float32] = (scores_K / (1 + matcher.weight)).astype(np.float32)
    return behind_K
