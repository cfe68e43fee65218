"""What alignment and partition cost on top of their backbone, in inference and in training."""

from collections.abc import Callable

import torch
from figure import Figure, seconds_of
from torch import Tensor

from model.network import SafeNet
from training.learning.learner import Learner
from training.learning.optimization import build_optimizer
from training.learning.recipes import recipe

PLACES = 701
"""Classes of University-1652."""
RUNS = 7
BASELINE = ("model.alignment=false", "model.partition=none")


def run(
    device: torch.device | None = None, runs: int = RUNS, changes: tuple[str, ...] = ()
) -> dict[str, Figure]:
    """Time ratios of the paper's network to its baseline (global head alone), run by run.

    Args:
        device: None: the GPU where there is one.
        runs: number of pairs.
        changes: to the recipe, for a smaller network.
    """
    torch.manual_seed(0)
    used = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = 32 if used.type == "cuda" else 4
    images_B3SS = torch.randn(batch, 3, 256, 256, device=used)
    full, baseline = _learner(changes, used), _learner((*changes, *BASELINE), used)
    inference = _ratio(
        _inference(full.network, images_B3SS), _inference(baseline.network, images_B3SS), runs
    )
    training = _ratio(
        _training_step(full, images_B3SS), _training_step(baseline, images_B3SS), runs
    )
    return {
        "inference_fam_fpm_over_baseline": inference,
        "train_step_fam_fpm_over_baseline": training,
    }


def _learner(changes: tuple[str, ...], device: torch.device) -> Learner:
    chosen = recipe("paper", changes)
    return Learner(chosen, PLACES).to(device).to(memory_format=torch.channels_last)


def _ratio(full: Callable[[], None], baseline: Callable[[], None], runs: int) -> Figure:
    """Full and baseline turn by turn, so that a busy machine slows both; one turn is warm-up."""
    ratios = []
    for turn in range(runs + 1):
        full_s = seconds_of(full, runs=1, warm_up=0)[0]
        baseline_s = seconds_of(baseline, runs=1, warm_up=0)[0]
        if turn:
            ratios.append(full_s / baseline_s)
    return Figure.of(ratios, "ratio")


def _inference(network: SafeNet, images_B3SS: Tensor) -> Callable[[], None]:
    def describe() -> None:
        network.eval()
        with torch.inference_mode():
            network.describe(images_B3SS).cpu()

    return describe


def _training_step(learner: Learner, images_B3SS: Tensor) -> Callable[[], None]:
    """Half of the batch as satellite images, half as drone images: loss, gradient, step."""
    optimizer = build_optimizer(learner, learner.recipe.optimization)
    satellite, drone = images_B3SS.chunk(2)
    classes_N = torch.arange(len(satellite), device=images_B3SS.device)

    def step() -> None:
        learner.train()
        optimizer.zero_grad(set_to_none=True)
        loss: Tensor = learner(satellite, drone, classes_N)
        loss.backward()
        optimizer.step()
        loss.item()

    return step
