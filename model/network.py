"""Safe-Net, wired: backbone → alignment → partition → embedding heads → descriptor.

Shapes: B batch, S input side, C channels, H rows = columns, P heads (parts, then global),
E embedding width, D = P * E descriptor length, L length of the local features.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.alignment import FeatureAlignment
from model.backbones import Backbone, build_backbone
from model.config import ModelConfig
from model.local_features import LocalFeatures
from model.partition import FeaturePartition

View = Literal["satellite", "drone"]


@dataclass(frozen=True)
class Inspection:
    """What the network did to a batch: the material of Fig. 9."""

    theta_B23: Tensor
    """Affine alignment, output to input coordinates in [-1, 1]; identity without FAM."""
    boundaries_BK: Tensor | None
    """Last ring of each part, of map_side / 2 rings; None without square rings."""
    heat_BHH: Tensor
    """Mean activation of the aligned map."""


class EmbeddingHead(nn.Module):
    """Linear to the embedding width, then batch normalization; the BN output is the embedding.

    Source: Sec. III-D.1 (the class layer that follows lives with training).
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, width)
        self.norm = nn.BatchNorm1d(width)
        nn.init.kaiming_normal_(self.linear.weight, a=0, mode="fan_out")
        nn.init.zeros_(self.linear.bias)
        nn.init.normal_(self.norm.weight, 1.0, 0.02)

    def forward(self, feature_BC: Tensor) -> Tensor:
        """Embedding [B, E]."""
        embedding_BE: Tensor = self.norm(self.linear(feature_BC))
        return embedding_BE


