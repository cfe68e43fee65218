"""Drawing over an image for the figures: heat, alignment and rings."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def heated(image: Image.Image, heat_HH: NDArray[np.float32]) -> Image.Image:
    """Return an image under a half-transparent map of 0..1, from blue to red."""
    grey = Image.fromarray((heat_HH * 255).astype(np.uint8)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    coloured = colormaps["jet"](np.asarray(grey))[..., :3]
    overlay = Image.fromarray((coloured * 255).astype(np.uint8))
    return Image.blend(image.convert("RGB"), overlay, 0.5)


def aligned(image: Image.Image, theta_23: NDArray[np.float32]) -> Image.Image:
    """Return the image warped by an affine map from output to input, both in [-1, 1]."""
    half = image.width / 2
    a, b, c = (float(value) for value in theta_23[0])
    d, e, f = (float(value) for value in theta_23[1])
    moved = (a, b, half * (1 + c - a - b), d, e, half * (1 + f - d - e))
    return image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)


def ringed(image: Image.Image, half_sides: Sequence[float]) -> Image.Image:
    """Return the image with square outlines around the centre, in shares of the half side."""
    drawn = image.convert("RGB").copy()
    draw, half = ImageDraw.Draw(drawn), image.width / 2
    for share in half_sides:
        low, high = half * (1 - share), half * (1 + share) - 1
        draw.rectangle((low, low, high, high), outline="#ffd400", width=max(image.width // 80, 1))
    return drawn
