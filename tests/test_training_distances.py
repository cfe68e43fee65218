"""Distances and DenseUAV's scores against worked values."""

import math

import pytest
import torch

from training.distances import (
    degree_scores,
    geodesic_m,
    metre_scores,
    nearest,
    sdm_degrees,
    sdm_metres,
)

DEGREE_M = 110_574.2758
"""Length of a degree of latitude at the equator, WGS 84."""


def test_distances_are_those_of_the_ellipsoid() -> None:
    paris, london = torch.tensor([48.8566, 2.3522]), torch.tensor([51.5074, -0.1278])
    assert geodesic_m(paris, london).item() == pytest.approx(343_923, rel=1e-5)
    one_degree = geodesic_m(torch.tensor([0.0, 179.5]), torch.tensor([0.0, -179.5]))
    assert one_degree.item() == pytest.approx(math.pi / 180 * 6_378_137.0, rel=1e-9)


def test_metre_scores_are_quantiles_and_a_share() -> None:
    truth = torch.zeros(101, 2, dtype=torch.float64)
    best = truth.clone()
    best[:, 0] = torch.arange(101) / DEGREE_M
    scores = metre_scores(best, truth, within_m=10.5)
    assert scores.median_m == pytest.approx(50, abs=1e-3)
    assert scores.m_68_percent == pytest.approx(68, abs=1e-3)
    assert scores.m_95_percent == pytest.approx(95, abs=1e-3)
    assert scores.recall_within_percent == pytest.approx(100 * 11 / 101)


def test_sdm_of_a_worked_example() -> None:
    truth = torch.tensor([[30.0, 120.0]], dtype=torch.float64)
    best = torch.tensor([[[30.0, 120.0], [30.0003, 120.0004], [31.0, 121.0]]], dtype=torch.float64)
    expected = (3 * 1.0 + 2 * math.exp(-5e3 * 0.0005) + 1 * 0.0) / 6
    assert sdm_degrees(best, truth, 3) == pytest.approx(100 * expected, rel=1e-6)
    assert sdm_degrees(best, truth, 1) == pytest.approx(100.0)


def test_sdm_in_metres_of_a_worked_example() -> None:
    truth = torch.zeros(1, 2, dtype=torch.float64)
    best = torch.tensor([[[0.0, 0.0], [1000 / DEGREE_M, 0.0]]], dtype=torch.float64)
    assert sdm_metres(best, truth, 2) == pytest.approx(100 * (2 + math.exp(-1)) / 3, rel=1e-6)


def test_ma_counts_best_matches_nearer_than_m() -> None:
    truth = torch.zeros(2, 2, dtype=torch.float64)
    best = torch.zeros(2, 1, 2, dtype=torch.float64)
    best[1, 0, 0] = 4 / DEGREE_M
    scores = degree_scores(best, truth, tops=(1, 3))
    assert scores.ma == {3: 50.0, 5: 100.0, 20: 100.0}
    assert set(scores.sdm) == {1}


def test_the_nearest_positions_are_found_with_their_distances() -> None:
    draw = torch.Generator().manual_seed(3)
    map_M2 = torch.rand((400, 2), generator=draw, dtype=torch.float64) * 0.05
    map_M2 += torch.tensor([60.0, 24.0], dtype=torch.float64)
    shown_N2 = map_M2[:300] + 1e-4
    away_N2, rows_N2 = nearest(shown_N2, map_M2, 2)
    all_NM = geodesic_m(shown_N2[:, None], map_M2[None])
    expected = all_NM.topk(2, largest=False)
    assert torch.equal(rows_N2, expected.indices)
    assert torch.allclose(away_N2, expected.values)
