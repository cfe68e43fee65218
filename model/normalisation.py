"""From pixels to the network's input: the only place with a pixel mean and deviation.

Shapes: N images, S input side.
"""

import torch
from torch import Tensor

from model.config import Normalisation

MEAN_STD: dict[Normalisation, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Mean and standard deviation by RGB channel, of samples in 0..1."""


def unit_range(pixels_N3SS: Tensor) -> Tensor:
    """Return 8-bit samples as float32 in 0..1."""
    return pixels_N3SS.float() / 255.0


def normalise(images_N3SS: Tensor, normalisation: Normalisation) -> Tensor:
    """Return samples in 0..1 on the backbone's scale: float32, channels last in memory."""
    mean, std = MEAN_STD[normalisation]
    device = images_N3SS.device
    mean_311 = torch.tensor(mean, device=device).view(3, 1, 1)
    std_311 = torch.tensor(std, device=device).view(3, 1, 1)
    scaled = (images_N3SS - mean_311) / std_311
    return scaled.contiguous(memory_format=torch.channels_last)
