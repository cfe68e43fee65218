"""R@1 of the descriptor alone on parts of the development set, with intervals by place.

Shapes: Q queries, G gallery images, P places, D draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.gps_table import gps_benchmark
from training.dev_set.build import PARTS
from training.distances import geodesic_m
from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import embedded, score_matrix
from training.evaluation.metrics import best_matches

_DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """R@1 of one part in percent, with its 95 % interval over places."""

    recall1: float
    low: float
    high: float
    queries: int
    places: int
    gallery: int


def part_score(folder: Path, within_m: float, embedder: ImageSetEmbedder) -> PartScore:
    """Return how often a drone image's best match lies within `within_m`, without re-ranking.

    Raises:
        DataError: the part's table or an image cannot be read.
    """
    direction = gps_benchmark(folder).directions[0]
    query, gallery = embedded(direction, embedder)
    scores_QG = torch.from_numpy(score_matrix(query, gallery, verify=False))
    first_Q = best_matches(scores_QG, 1)[:, 0]
    found_G2 = torch.tensor(direction.gallery.positions, dtype=torch.float64)
    truth_Q2 = torch.tensor(direction.query.positions, dtype=torch.float64)
    hit_Q = geodesic_m(found_G2[first_Q], truth_Q2) <= within_m
    low, high = place_interval(hit_Q, direction.query.places)
    return PartScore(
        recall1=100 * float(hit_Q.double().mean()),
        low=low,
        high=high,
        queries=len(hit_Q),
        places=len(set(direction.query.places)),
        gallery=len(found_G2),
    )


def place_interval(hit_Q: Tensor, places: tuple[str, ...]) -> tuple[float, float]:
    """Return the 95 % interval of the percentage of hits: a bootstrap over places, fixed seed."""
    names, index_Q = np.unique(np.array(places), return_inverse=True)
    hits_P = np.bincount(index_Q, weights=hit_Q.numpy().astype(float), minlength=len(names))
    queries_P = np.bincount(index_Q, minlength=len(names))
    drawn_DP = np.random.default_rng(0).integers(len(names), size=(_DRAWS, len(names)))
    share_D = hits_P[drawn_DP].sum(axis=1) / queries_P[drawn_DP].sum(axis=1)
    low, high = np.percentile(share_D, [2.5, 97.5])
    return 100 * float(low), 100 * float(high)


def selecting_mean(scores: Mapping[str, PartScore]) -> float:
    """Return the mean R@1 of the parts that weights are selected by, percent."""
    chosen = [score.recall1 for name, score in scores.items() if PARTS[name].selects]
    return sum(chosen) / len(chosen)
