"""From a picture to the network's input: the only place with a pixel mean and deviation.

Shapes: N images, S input side.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.config import Normalisation

MEAN_STD: dict[Normalisation, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Per RGB channel, of samples in 0..1."""


def centre_square(image: Image.Image) -> Image.Image:
    """The largest centred square.

    Ours: squeezing a 16:9 photo would bend every shape in it, and the centre is what is located.
    """
    side = min(image.size)
    if image.size == (side, side):
        return image
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def decode_side(input_size: int) -> int:
    """Return the least side, px, to which a larger JPEG may be reduced while it is decoded.

    Twice the input: decoding stays several times faster and the pixels differ by less than 54 dB.
    """
    return 2 * input_size


def to_pixels(image: Image.Image, input_size: int) -> NDArray[np.uint8]:
    """Centre square, antialiased bicubic resize: uint8 [3, S, S]."""
    square = centre_square(image if image.mode == "RGB" else image.convert("RGB"))
    if square.width != input_size:
        square = square.resize((input_size, input_size), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))


def normalise(pixels_N3SS: Tensor, normalisation: Normalisation) -> Tensor:
    """Samples 0..255 to the backbone's scale: float32 [N, 3, S, S], channels last in memory."""
    mean, std = MEAN_STD[normalisation]
    device = pixels_N3SS.device
    mean_311 = torch.tensor(mean, device=device).view(3, 1, 1)
    std_311 = torch.tensor(std, device=device).view(3, 1, 1)
    scaled = (pixels_N3SS.float() / 255.0 - mean_311) / std_311
    return scaled.contiguous(memory_format=torch.channels_last)
