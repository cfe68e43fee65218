"""The module that is trained: network and criterion together.

Shapes: N places of a batch, S side, P heads, E embedding width, K classes.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import load_checkpoint
from model.network import SafeNet
from model.pretrained import load_imagenet
from training.errors import RecipeError
from training.learning.cpu_speed import speed_up_depthwise
from training.learning.losses import GeoTagClassifiers, SymmetricInfoNCE, cross_entropy_over_heads
from training.learning.metric_losses import MetricLoss
from training.learning.recipe import Recipe


class Learner(nn.Module):
    """Network and criterion as one module, from a batch of pairs to its loss."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = SafeNet(recipe.model)
        self.criterion: nn.Module = (
            SymmetricInfoNCE(recipe.objective.temperature, recipe.objective.label_smoothing)
            if recipe.objective.loss == "infonce"
            else GeoTagClassifiers(recipe.model, classes)
        )
        if recipe.objective.auxiliary_cross_entropy:
            self.auxiliary = GeoTagClassifiers(recipe.model, classes)
        if recipe.objective.metric_loss != "none":
            self.metric = MetricLoss(recipe.objective.metric_loss, recipe.model.embedding_dim)

    def forward(self, satellite_N3SS: Tensor, drone_N3SS: Tensor, classes_N: Tensor) -> Tensor:
        """Return the scalar loss of a batch of normalised pairs."""
        satellite_NPE, drone_NPE = self._embeddings(satellite_N3SS, drone_N3SS)
        views_NPE = (satellite_NPE, drone_NPE)
        if self.recipe.objective.loss == "infonce":
            loss: Tensor = self.criterion(*views_NPE)
            weight = self.recipe.objective.auxiliary_cross_entropy
            if weight:
                logits = [self.auxiliary(view_NPE) for view_NPE in views_NPE]
                loss = loss + weight * self._cross_entropy(logits, classes_N)
            return loss
        logits = [self.criterion(view_NPE) for view_NPE in views_NPE]
        loss = self._cross_entropy(logits, classes_N)
        if self.recipe.objective.metric_loss != "none":
            loss = loss + self.metric(views_NPE, logits, classes_N)
        return loss

    def _cross_entropy(self, logits: list[Tensor], classes_N: Tensor) -> Tensor:
        """Return the sum of both views' cross-entropy."""
        reduction = self.recipe.objective.head_reduction
        satellite, drone = (
            cross_entropy_over_heads(view_NPK, classes_N, reduction) for view_NPK in logits
        )
        return satellite + drone

    def _embeddings(self, satellite_N3SS: Tensor, drone_N3SS: Tensor) -> tuple[Tensor, Tensor]:
        if self.recipe.sampling.joint_batch and self.recipe.model.shared_backbone:
            both_NPE: Tensor = self.network(torch.cat((satellite_N3SS, drone_N3SS)))
            satellite_NPE, drone_NPE = both_NPE.chunk(2)
            return satellite_NPE, drone_NPE
        return self.network(satellite_N3SS, "satellite"), self.network(drone_N3SS, "drone")


def build_learner(recipe: Recipe, classes: int, initial_weights: Path | None) -> Learner:
    """Return a learner with given weights, ImageNet's, or random ones.

    Raises:
        CheckpointError: the weights are missing or do not fit the recipe's network.
    """
    learner = Learner(recipe, classes)
    if initial_weights is not None:
        checkpoint = load_checkpoint(initial_weights)
        load_trained(learner.network, checkpoint.network().state_dict())
    elif recipe.start.pretrained == "imagenet":
        for backbone in learner.network.backbones.values():
            load_imagenet(backbone, recipe.model)  # type: ignore[arg-type]
    for backbone in learner.network.backbones.values():
        freeze_stages(backbone, recipe.start.frozen_stages)
        speed_up_depthwise(backbone)
    return learner.to(memory_format=torch.channels_last)


def load_trained(network: SafeNet, state: dict[str, Tensor]) -> None:
    """Load all weights except the local features' whitening, which a run fits at its end."""
    trained = {key: value for key, value in state.items() if not key.startswith("local.")}
    own = {key: value for key, value in network.state_dict().items() if key.startswith("local.")}
    network.load_state_dict(trained | own, strict=True)


def freeze_stages(backbone: nn.Module, stages: int) -> None:
    """Freeze a timm CNN's stem and first stages, including their running statistics.

    Raises:
        RecipeError: the backbone has no such stages.
    """
    if not stages:
        return
    network: Any = getattr(backbone, "network", None)
    if not hasattr(network, "blocks") or not hasattr(network, "conv_stem"):
        raise RecipeError(f"frozen_stages = {stages}: only EfficientNet-like backbones have stages")
    frozen = nn.ModuleList([network.conv_stem, network.bn1, *network.blocks[:stages]])
    frozen.requires_grad_(False)
    for module in frozen.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
