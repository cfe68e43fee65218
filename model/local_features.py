"""Local features of the map: a coarse grid of what lies where, for `verification`.

Shapes: B batch, C channels, H rows = columns, G cells of the grid
(LOCAL_SIDE squared, row by row), E features of a cell, L = G * E.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import LOCAL_SIDE
from model.errors import ConfigError


class LocalFeatures(nn.Module):
    """Cells of the backbone's map, whitened to fewer dimensions by principal components.

    Nothing here is trained by descent: `training/learning/whitening.py` fits mean and projection.
    Source: whitening as in R-MAC and DELG.

    Raises:
        ConfigError: more features than the map has channels.
    """

    mean_C: Tensor
    projection_CE: Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        if width > channels:
            raise ConfigError(f"local_dim = {width}: the map has only {channels} channels")
        self.register_buffer("mean_C", torch.zeros(channels))
        self.register_buffer("projection_CE", torch.eye(channels, width))

    def forward(self, map_BCHH: Tensor) -> Tensor:
        """Features [B, L], float32, cells not yet of unit length."""
        with torch.autocast(map_BCHH.device.type, enabled=False):
            return ((cells(map_BCHH) - self.mean_C) @ self.projection_CE).flatten(1)


def cells(map_BCHH: Tensor) -> Tensor:
    """The map's channels averaged over a grid of cells: float32 [B, G, C]."""
    pooled_BCSS = functional.adaptive_avg_pool2d(map_BCHH.float(), LOCAL_SIDE)
    return pooled_BCSS.flatten(2).transpose(1, 2)
