"""What alignment and partition cost on top of their backbone, in inference and in training."""

from collections.abc import Callable

import torch
from figure import Figure, seconds_of
from torch import Tensor

from model.config import PAPER_BACKBONE, ModelConfig
from model.network import SafeNet

BATCH = 4
RUNS = 7
Step = Callable[[SafeNet, Tensor], None]


def run() -> dict[str, Figure]:
    """Time ratios of the paper's network to its baseline (global head alone), run by run."""
    torch.manual_seed(0)
    images_B3SS = torch.randn(BATCH, 3, 256, 256)
    full = _network(ModelConfig(backbone=PAPER_BACKBONE))
    baseline = _network(ModelConfig(backbone=PAPER_BACKBONE, alignment=False, partition="none"))
    return {
        "inference_fam_fpm_over_baseline": _ratio(full, baseline, images_B3SS, _infer),
        "train_step_fam_fpm_over_baseline": _ratio(full, baseline, images_B3SS, _train),
    }


def _network(config: ModelConfig) -> SafeNet:
    return SafeNet(config).to(memory_format=torch.channels_last)


def _ratio(full: SafeNet, baseline: SafeNet, images_B3SS: Tensor, step: Step) -> Figure:
    """Full and baseline turn by turn, so that a busy machine slows both."""
    ratios = []
    for turn in range(RUNS + 1):
        full_s = seconds_of(lambda: step(full, images_B3SS), runs=1, warm_up=0)[0]
        baseline_s = seconds_of(lambda: step(baseline, images_B3SS), runs=1, warm_up=0)[0]
        if turn:
            ratios.append(full_s / baseline_s)
    return Figure.of(ratios, "ratio")


def _infer(network: SafeNet, images_B3SS: Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network.describe(images_B3SS)


def _train(network: SafeNet, images_B3SS: Tensor) -> None:
    network.train()
    network.zero_grad()
    network(images_B3SS).square().mean().backward()
