"""The partition against a plain, loop-by-loop reference of the facts it follows."""

import itertools

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.errors import ConfigError
from model.partition import TIE, FeaturePartition, boundaries_from_saliency, ring_of_cell

PARTS = (1, 2, 4, 8)
POOLS = list(itertools.product(("max", "avg"), repeat=3))


def slow_boundaries(saliency: list[float], levels: int) -> list[int]:
    """Last ring of each part, by recursion; rings are 1-based."""

    tie = TIE * max(abs(value) for value in saliency)

    def divide(centre: int, margin: int, level: int) -> list[int]:
        if level == 0:
            return [margin]
        best, best_gap = centre, float("inf")
        for ring in range(centre, margin + 1):
            here = saliency[ring - 1]
            gap = abs(abs(saliency[centre - 1] - here) - abs(saliency[margin - 1] - here))
            if gap < best_gap - tie:
                best, best_gap = ring, gap
        room = 2 ** (level - 1)
        split = min(max(best, centre + room), margin - room + 1)
        return divide(centre, split - 1, level - 1) + divide(split, margin, level - 1)

    return divide(1, len(saliency), levels)


def slow_region(plane: Tensor, first: int, last: int, pool: str, true_region: bool) -> float:
    """Pool of rings first..last of one channel, in their zero-filled square or alone."""
    half = plane.shape[0] // 2
    values = []
    for y in range(half - last, half + last):
        for x in range(half - last, half + last):
            ring = max(int(abs(y - half + 0.5) + 0.5), int(abs(x - half + 0.5) + 0.5))
            if first <= ring <= last:
                values.append(float(plane[y, x]))
            elif not true_region:
                values.append(0.0)
    return max(values) if pool == "max" else sum(values) / len(values)


def slow_partition(feature_CHH: Tensor, config: ModelConfig) -> tuple[list[int], Tensor]:
    rings = feature_CHH.shape[1] // 2
    heat = feature_CHH.amax(0) if config.aggregate_pool == "max" else feature_CHH.mean(0)
    saliency = [
        slow_region(heat, ring, ring, config.saliency_pool, config.true_ring_saliency)
        for ring in range(1, rings + 1)
    ]
    saliency = torch.tensor(saliency, dtype=torch.float32).tolist()
    last = slow_boundaries(saliency, config.levels)
    parts = [
        [
            slow_region(plane, first + 1, end, config.part_pool, config.true_region_parts)
            for plane in feature_CHH
        ]
        for first, end in zip([0, *last[:-1]], last, strict=True)
    ]
    return last, torch.tensor(parts).T


def test_rings_are_nested_squares_around_the_centre() -> None:
    ring = ring_of_cell(6)
    assert ring[2:4, 2:4].unique().tolist() == [1]
    assert ring[0].unique().tolist() == [3]
    assert [(ring == number).sum().item() for number in (1, 2, 3)] == [4, 12, 20]


def test_an_odd_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="side 15"):
        ring_of_cell(15)


def test_a_constant_map_splits_at_1_2_4_8() -> None:
    partition = FeaturePartition(ModelConfig(), 16)
    assert partition.boundaries(torch.ones(1, 3, 16, 16)).tolist() == [[1, 2, 4, 8]]


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_boundaries_equal_the_recursive_reference_with_and_without_ties(levels: int) -> None:
    generator = torch.Generator().manual_seed(levels)
    continuous = torch.rand(400, 8, generator=generator)
    tied = torch.randint(0, 3, (400, 8), generator=generator).float()
    for saliency_BR in (continuous, tied, torch.ones(1, 8)):
        found = boundaries_from_saliency(saliency_BR, levels).tolist()
        assert found == [slow_boundaries(row, levels) for row in saliency_BR.tolist()]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_no_part_is_ever_empty(levels: int) -> None:
    saliency_BR = torch.randn(2000, 8, generator=torch.Generator().manual_seed(7))
    last_BK = boundaries_from_saliency(saliency_BR, levels)
    widths_BK = torch.diff(last_BK, dim=1, prepend=torch.zeros_like(last_BK[:, :1]))
    assert widths_BK.min() >= 1
    assert last_BK[:, -1].unique().tolist() == [8]


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(("aggregate", "saliency", "part"), POOLS)
def test_parts_equal_the_loops(parts: int, aggregate: str, saliency: str, part: str) -> None:
    for true_area in (False, True):
        config = ModelConfig(
            parts=parts,
            aggregate_pool=aggregate,  # type: ignore[arg-type]
            saliency_pool=saliency,  # type: ignore[arg-type]
            part_pool=part,  # type: ignore[arg-type]
            true_ring_saliency=true_area,
            true_region_parts=true_area,
        )
        generator = torch.Generator().manual_seed(parts)
        map_BCHH = torch.randn(3, 5, 16, 16, generator=generator)
        map_BCHH[2] = 1.0
        partition = FeaturePartition(config, 16)
        found_BCK = partition(map_BCHH)
        last_BK = partition.boundaries(map_BCHH)
        for index, feature_CHH in enumerate(map_BCHH):
            last, expected_CK = slow_partition(feature_CHH, config)
            assert last_BK[index].tolist() == last
            torch.testing.assert_close(found_BCK[index], expected_CK, atol=5e-7, rtol=1e-5)


def test_a_batch_equals_its_images_one_by_one() -> None:
    map_BCHH = torch.randn(6, 32, 16, 16, generator=torch.Generator().manual_seed(1))
    partition = FeaturePartition(ModelConfig(), 16)
    alone = torch.cat([partition(feature[None]) for feature in map_BCHH])
    torch.testing.assert_close(partition(map_BCHH), alone, atol=1e-6, rtol=0)


def test_rings_outside_the_span_of_their_ends_tie_and_the_first_wins() -> None:
    saliency = [0.07384, -0.01163, -0.00198, 0.01074, -0.00433, -0.02364, -0.00822, 0.00452]
    noise_BR = 1e-8 * torch.randn(500, 8, generator=torch.Generator().manual_seed(3))
    last_BK = boundaries_from_saliency(torch.tensor(saliency) + noise_BR, 2)
    assert last_BK.unique(dim=0).tolist() == [[1, 3, 4, 8]]


def test_lpn_rings_have_equal_width() -> None:
    partition = FeaturePartition(ModelConfig(partition="rings"), 16)
    assert partition.boundaries(torch.rand(2, 3, 16, 16)).tolist() == [[2, 4, 6, 8]] * 2


def test_fsra_bins_hold_the_hottest_cells_first() -> None:
    map_BCHH = torch.arange(256.0).view(1, 1, 16, 16)
    parts_BCK = FeaturePartition(ModelConfig(partition="heatmap"), 16)(map_BCHH)
    assert parts_BCK[0, 0].tolist() == [223.5, 159.5, 95.5, 31.5]


def test_more_parts_than_rings_are_refused() -> None:
    with pytest.raises(ConfigError, match="raise input_size"):
        FeaturePartition(ModelConfig(parts=8), 8)
