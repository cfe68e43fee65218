"""From pixels to the network's input: the only place with a pixel mean and deviation.

Shapes: N images, S input side.
"""

import torch
from torch import Tensor

from model.config import Normalisation

MEAN_STD: dict[Normalisation, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "image": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Mean and standard deviation by RGB channel, of samples in 0..1."""

USUAL_MEAN = (0.41, 0.42, 0.39)
"""Mean by RGB channel that `image` gives every image, of samples in 0..1."""

USUAL_STD = 0.19
"""Mean of the channels' deviations that `image` gives every image."""

GAINS = (0.5, 3.0)
"""Least and largest factor of contrast of `image`. Our choice: water and snow stay smooth."""


def unit_range(pixels_N3SS: Tensor) -> Tensor:
    """Return 8-bit samples as float32 in 0..1."""
    return pixels_N3SS.float() / 255.0


def normalise(images_N3SS: Tensor, normalisation: Normalisation) -> Tensor:
    """Return samples in 0..1 on the backbone's scale: float32, channels last in memory."""
    mean, std = MEAN_STD[normalisation]
    device = images_N3SS.device
    if normalisation == "image":
        images_N3SS = usual_tones(images_N3SS)
    mean_311 = torch.tensor(mean, device=device).view(3, 1, 1)
    std_311 = torch.tensor(std, device=device).view(3, 1, 1)
    scaled = (images_N3SS - mean_311) / std_311
    return scaled.contiguous(memory_format=torch.channels_last)


def usual_tones(images_N3SS: Tensor) -> Tensor:
    """Return images with the usual means and contrast, whatever their light, sensor and season.

    Every channel gets its usual mean; all channels get one factor of contrast, so that hues are
    kept relative to the image's mean. Source: our choice; it takes the place of learning that dark
    and bright, bluish and reddish images of a place are alike.
    """
    mean_N311 = images_N3SS.mean(dim=(2, 3), keepdim=True)
    centred_N3SS = images_N3SS - mean_N311
    deviation_N311 = centred_N3SS.square().mean(dim=(2, 3), keepdim=True).sqrt()
    spread_N111 = deviation_N311.mean(dim=1, keepdim=True)
    gain_N111 = (USUAL_STD / spread_N111.clamp(min=1e-3)).clamp(*GAINS)
    usual_311 = torch.tensor(USUAL_MEAN, device=images_N3SS.device).view(3, 1, 1)
    return (centred_N3SS * gain_N111 + usual_311).clamp(0.0, 1.0)
