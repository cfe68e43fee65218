"""Losses over the heads' embeddings.

Shapes: B batch, P heads, E embedding width, K classes, D descriptor length.
"""

import math
from typing import Any

import torch
from torch import Tensor, distributed, nn
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
        """Return logits [B, P, K]."""
        hidden_BPE = self.dropout(self.activation(embeddings_BPE))
        logits = [layer(hidden_BPE[:, head]) for head, layer in enumerate(self.layers)]
        return torch.stack(logits, dim=1)


def cross_entropy_over_heads(logits_BPK: Tensor, classes_B: Tensor, reduction: str) -> Tensor:
    """Return the heads' cross-entropy by Eq. 6: `mean` (authors' code) or `sum` (paper)."""
    heads = logits_BPK.shape[1]
    repeated_BP = classes_B[:, None].expand(-1, heads)
    mean = functional.cross_entropy(logits_BPK.float().flatten(0, 1), repeated_BP.flatten())
    return mean * heads if reduction == "sum" else mean


class _AllRows(torch.autograd.Function):
    """The rows of all processes; backwards, the sum of what every process found for its own."""

    @staticmethod
    def forward(_: Any, rows_BD: Tensor) -> Tensor:
        parts = [torch.empty_like(rows_BD) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows_BD.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, gradient_ND: Tensor) -> Tensor:
        total_ND = gradient_ND.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total_ND)
        return total_ND.chunk(distributed.get_world_size())[distributed.get_rank()]


def gathered(rows_BD: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of their ranks, with their gradients.

    Each process then computes the loss of the whole batch. A row's gradient is the sum over the
    processes, and averaging the weights' gradients over them gives that of one process.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return rows_BD
    found: Tensor = _AllRows.apply(rows_BD)
    return found


class SymmetricInfoNCE(nn.Module):
    """InfoNCE in both directions between the views of distinct places, with learned temperature.

    With several processes the places of all of them are each other's negatives.

    Source: Sample4Geo; label smoothing 0.1, temperature from 0.07.
    """

    def __init__(self, temperature: float, label_smoothing: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / temperature)))
        self.label_smoothing = label_smoothing

    def forward(self, satellite_BPE: Tensor, drone_BPE: Tensor) -> Tensor:
        """Return the loss of a batch in which row i of both views shows the same place."""
        scale = self.log_scale.exp().clamp(max=100.0)
        with torch.autocast(satellite_BPE.device.type, enabled=False):  # bfloat16 has 3 digits
            satellite_BD = gathered(descriptor(satellite_BPE))
            logits_BB = scale * satellite_BD @ gathered(descriptor(drone_BPE)).T
        target_B = torch.arange(len(logits_BB), device=logits_BB.device)
        there = functional.cross_entropy(logits_BB, target_B, label_smoothing=self.label_smoothing)
        back = functional.cross_entropy(logits_BB.T, target_B, label_smoothing=self.label_smoothing)
        return (there + back) / 2
