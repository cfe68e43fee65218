"""Losses over the heads' embeddings.

Shapes: B batch, P heads, E embedding width, K classes, D descriptor length.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import ModelConfig
from model.network import descriptor


class GeoTagClassifiers(nn.Module):
    """A class layer per head: [LeakyReLU,] Dropout 0.5, Linear. Source: Sec. III-D.1."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.activation = nn.LeakyReLU(0.1) if config.leaky_relu else nn.Identity()
        self.dropout = nn.Dropout(0.5)
        self.layers = nn.ModuleList(
            nn.Linear(config.embedding_dim, classes) for _ in range(config.heads)
        )
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=0.001)
            nn.init.zeros_(layer.bias)

    def forward(self, embeddings_BPE: Tensor) -> Tensor:
        """Logits [B, P, K]."""
        hidden_BPE = self.dropout(self.activation(embeddings_BPE))
        logits = [layer(hidden_BPE[:, head]) for head, layer in enumerate(self.layers)]
        return torch.stack(logits, dim=1)


def cross_entropy_over_heads(logits_BPK: Tensor, classes_B: Tensor, reduction: str) -> Tensor:
    """Eq. 6: cross-entropy of every head, `mean` (the authors' code) or `sum` (the paper)."""
    heads = logits_BPK.shape[1]
    repeated_BP = classes_B[:, None].expand(-1, heads)
    mean = functional.cross_entropy(logits_BPK.float().flatten(0, 1), repeated_BP.flatten())
    return mean * heads if reduction == "sum" else mean


class SymmetricInfoNCE(nn.Module):
    """InfoNCE both ways between the views of a batch of distinct places, temperature learned.

    The last `memory` descriptors of either view are further negatives, without a gradient.

    Source: Sample4Geo, label smoothing 0.1, temperature from 0.07; Wang et al., Cross-Batch
    Memory for Embedding Learning, CVPR 2020.
    """

    satellite_MD: Tensor
    drone_MD: Tensor
    places_M: Tensor

    def __init__(
        self, temperature: float, label_smoothing: float, descriptor_dim: int, memory: int = 0
    ) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / temperature)))
        self.label_smoothing = label_smoothing
        self.register_buffer("satellite_MD", torch.zeros(memory, descriptor_dim))
        self.register_buffer("drone_MD", torch.zeros(memory, descriptor_dim))
        self.register_buffer("places_M", torch.full((memory,), -1))

    def forward(self, satellite_BPE: Tensor, drone_BPE: Tensor, places_B: Tensor) -> Tensor:
        """Loss of a batch whose row i of either view shows place i."""
        scale = self.log_scale.exp().clamp(max=100.0)
        satellite_BD, drone_BD = descriptor(satellite_BPE), descriptor(drone_BPE)
        with torch.autocast(satellite_BD.device.type, enabled=False):
            there = self._loss(scale * satellite_BD, drone_BD, self.drone_MD, places_B)
            back = self._loss(scale * drone_BD, satellite_BD, self.satellite_MD, places_B)
        if self.training:
            self._remember(satellite_BD.detach(), drone_BD.detach(), places_B)
        return (there + back) / 2

    def _loss(
        self, scaled_BD: Tensor, others_BD: Tensor, memory_MD: Tensor, places_B: Tensor
    ) -> Tensor:
        """Cross-entropy of row i choosing row i of the others; smoothed over the batch alone."""
        absent_BM = (self.places_M < 0) | (self.places_M == places_B[:, None])
        remembered_BM = (scaled_BD @ memory_MD.T).masked_fill(absent_BM, -torch.inf)
        logits = torch.cat((scaled_BD @ others_BD.T, remembered_BM), dim=1)
        log_share_BB = logits.log_softmax(dim=1)[:, : len(places_B)]
        smoothed = self.label_smoothing * log_share_BB.mean()
        return -(1 - self.label_smoothing) * log_share_BB.diagonal().mean() - smoothed

    def _remember(self, satellite_BD: Tensor, drone_BD: Tensor, places_B: Tensor) -> None:
        kept = len(self.places_M)
        self.satellite_MD = torch.cat((satellite_BD, self.satellite_MD))[:kept]
        self.drone_MD = torch.cat((drone_BD, self.drone_MD))[:kept]
        self.places_M = torch.cat((places_B, self.places_M))[:kept]