class SafeNet(nn.Module):
    """The network of the paper, in every variant of its tables. Source: Safe-Net, Sec. III."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        views = ("both",) if config.shared_backbone else ("satellite", "drone")
        self.backbones = nn.ModuleDict({view: build_backbone(config) for view in views})
        backbone = self._backbone(None if config.shared_backbone else "drone")
        self.map_side, channels = backbone.map_side, backbone.channels
        self.alignment = (
            FeatureAlignment(channels, config.alignment_hidden, config.sampler)
            if config.alignment
            else None
        )
        self.partition = (
            FeaturePartition(config, self.map_side) if config.partition != "none" else None
        )
        self.part_heads = nn.ModuleList(
            EmbeddingHead(channels, config.embedding_dim) for _ in range(config.part_heads)
        )
        self.global_head = EmbeddingHead(channels, config.embedding_dim)
        self.local = LocalFeatures(channels, config.local_dim) if config.local_dim else None
        if config.freeze_backbone:
            self.backbones.requires_grad_(False)

    def forward(self, pixels_B3SS: Tensor, view: View | None = None) -> Tensor:
        """Embeddings before normalization, parts inner to outer and the global one last.

        | step       | shape        |
        |------------|--------------|
        | backbone   | [B, C, H, H], [B, C] |
        | alignment  | [B, C, H, H] |
        | partition  | [B, C, K]    |
        | heads      | [B, P, E]    |

        Args:
            pixels_B3SS: normalised images, float.
            view: which backbone, where the two views do not share one.
        """
        map_BCHH, global_BC = self.features(pixels_B3SS, view)
        return self._embeddings(self._aligned(map_BCHH, global_BC), global_BC)

    def features(self, pixels_B3SS: Tensor, view: View | None = None) -> tuple[Tensor, Tensor]:
        """The backbone's map [B, C, H, H] and global feature [B, C]."""
        map_BCHH, global_BC = self._backbone(view)(pixels_B3SS)
        return map_BCHH, global_BC

    def _aligned(self, map_BCHH: Tensor, global_BC: Tensor) -> Tensor:
        if self.alignment is None:
            return map_BCHH
        aligned_BCHH: Tensor = self.alignment(map_BCHH, global_BC)
        return aligned_BCHH

    def _embeddings(self, aligned_BCHH: Tensor, global_BC: Tensor) -> Tensor:
        parts_BCK = self._parts(aligned_BCHH)
        embeddings = [head(parts_BCK[:, :, index]) for index, head in enumerate(self.part_heads)]
        return torch.stack([*embeddings, self.global_head(global_BC)], dim=1)

    def describe(self, pixels_B3SS: Tensor, view: View | None = None) -> Tensor:
        """Unit-length descriptors [B, D] for the cosine distance, float32."""
        return descriptor(self(pixels_B3SS, view))

    def describe_with_local(self, pixels_B3SS: Tensor, view: View | None = None) -> Tensor:
        """Return descriptors, then local features if there are any: float32 [B, D + L]."""
        map_BCHH, global_BC = self.features(pixels_B3SS, view)
        return self._rows(map_BCHH, self._aligned(map_BCHH, global_BC), global_BC)

    def describe_and_inspect(
        self, pixels_B3SS: Tensor, view: View | None = None
    ) -> tuple[Tensor, Inspection]:
        """Return what `describe_with_local` returns, and how the network came to it."""
        map_BCHH, global_BC = self.features(pixels_B3SS, view)
        aligned_BCHH = self._aligned(map_BCHH, global_BC)
        rows_BD = self._rows(map_BCHH, aligned_BCHH, global_BC)
        return rows_BD, self._inspection(aligned_BCHH, global_BC)

    def _rows(self, map_BCHH: Tensor, aligned_BCHH: Tensor, global_BC: Tensor) -> Tensor:
        rows_BD = descriptor(self._embeddings(aligned_BCHH, global_BC))
        return rows_BD if self.local is None else torch.cat((rows_BD, self.local(map_BCHH)), dim=1)

    def inspect(self, pixels_B3SS: Tensor, view: View | None = None) -> Inspection:
        """Return alignment, boundaries and heat of a batch."""
        map_BCHH, global_BC = self.features(pixels_B3SS, view)
        return self._inspection(self._aligned(map_BCHH, global_BC), global_BC)

    def _inspection(self, aligned_BCHH: Tensor, global_BC: Tensor) -> Inspection:
        aligned_BCHH = aligned_BCHH.float()
        if self.alignment is None:
            identity_23 = torch.eye(2, 3, device=aligned_BCHH.device)
            theta_B23 = identity_23.expand(aligned_BCHH.shape[0], 2, 3)
        else:
            theta_B23 = self.alignment.theta(global_BC)
        ringed = self.partition is not None and self.config.partition != "heatmap"
        last_BK = self.partition.boundaries(aligned_BCHH) if self.partition and ringed else None
        return Inspection(theta_B23, last_BK, aligned_BCHH.mean(dim=1))

    def train(self, mode: bool = True) -> "SafeNet":
        """Training mode; a frozen backbone stays in evaluation mode (Table X, "Fixed")."""
        super().train(mode)
        if self.config.freeze_backbone:
            self.backbones.eval()
        return self

    def _parts(self, map_BCHH: Tensor) -> Tensor:
        if self.partition is not None:
            parts_BCK: Tensor = self.partition(map_BCHH)
            return parts_BCK
        return map_BCHH.float().mean(dim=(2, 3))[:, :, None]

    def _backbone(self, view: View | None) -> Backbone:
        key = "both" if self.config.shared_backbone else (view or "drone")
        backbone = self.backbones[key]
        assert isinstance(backbone, Backbone)
        return backbone


def descriptor(embeddings_BPE: Tensor) -> Tensor:
    """Each embedding to unit length, all divided by sqrt(P), interleaved: [B, E * P] unit rows.

    Index = channel * P + part, the authors' order. Source: Sec. III-D.3.
    """
    unit_BPE = functional.normalize(embeddings_BPE.float(), dim=2)
    heads = embeddings_BPE.shape[1]
    rows_BD: Tensor = (unit_BPE / heads**0.5).transpose(1, 2).flatten(1)
    return rows_BD
