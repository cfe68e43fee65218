"""Batch warps and colour against independent computations; the optimizer's groups and schedule."""

import copy
import math
import platform
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.network import SafeNet
from training.errors import RecipeError
from training.learning.augmentation import PaperAugmentation, StrongAugmentation, jitter_colour
from training.learning.bad_weather import motion_blur, worsen_weather
from training.learning.cpu_speed import speed_up_depthwise
from training.learning.learner import freeze_stages
from training.learning.optimization import build_optimizer, build_scheduler
from training.learning.recipes import recipe
from training.learning.warps import FLAT_AS_FLOWN, random_homography, rotation, warp


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, side: int = 32) -> Tensor:
    return torch.rand((count, 3, side, side), generator=seeded(9))


def test_the_identity_warp_changes_nothing() -> None:
    images = pictures()
    torch.testing.assert_close(warp(images, torch.eye(3).repeat(4, 1, 1), 32), images)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_equals_rot90(turns: int) -> None:
    images = pictures()
    turned = warp(images, rotation(4, 90.0 * turns), 32)
    torch.testing.assert_close(turned, torch.rot90(images, turns, (2, 3)), atol=1e-5, rtol=0)


def test_a_homography_moves_a_point_where_plain_algebra_says() -> None:
    matrix = random_homography(1, FLAT_AS_FLOWN, seeded(4))[0]
    image = torch.zeros(1, 3, 256, 256)
    out_x, out_y = 0.21, -0.13
    x, y, w = (row[0] * out_x + row[1] * out_y + row[2] for row in matrix.tolist())
    column, row = ((x / w + 1) * 128 - 0.5, (y / w + 1) * 128 - 0.5)
    image[:, :, round(row) - 3 : round(row) + 4, round(column) - 3 : round(column) + 4] = 1.0
    seen = warp(image, matrix[None], 256)[0, 0]
    assert seen[round((out_y + 1) * 128 - 0.5), round((out_x + 1) * 128 - 0.5)] > 0.9
    assert seen.mean() < 0.05


def test_strong_augmentation_is_a_pure_function_of_its_generator() -> None:
    augment = StrongAugmentation(24)
    flat = torch.tensor([True, False, True, False])
    first = augment(pictures(), pictures(), flat, seeded(1))
    again = augment(pictures(), pictures(), flat, seeded(1))
    other = augment(pictures(), pictures(), flat, seeded(2))
    for view in (0, 1):
        assert torch.equal(first[view], again[view])
        assert not torch.equal(first[view], other[view])
        assert first[view].shape == (4, 3, 24, 24)
        assert first[view].min() >= 0
        assert first[view].max() <= 1


def test_paper_augmentation_only_flips_drone_images() -> None:
    images = pictures(16)
    _, drone = PaperAugmentation(32)(images, images, torch.zeros(16, dtype=torch.bool), seeded())
    kept = (drone - images).flatten(1).abs().amax(dim=1) < 1e-5
    flipped = (drone - images.flip(3)).flatten(1).abs().amax(dim=1) < 1e-5
    assert bool((kept ^ flipped).all())
    assert 0 < int(flipped.sum()) < 16


def test_colour_jitter_of_strength_zero_changes_nothing() -> None:
    images = pictures()
    torch.testing.assert_close(jitter_colour(images, 0.0, seeded()), images, atol=2e-4, rtol=0)


@pytest.fixture
def tiny() -> SafeNet:
    torch.manual_seed(0)
    return SafeNet(ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=8))


