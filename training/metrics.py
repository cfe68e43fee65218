"""Retrieval metrics: cumulative matching, Recall@K and the benchmark's average precision.

Shapes: Q queries, G gallery images, S scales of a query, D descriptor length.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Scores of one retrieval direction, in percent."""

    recall: dict[int, float]
    """Recall@K by K."""
    recall_1_percent: float
    """CMC at round(0.01 * gallery), 0-based. Source: the University-1652 code."""
    average_precision: float
    queries: int
    gallery: int


def alike(query: Tensor, gallery_GD: Tensor) -> Tensor:
    """Cosines [Q, G] of queries [Q, D]; of [Q, S, D] that of the scale most alike."""
    if query.ndim == 2:
        return query @ gallery_GD.T
    return (query @ gallery_GD.T).amax(dim=1)


def retrieval(
    query: Tensor,
    gallery_GD: Tensor,
    query_places_Q: Tensor,
    gallery_places_G: Tensor,
    *,
    ranks: tuple[int, ...] = (1, 5, 10),
    chunk: int = 256,
) -> Retrieval:
    """Rank the gallery for every query by cosine and score it.

    Queries without a positive in the gallery count nowhere. Equal scores keep gallery order.

    Args:
        query: unit descriptors [Q, D], or [Q, S, D].
        gallery_GD: unit descriptors.
        query_places_Q: place number of every query.
        gallery_places_G: place number of every gallery image.
        ranks: the K of Recall@K.
        chunk: queries ranked at once, which bounds memory.
    """
    gallery = len(gallery_GD)
    cmc_G = torch.zeros(gallery, dtype=torch.float64)
    precision, counted = 0.0, 0
    for start in range(0, len(query), chunk):
        part = slice(start, start + chunk)
        order_QG = alike(query[part], gallery_GD).argsort(dim=1, descending=True, stable=True)
        good_QG = gallery_places_G[order_QG] == query_places_Q[part, None]
        good_QG = good_QG[good_QG.any(dim=1)]
        counted += len(good_QG)
        first_Q = good_QG.int().argmax(dim=1)
        cmc_G += torch.bincount(first_Q, minlength=gallery).double()
        precision += float(trapezoid_average_precision(good_QG).sum())
    cmc_G = cmc_G.cumsum(0) * (100.0 / max(counted, 1))
    one_percent = min(round(0.01 * gallery), gallery - 1)
    return Retrieval(
        recall={rank: float(cmc_G[min(rank, gallery) - 1]) for rank in ranks},
        recall_1_percent=float(cmc_G[one_percent]),
        average_precision=100.0 * precision / max(counted, 1),
        queries=counted,
        gallery=gallery,
    )


def best_matches(query: Tensor, gallery_GD: Tensor, count: int, chunk: int = 256) -> Tensor:
    """Gallery rows of every query's best matches, best first: int64 [Q, min(count, G)].

    Equal scores keep gallery order.
    """
    rows = [
        alike(query[start : start + chunk], gallery_GD).argsort(
            dim=1, descending=True, stable=True
        )[:, :count]
        for start in range(0, len(query), chunk)
    ]
    return torch.cat(rows)


def trapezoid_average_precision(good_QG: Tensor) -> Tensor:
    """The benchmark's AP of ranked hits (bool [Q, G], one hit at least): float64 [Q].

    The i-th positive (0-based), found at 0-based rank r, adds
    ((r > 0 ? i / r : 1) + (i + 1) / (r + 1)) / (2 n). This is not scikit-learn's step AP.
    """
    rank_G = torch.arange(good_QG.shape[1], dtype=torch.float64, device=good_QG.device)
    found_QG = good_QG.double().cumsum(dim=1)
    before_QG = torch.where(rank_G > 0, (found_QG - 1) / rank_G.clamp(min=1), 1.0)
    after_QG = found_QG / (rank_G + 1)
    area_QG = good_QG * (before_QG + after_QG) / 2
    return area_QG.sum(dim=1) / found_QG[:, -1]
