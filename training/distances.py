"""Scores in metres, and DenseUAV's SDM@K and MA@m.

Shapes: Q queries, G gallery images, K best matches.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from pyproj import Transformer
from torch import Tensor

from indexer.geo import distances_m

_ROWS_AT_ONCE = 256
"""Positions compared with all others at a time, so that a large map fits into memory."""


@dataclass(frozen=True, kw_only=True)
class MetreScores:
    """Distances between the ground points of the queries and of their best matches."""

    median_m: float
    m_68_percent: float
    m_95_percent: float
    within_m: float
    recall_within_percent: float
    """Percent of best matches at most `within_m` away."""


@dataclass(frozen=True, kw_only=True)
class DegreeScores:
    """DenseUAV's two scores, in percent."""

    sdm: dict[int, float]
    """SDM@K for each K."""
    ma: dict[int, float]
    """MA@m for each m in metres."""


def geodesic_m(one_N2: Tensor, other_N2: Tensor) -> Tensor:
    """Return the geodesic distances of (latitude, longitude) rows in degrees, metres.

    Leading dimensions are broadcast: float64 [..., 2] and [..., 2] give [...].
    """
    one, other = np.broadcast_arrays(one_N2.double().numpy(), other_N2.double().numpy())
    away = distances_m(one.reshape(-1, 2), other.reshape(-1, 2))
    return torch.from_numpy(away.reshape(one.shape[:-1]))


@cache
def _to_geocentric() -> Transformer:
    return Transformer.from_crs("EPSG:4979", "EPSG:4978")


def nearest(from_N2: Tensor, to_M2: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return metres to the `count` nearest of M positions, and their rows: each [N, count].

    They are chosen by the straight line through the Earth, which on one map orders as the geodesic
    does and is 70 times faster.
    """
    from_N3, to_M3 = (_geocentric_m(rows) for rows in (from_N2, to_M2))
    chosen = [
        torch.cdist(part_n3, to_M3, compute_mode="donot_use_mm_for_euclid_dist")
        .topk(count, largest=False)
        .indices
        for part_n3 in torch.split(from_N3, _ROWS_AT_ONCE)
    ]
    rows_NK = torch.cat(chosen)
    return geodesic_m(from_N2[:, None], to_M2[rows_NK]), rows_NK


def _geocentric_m(positions_N2: Tensor) -> Tensor:
    """Return x, y, z from the Earth's centre, metres: float64 [N, 3]."""
    latitude_N, longitude_N = positions_N2.double().numpy().T
    xyz = _to_geocentric().transform(latitude_N, longitude_N, 0.0 * latitude_N)
    return torch.stack([torch.as_tensor(axis) for axis in xyz], dim=1)


def metre_scores(best_Q2: Tensor, truth_Q2: Tensor, within_m: float) -> MetreScores:
    """Return scores of the best matches' positions against the queries', degrees WGS 84."""
    distance_Q = geodesic_m(best_Q2, truth_Q2)
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
    """Return SDM@K in percent: mean of exp(-5000 d_i) over the K best, weighted K - i (i from 0).

    d is the plain distance in degrees of latitude and longitude. Source: DenseUAV's code.
    """
    best_QK2 = best_QK2[:, :top].double()
    gap_QK = (best_QK2 - truth_Q2.double()[:, None]).square().sum(dim=2).sqrt()
    return _weighted(torch.exp(-5e3 * gap_QK))


def sdm_metres(best_QK2: Tensor, truth_Q2: Tensor, top: int) -> float:
    """Return SDM@K in percent with exp(-0.001 d), d in metres. Source: GTA-UAV, UAV-VisLoc."""
    gap_QK = geodesic_m(best_QK2[:, :top], truth_Q2[:, None].expand_as(best_QK2[:, :top]))
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
    """Return DenseUAV's scores of the K best matches' positions."""
    distance_Q = geodesic_m(best_QK2[:, 0], truth_Q2)
    return DegreeScores(
        sdm={top: sdm_degrees(best_QK2, truth_Q2, top) for top in tops if top <= best_QK2.shape[1]},
        ma={limit: float((distance_Q < limit).double().mean() * 100) for limit in metres},
    )
