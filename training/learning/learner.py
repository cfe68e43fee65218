"""What is trained: the network and its criterion as one module.

Shapes: N places of a batch, S side, P heads, E embedding width, K classes.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from model.checkpoint import load_checkpoint
from model.network import SafeNet
from model.pretrained import load_imagenet
from training.learning.cpu_speed import freeze_stages, quicken_depthwise
from training.learning.losses import GeoTagClassifiers, SymmetricInfoNCE, cross_entropy_over_heads
from training.learning.metric_losses import MetricLoss
from training.learning.recipes import Recipe


class Learner(nn.Module):
    """Network and criterion as one module: pair batch in, loss out."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = SafeNet(recipe.model)
        self.criterion: nn.Module = (
            SymmetricInfoNCE(recipe.temperature, recipe.label_smoothing)
            if recipe.loss == "infonce"
            else GeoTagClassifiers(recipe.model, classes)
        )
        if recipe.auxiliary_cross_entropy:
            self.auxiliary = GeoTagClassifiers(recipe.model, classes)
        if recipe.metric_loss != "none":
            self.metric = MetricLoss(recipe.metric_loss, recipe.model.embedding_dim)

    def forward(self, satellite_N3SS: Tensor, drone_N3SS: Tensor, classes_N: Tensor) -> Tensor:
        """Scalar loss of a batch of normalised pairs."""
        satellite_NPE, drone_NPE = self._embeddings(satellite_N3SS, drone_N3SS)
        views_NPE = (satellite_NPE, drone_NPE)
        if self.recipe.loss == "infonce":
            loss: Tensor = self.criterion(*views_NPE)
            weight = self.recipe.auxiliary_cross_entropy
            if weight:
                logits = [self.auxiliary(view_NPE) for view_NPE in views_NPE]
                loss = loss + weight * self._cross_entropy(logits, classes_N)
            return loss
        logits = [self.criterion(view_NPE) for view_NPE in views_NPE]
        loss = self._cross_entropy(logits, classes_N)
        if self.recipe.metric_loss != "none":
            loss = loss + self.metric(views_NPE, logits, classes_N)
        return loss

    def _cross_entropy(self, logits: list[Tensor], classes_N: Tensor) -> Tensor:
        """Satellite's plus drone's."""
        reduction = self.recipe.head_reduction
        satellite, drone = (
            cross_entropy_over_heads(view_NPK, classes_N, reduction) for view_NPK in logits
        )
        return satellite + drone

    def _embeddings(self, satellite_N3SS: Tensor, drone_N3SS: Tensor) -> tuple[Tensor, Tensor]:
        if self.recipe.joint_batch and self.recipe.model.shared_backbone:
            both_NPE: Tensor = self.network(torch.cat((satellite_N3SS, drone_N3SS)))
            satellite_NPE, drone_NPE = both_NPE.chunk(2)
            return satellite_NPE, drone_NPE
        return self.network(satellite_N3SS, "satellite"), self.network(drone_N3SS, "drone")


def build_learner(recipe: Recipe, classes: int, initial_weights: Path | None) -> Learner:
    """A learner with given weights, ImageNet's, or random ones.

    Raises:
        CheckpointError: the weights are missing or do not fit the recipe's network.
    """
    learner = Learner(recipe, classes)
    if initial_weights is not None:
        checkpoint = load_checkpoint(initial_weights)
        load_trained(learner.network, checkpoint.network().state_dict())
    elif recipe.pretrained == "imagenet":
        for backbone in learner.network.backbones.values():
            load_imagenet(backbone, recipe.model)  # type: ignore[arg-type]
    for backbone in learner.network.backbones.values():
        freeze_stages(backbone, recipe.frozen_stages)
        quicken_depthwise(backbone)
    return learner.to(memory_format=torch.channels_last)


def load_trained(network: SafeNet, state: dict[str, Tensor]) -> None:
    """Load everything but the local features' whitening, which is fitted when a run ends."""
    trained = {key: value for key, value in state.items() if not key.startswith("local.")}
    own = {key: value for key, value in network.state_dict().items() if key.startswith("local.")}
    network.load_state_dict(trained | own, strict=True)
