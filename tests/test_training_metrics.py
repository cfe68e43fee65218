"""Metrics against worked examples and plain loops."""

import numpy as np
import pytest
import torch

from model.scoring import cosines
from training.evaluation.metrics import best_matches, retrieval, trapezoid_average_precision


def slow_average_precision(good: list[bool]) -> float:
    """The facts' formula, one positive at a time."""
    ranks = [rank for rank, hit in enumerate(good) if hit]
    total = 0.0
    for i, rank in enumerate(ranks):
        before = i / rank if rank > 0 else 1.0
        total += (before + (i + 1) / (rank + 1)) / (2 * len(ranks))
    return total


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        ([1, 0, 0], 1.0),
        ([0, 1, 0], 0.25),
        ([0, 0, 0, 1], 0.125),
        ([1, 1, 0], 1.0),
        ([1, 0, 1], (1.0 + (0.5 + 2 / 3) / 2) / 2),
    ],
)
def test_average_precision_of_worked_examples(good: list[int], expected: float) -> None:
    found = trapezoid_average_precision(torch.tensor([good], dtype=torch.bool))
    assert found.item() == pytest.approx(expected)


def test_average_precision_equals_the_loop() -> None:
    good_QG = torch.rand(200, 30, generator=torch.Generator().manual_seed(0)) < 0.2
    good_QG[:, 7] = True
    expected = [slow_average_precision(row) for row in good_QG.tolist()]
    np.testing.assert_allclose(trapezoid_average_precision(good_QG), expected, atol=1e-12)


def test_recall_ap_and_one_percent_of_a_random_gallery_equal_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(1)
    query = torch.nn.functional.normalize(torch.randn(60, 8, generator=generator))
    gallery = torch.nn.functional.normalize(torch.randn(300, 8, generator=generator))
    query_places = torch.randint(0, 40, (60,), generator=generator)
    gallery_places = torch.randint(0, 40, (300,), generator=generator)
    monkeypatch.setattr("training.evaluation.metrics.CHUNK", 7)
    found = retrieval(query @ gallery.T, query_places, gallery_places)
    firsts, precisions = [], []
    for descriptor, place in zip(query.numpy(), query_places.numpy(), strict=True):
        order = np.argsort(-(gallery.numpy() @ descriptor), kind="stable")
        good = (gallery_places.numpy()[order] == place).tolist()
        firsts.append(good.index(True))
        precisions.append(slow_average_precision(good))
    first = np.array(firsts)
    assert found.recall[1] == pytest.approx(100 * (first < 1).mean())
    assert found.recall[10] == pytest.approx(100 * (first < 10).mean())
    assert found.recall_1_percent == pytest.approx(100 * (first <= 3).mean())
    assert found.average_precision == pytest.approx(100 * np.mean(precisions))
    assert (found.queries, found.gallery) == (60, 300)


def test_equal_scores_keep_the_gallery_order() -> None:
    found = retrieval(torch.ones(1, 4), torch.tensor([2]), torch.arange(4), ranks=(2, 3))
    assert found.recall == {2: 0.0, 3: 100.0}


def test_queries_without_a_positive_count_nowhere() -> None:
    found = retrieval(torch.eye(2), torch.tensor([0, 9]), torch.tensor([0, 1]))
    assert (found.queries, found.recall[1]) == (1, 100.0)


def test_of_a_querys_scales_the_most_alike_counts() -> None:
    query = np.float32([[[0.0, 0.6, 0.8], [0.9, 0.1, 0.0]]])
    scores = torch.from_numpy(cosines(query, np.eye(3, dtype=np.float16)))
    assert best_matches(scores, 3).tolist() == [[0, 2, 1]]
    found = retrieval(scores, torch.tensor([0]), torch.arange(3))
    assert found.recall[1] == 100.0
