"""Weights at another input side than they were trained at.

Source: Table V's way to other sizes, and the authors' resizing of ImageNet's position embedding.
"""

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

from model.checkpoint import Checkpoint


def at_input_size(checkpoint: Checkpoint, input_size: int) -> Checkpoint:
    """Return the same weights for another side; position embeddings are resampled bilinearly."""
    state = {
        key: _resampled(value, input_size // 16) if key.endswith("pos_embed") else value
        for key, value in checkpoint.state.items()
    }
    config = dataclasses.replace(checkpoint.config, input_size=input_size)
    return dataclasses.replace(checkpoint, config=config, state=state)


def _resampled(embedding_1LC: Tensor, side: int) -> Tensor:
    """Return a ViT's position embedding on a side x side grid; its class token's stays."""
    tokens = embedding_1LC.shape[1]
    old = int(tokens**0.5)
    prefix = tokens - old * old
    cells = embedding_1LC[:, prefix:].float().transpose(1, 2)
    grid = cells.reshape(1, -1, old, old)
    grid = functional.interpolate(grid, size=side, mode="bilinear", align_corners=False)
    return torch.cat((embedding_1LC[:, :prefix].float(), grid.flatten(2).transpose(1, 2)), dim=1)
