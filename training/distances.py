"""Scores in metres, and DenseUAV's SDM@K and MA@m.

Shapes: Q queries, G gallery images, K best matches.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius, WGS 84."""


@dataclass(frozen=True, kw_only=True)
class MetreScores:
    """Distance between what a query shows and its best match."""

    median_m: float
    m_68_percent: float
    m_95_percent: float
    within_m: float
    recall_within_percent: float
    """Share of best matches at most `within_m` away."""


@dataclass(frozen=True, kw_only=True)
class DegreeScores:
    """DenseUAV's two scores, in percent."""

    sdm: dict[int, float]
    """SDM@K by K."""
    ma: dict[int, float]
    """MA@m by metres."""


def haversine_m(one_N2: Tensor, other_N2: Tensor) -> Tensor:
    """Great-circle distance of (latitude, longitude) rows in degrees: metres, float64 [N]."""
    one, other = torch.deg2rad(one_N2.double()), torch.deg2rad(other_N2.double())
    half = ((other - one) / 2).sin() ** 2
    chord = half[..., 0] + one[..., 0].cos() * other[..., 0].cos() * half[..., 1]
    return 2 * EARTH_RADIUS_M * chord.clamp(0, 1).sqrt().asin()


def metre_scores(best_Q2: Tensor, truth_Q2: Tensor, within_m: float) -> MetreScores:
    """Scores of the best matches' positions against the queries', degrees WGS 84."""
    distance_Q = haversine_m(best_Q2, truth_Q2)
    shares = torch.tensor([0.5, 0.68, 0.95], dtype=torch.float64)
    median, sixty_eight, ninety_five = torch.quantile(distance_Q, shares).tolist()
    return MetreScores(
        median_m=median,
        m_68_percent=sixty_eight,
        m_95_percent=ninety_five,
        within_m=within_m,
        recall_within_percent=float((distance_Q <= within_m).double().mean() * 100),
    )


def sdm_degrees(best_QK2: Tensor, truth_Q2: Tensor, top: int) -> float:
    """SDM@K in percent: sum of (K - i) exp(-5000 d_i) over the K best, i from 0, by the weights.

    d is the plain distance in degrees of latitude and longitude. Source: DenseUAV's code.
    """
    best_QK2 = best_QK2[:, :top].double()
    gap_QK = (best_QK2 - truth_Q2.double()[:, None]).square().sum(dim=2).sqrt()
    return _weighted(torch.exp(-5e3 * gap_QK))


def sdm_metres(best_QK2: Tensor, truth_Q2: Tensor, top: int) -> float:
    """SDM@K in percent with exp(-0.001 d), d in metres. Source: GTA-UAV, UAV-VisLoc."""
    gap_QK = haversine_m(best_QK2[:, :top], truth_Q2[:, None].expand_as(best_QK2[:, :top]))
    return _weighted(torch.exp(-1e-3 * gap_QK))


def _weighted(closeness_QK: Tensor) -> float:
    weight_K = torch.arange(closeness_QK.shape[1], 0, -1, dtype=torch.float64)
    return float((closeness_QK * weight_K).sum(dim=1).mean() / weight_K.sum() * 100)


def degree_scores(
    best_QK2: Tensor,
    truth_Q2: Tensor,
    tops: tuple[int, ...] = (1, 3, 5),
    metres: tuple[int, ...] = (3, 5, 20),
) -> DegreeScores:
    """DenseUAV's scores of the K best matches' positions."""
    distance_Q = haversine_m(best_QK2[:, 0], truth_Q2)
    return DegreeScores(
        sdm={top: sdm_degrees(best_QK2, truth_Q2, top) for top in tops if top <= best_QK2.shape[1]},
        ma={limit: float((distance_Q < limit).double().mean() * 100) for limit in metres},
    )
