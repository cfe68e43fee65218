"""Table IX's losses, added to cross-entropy. Triplet and contrastive are pytorch-metric-learning's.

Shapes: N places of a batch, P heads, E embedding width, K classes, M = 2 N images of both views.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

TRIPLET_MARGIN = 0.3
"""Source: Table IX."""


class MetricLoss(nn.Module):
    """One of Table IX's losses, averaged over the heads."""

    def __init__(self, kind: str, embedding_dim: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "verification":
            self.same_or_not = nn.Linear(embedding_dim, 2)
        elif kind in ("triplet", "contrastive"):
            self.loss, self.miner = _library_loss(kind)

    def forward(
        self, views_NPE: Sequence[Tensor], logits_NPK: Sequence[Tensor], classes_N: Tensor
    ) -> Tensor:
        """Return the scalar loss of the satellite's and the drone's embeddings and class logits."""
        if self.kind == "kl":
            return symmetric_kl(*logits_NPK)
        both_MPE = torch.cat(list(views_NPE)).float()
        classes_M = classes_N.repeat(2)
        heads = [self._of_head(both_ME, classes_M) for both_ME in both_MPE.unbind(dim=1)]
        return torch.stack(heads).mean()

    def _of_head(self, both_ME: Tensor, classes_M: Tensor) -> Tensor:
        if self.kind == "verification":
            return self._verification(both_ME, classes_M)
        hard = self.miner(both_ME, classes_M) if self.miner is not None else None
        loss: Tensor = self.loss(both_ME, classes_M, hard)
        return loss

    def _verification(self, both_ME: Tensor, classes_M: Tensor) -> Tensor:
        """Return the loss of classifying each satellite-drone pair as the same place or not.

        Source: Zheng et al., the paper's [58].
        """
        satellite_NE, drone_NE = functional.normalize(both_ME, dim=1).chunk(2)
        satellite_N, drone_N = classes_M.chunk(2)
        squared_NNE = (satellite_NE[:, None] - drone_NE[None]).square()
        same_NN = (satellite_N[:, None] == drone_N[None]).long()
        return functional.cross_entropy(
            self.same_or_not(squared_NNE).flatten(0, 1).float(), same_NN.flatten()
        )


def symmetric_kl(satellite_NPK: Tensor, drone_NPK: Tensor) -> Tensor:
    """Return the mean of both directions' KL divergence between the views' class probabilities."""
    satellite = satellite_NPK.float().log_softmax(dim=2).flatten(0, 1)
    drone = drone_NPK.float().log_softmax(dim=2).flatten(0, 1)
    there = functional.kl_div(satellite, drone, reduction="batchmean", log_target=True)
    back = functional.kl_div(drone, satellite, reduction="batchmean", log_target=True)
    return (there + back) / 2


def _library_loss(kind: str) -> tuple[nn.Module, nn.Module | None]:
    from pytorch_metric_learning import distances, losses, miners

    if kind == "contrastive":
        return losses.ContrastiveLoss(), None
    euclidean = distances.LpDistance(normalize_embeddings=True)
    return (
        losses.TripletMarginLoss(margin=TRIPLET_MARGIN, distance=euclidean),
        miners.BatchHardMiner(distance=euclidean),
    )