@pytest.mark.parametrize(
    ("side", "kernel", "step"), [(12, 5, 2), (12, 3, 3), (12, 3, 1), (13, 3, 2)]
)
def test_sped_up_depthwise_gives_the_same_values_and_gradients(
    side: int, kernel: int, step: int
) -> None:
    torch.manual_seed(0)
    padding = step * (kernel // 2)
    plain = torch.nn.Conv2d(6, 6, kernel, padding=padding, dilation=step, groups=6)
    quick = copy.deepcopy(plain)
    speed_up_depthwise(quick)
    results = []
    for layer in (plain, quick):
        cells = torch.randn(2, 6, side, side, generator=seeded()).requires_grad_()
        output = layer(cells)
        (output**2).sum().backward()
        assert layer.weight.grad is not None
        results.append((output.detach(), cells.grad, layer.weight.grad))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_motion_blur_smears_a_point_along_one_line_and_keeps_its_light() -> None:
    points = torch.zeros(3, 2, 32, 32)
    points[:, :, 16, 16] = 1.0
    smeared = motion_blur(points, 11, seeded())
    torch.testing.assert_close(smeared.sum(dim=(2, 3)), torch.ones(3, 2))
    assert (smeared > 0).sum(dim=(2, 3)).amax() <= 11
    assert (smeared > 0).sum(dim=(2, 3)).amin() >= 7


def test_worse_weather_changes_some_images_and_stays_in_range() -> None:
    before = torch.rand(64, 3, 32, 32, generator=seeded())
    after = worsen_weather(before, 0.5, seeded())
    assert after.amin() >= 0
    assert after.amax() <= 1
    changed = (after != before).flatten(1).any(dim=1)
    assert 16 <= int(changed.sum()) <= 48


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back")
def test_freed_memory_stays_with_the_process() -> None:
    program = (
        "import resource\nimport numpy as np\n"
        "from training.learning.cpu_speed import keep_freed_memory\n"
        "{call}\n"
        "for _ in range(3): np.full((64, 1024, 1024), 1.0)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(3): np.full((64, 1024, 1024), 1.0)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )

    def faults(call: str) -> int:
        command = [sys.executable, "-c", program.format(call=call)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    assert 20 * faults("keep_freed_memory()") < faults("pass")


def test_frozen_stages_keep_weights_and_statistics(tiny: SafeNet) -> None:
    backbone = tiny.backbones["both"]
    freeze_stages(backbone, 1)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    tiny.train().describe(torch.randn(4, 3, 128, 128)).sum().backward()
    moved = {key for key, value in backbone.state_dict().items() if not value.equal(before[key])}
    moved = {key for key in moved if "num_batches" not in key}
    assert moved
    assert not [key for key in moved if key.startswith(("network.bn1", "network.blocks.0"))]
    assert all(p.grad is None for p in backbone.network.blocks[0].parameters())  # type: ignore[union-attr, index]


def test_frozen_stages_need_a_backbone_that_has_some() -> None:
    with pytest.raises(RecipeError, match="frozen_stages = 2"):
        freeze_stages(torch.nn.Linear(2, 2), 2)


def test_the_papers_learning_rates_fall_tenfold_after_70_and_110_epochs(tiny: SafeNet) -> None:
    paper = recipe("paper").optimization
    optimizer = build_optimizer(tiny, paper)
    assert [group["lr"] for group in optimizer.param_groups] == [0.003, 0.0001, 0.01]
    assert {group["weight_decay"] for group in optimizer.param_groups} == {5e-4}
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimizer.param_groups)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        list(tiny.parameters())
    )
    factor = build_scheduler(optimizer, paper, 175).lr_lambdas[0]
    steps = (0, 70 * 175 - 1, 70 * 175, 110 * 175 - 1, 110 * 175)
    assert [round(factor(step), 6) for step in steps] == [1, 1, 0.1, 0.1, 0.01]


def test_the_cosine_schedule_warms_up_and_ends_at_zero(tiny: SafeNet) -> None:
    modern = recipe("modern", ["epochs=10", "warmup_epochs=1"]).optimization
    factor = build_scheduler(build_optimizer(tiny, modern), modern, 20).lr_lambdas[0]
    assert factor(0) == pytest.approx(1 / 20)
    assert factor(20) == pytest.approx(1.0)
    assert factor(110) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5)))
    assert factor(200) == pytest.approx(0.0, abs=1e-12)
