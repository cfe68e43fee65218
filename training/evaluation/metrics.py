"""Retrieval metrics: cumulative matching, Recall@K and the benchmark's average precision.

Shapes: Q queries, G gallery images.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 256
"""Number of queries compared or ranked at once, which bounds memory."""


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Scores of one retrieval direction, in percent."""

    recall: dict[int, float]
    """Recall@K for each K."""
    recall_1_percent: float
    """CMC at round(0.01 * gallery), 0-based. Source: the University-1652 code."""
    average_precision: float
    queries: int
    gallery: int


def retrieval(
    scores_QG: Tensor,
    query_places_Q: Tensor,
    gallery_places_G: Tensor,
    *,
    ranks: tuple[int, ...] = (1, 5, 10),
) -> Retrieval:
    """Return the metrics of the gallery ranked by score for every query.

    Queries without a positive in the gallery are left out. Equal scores keep gallery order.

    Args:
        scores_QG: similarity of every query and gallery image.
        query_places_Q: place number of every query.
        gallery_places_G: place number of every gallery image.
        ranks: the K of Recall@K.
    """
    gallery = scores_QG.shape[1]
    cmc_G = torch.zeros(gallery, dtype=torch.float64)
    precision, counted = 0.0, 0
    for start in range(0, len(scores_QG), CHUNK):
        part = slice(start, start + CHUNK)
        order_QG = scores_QG[part].argsort(dim=1, descending=True, stable=True)
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


def best_matches(scores_QG: Tensor, count: int) -> Tensor:
    """Return the gallery rows of every query's best matches, best first: int64 [Q, min(count, G)].

    Equal scores keep gallery order.
    """
    rows = [
        part_QG.argsort(dim=1, descending=True, stable=True)[:, :count]
        for part_QG in torch.split(scores_QG, CHUNK)
    ]
    return torch.cat(rows)


def trapezoid_average_precision(good_QG: Tensor) -> Tensor:
    """Return the benchmark's AP of ranked hits (bool [Q, G], at least one hit): float64 [Q].

    The i-th positive (0-based), found at 0-based rank r, adds
    ((r > 0 ? i / r : 1) + (i + 1) / (r + 1)) / (2 n). This is not scikit-learn's step AP.
    """
    rank_G = torch.arange(good_QG.shape[1], dtype=torch.float64, device=good_QG.device)
    found_QG = good_QG.double().cumsum(dim=1)
    before_QG = torch.where(rank_G > 0, (found_QG - 1) / rank_G.clamp(min=1), 1.0)
    after_QG = found_QG / (rank_G + 1)
    area_QG = good_QG * (before_QG + after_QG) / 2
    return area_QG.sum(dim=1) / found_QG[:, -1]
