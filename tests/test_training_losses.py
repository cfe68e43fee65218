"""Table IX's losses against plain loops, and the recipe values that choose them."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model.network import descriptor
from training.errors import RecipeError
from training.learning.averaging import Average
from training.learning.losses import SymmetricInfoNCE
from training.learning.metric_losses import MetricLoss, symmetric_kl
from training.learning.recipes import recipe


def views(places: int = 4, heads: int = 2, width: int = 6) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(places, heads, width, generator=generator) for _ in range(2)]
    return made, torch.tensor([0, 0, 1, 2][:places])


def test_triplet_takes_the_hardest_pairs_with_a_margin_of_0_3() -> None:
    embeddings, classes = views()
    found = MetricLoss("triplet", 6)(embeddings, [], classes)
    both, labels = torch.cat(embeddings), classes.repeat(2)
    heads = []
    for head in range(2):
        unit = functional.normalize(both[:, head], dim=1)
        terms = []
        for i in range(len(unit)):
            gaps = [float((unit[i] - unit[j]).norm()) for j in range(len(unit))]
            same = [gaps[j] for j in range(len(unit)) if j != i and labels[j] == labels[i]]
            other = [gaps[j] for j in range(len(unit)) if labels[j] != labels[i]]
            terms.append(max(max(same) - min(other) + 0.3, 0.0))
        positive = [term for term in terms if term > 0]
        heads.append(sum(positive) / len(positive))
    assert found.item() == pytest.approx(sum(heads) / 2, rel=1e-4)


def test_kl_of_equal_views_is_zero_and_of_others_a_worked_value() -> None:
    even = torch.zeros(1, 1, 2)
    uneven = torch.tensor([[[math.log(3.0), 0.0]]])
    assert symmetric_kl(even, even).item() == pytest.approx(0.0, abs=1e-7)
    there = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    back = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert symmetric_kl(even, uneven).item() == pytest.approx((there + back) / 2, rel=1e-5)


def test_contrastive_draws_places_together_and_pushes_others_one_apart() -> None:
    embeddings, classes = views()
    found = MetricLoss("contrastive", 6)(embeddings, [], classes)
    both, labels = torch.cat(embeddings), classes.repeat(2)
    heads = []
    for head in range(2):
        unit = functional.normalize(both[:, head], dim=1)
        pairs = [(i, j) for i in range(len(unit)) for j in range(len(unit)) if i != j]
        gap = {(i, j): float((unit[i] - unit[j]).norm()) for i, j in pairs}
        near = [gap[i, j] for i, j in pairs if labels[i] == labels[j]]
        far = [1 - gap[i, j] for i, j in pairs if labels[i] != labels[j] and gap[i, j] < 1]
        heads.append(sum(near) / len(near) + sum(far) / len(far))
    assert found.item() == pytest.approx(sum(heads) / 2, rel=1e-4)


def test_verification_learns_to_tell_same_from_other() -> None:
    embeddings, classes = views()
    embeddings = [embeddings[0], embeddings[0] + 0.05]
    loss = MetricLoss("verification", 6)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    first = loss(embeddings, [], classes).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss(embeddings, [], classes).backward()
        optimizer.step()
    assert loss(embeddings, [], classes).item() < 0.7 * first


def test_infonce_is_cross_entropy_both_ways() -> None:
    (satellite, drone), _ = views()
    places = torch.arange(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as in training: must not round
        found = SymmetricInfoNCE(0.1, 0.2)(satellite, drone)
    logits = 10.0 * descriptor(satellite) @ descriptor(drone).T
    there = functional.cross_entropy(logits, places, label_smoothing=0.2)
    back = functional.cross_entropy(logits.T, places, label_smoothing=0.2)
    assert found.item() == pytest.approx((there + back).item() / 2, rel=1e-5)


def test_the_average_follows_floats_and_copies_counters() -> None:
    network = torch.nn.BatchNorm1d(1)
    average = Average(network, 0.75)
    with torch.no_grad():
        network.weight.fill_(5.0)
        network.num_batches_tracked.fill_(8)
    average.update(network)
    average.copy_into(network)
    assert network.weight.item() == pytest.approx(0.75 * 1.0 + 0.25 * 5.0)
    assert network.num_batches_tracked.item() == 8


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("paper", "metric_loss=cosine", "triplet or kl"),
        ("paper", "auxiliary_cross_entropy=0.5", "loss=infonce"),
        ("modern", "metric_loss=triplet", "loss=cross-entropy"),
        ("paper", "ema_decay=1.0", "below 1"),
        ("modern", "bad_weather=1.5", "at most 1"),
        ("modern", "bad_weather=-0.1", "at least 0"),
        ("paper", "accumulate=0", "at least 1"),
    ],
)
def test_losses_that_do_not_go_together_are_refused(name: str, change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(name, [change])
