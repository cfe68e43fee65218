"""Global representation-guided feature alignment (FAM). Source: Safe-Net, Sec. III-B.

Shapes: B batch, C channels, H rows, W columns.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import Sampler


class FeatureAlignment(nn.Module):
    """Resamples the feature map by an affine transform that the global feature chooses.

    Starts as the identity: the last layer's weight is zero, its bias (1, 0, 0, 0, 1, 0).
    """

    def __init__(self, channels: int, hidden: int, sampler: Sampler) -> None:
        super().__init__()
        self.sampler = sampler
        self.localization = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 6)
        )
        last = self.localization[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def theta(self, global_BC: Tensor) -> Tensor:
        """Affine parameters [B, 2, 3], from output to input coordinates in [-1, 1] (Eq. 3)."""
        theta_B6: Tensor = self.localization(global_BC)
        return theta_B6.float().view(-1, 2, 3)

    def forward(self, map_BCHW: Tensor, global_BC: Tensor) -> Tensor:
        """The aligned map [B, C, H, W] (Eq. 4), in float32 whatever the autocast type is."""
        theta_B23 = self.theta(global_BC)
        with torch.autocast(map_BCHW.device.type, enabled=False):
            grid_BHW2 = functional.affine_grid(theta_B23, list(map_BCHW.shape), align_corners=True)
            return functional.grid_sample(
                map_BCHW.float(),
                grid_BHW2,
                mode=self.sampler,
                padding_mode="border",
                align_corners=True,
            )
