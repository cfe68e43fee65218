"""Sheets of framed images with captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from model.images import open_image
from model.preprocessing import centre_square

GREEN, RED, PLAIN = "#1a9850", "#d73027", "#ffffff"
TILE_PX = 160
GAP_PX = 8
CAPTION_PX = 14
SHOWN_PX = 256
"""Side of an image before it is drawn on or framed, pixels."""
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


def square_image(file: Path) -> Image.Image:
    """Return the centre square of an image file, SHOWN_PX wide.

    Raises:
        ImageError: the file is unreadable.
    """
    square = centre_square(open_image(file, min_side=SHOWN_PX))
    return square.resize((SHOWN_PX, SHOWN_PX), Image.Resampling.BICUBIC)
