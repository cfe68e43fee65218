"""From a picture to the model's 8-bit input.

Shapes: S input side.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def centre_square(image: Image.Image) -> Image.Image:
    """Return the largest centred square.

    Our choice: squeezing a 16:9 photo would bend every shape in it, and its centre is what is
    located.
    """
    side = min(image.size)
    if image.size == (side, side):
        return image
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def decode_side(input_size: int) -> int:
    """Return the least side, px, to which a larger JPEG may be reduced while it is decoded.

    Twice the input: decoding is several times faster and still close to one at full size.
    """
    return 2 * input_size


def to_pixels(image: Image.Image, input_size: int) -> NDArray[np.uint8]:
    """Return the centre square, resized bicubically with antialiasing: uint8 [3, S, S]."""
    square = centre_square(image if image.mode == "RGB" else image.convert("RGB"))
    if square.width != input_size:
        square = square.resize((input_size, input_size), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))
