"""Drawing for the figures: sheets of framed tiles with captions, heat over an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw

GREEN, RED, PLAIN = "#1a9850", "#d73027", "#ffffff"
TILE_PX = 160
GAP_PX = 8
CAPTION_PX = 14
FRAME_PX = 5


@dataclass(frozen=True)
class Tile:
    """One image of a sheet."""

    image: Image.Image
    caption: str = ""
    frame: str = PLAIN


def sheet(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """Return rows of tiles, each square and captioned, on white."""
    step = TILE_PX + 2 * FRAME_PX + GAP_PX
    width = max(len(row) for row in rows) * step + GAP_PX
    page = Image.new("RGB", (width, len(rows) * (step + CAPTION_PX) + GAP_PX), PLAIN)
    draw = ImageDraw.Draw(page)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            left, top = GAP_PX + x * step, GAP_PX + y * (step + CAPTION_PX)
            framed = Image.new("RGB", (step - GAP_PX, step - GAP_PX), tile.frame)
            small = tile.image.convert("RGB").resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC)
            framed.paste(small, (FRAME_PX, FRAME_PX))
            page.paste(framed, (left, top))
            draw.text((left, top + step - GAP_PX), tile.caption, fill="#222222")
    return page


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
