"""From encoded bytes to an upright 8-bit RGB picture, without trusting the bytes."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from model.errors import NotAnImageError, TooManyPixelsError, TruncatedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM")
"""Pillow decoders that may run; everything else is not an image to us."""

MAX_PIXELS = 200_000_000
"""Ours: twice the largest common survey camera (100 Mpx), 600 MB as RGB."""

ImageFile.LOAD_TRUNCATED_IMAGES = False


def open_image(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Image.Image:
    """Decode one image to upright RGB.

    EXIF orientation is applied; alpha is laid over black; CMYK, palette and grey become RGB;
    16-bit and float samples are stretched from their own minimum and maximum to 8 bit.

    Args:
        source: encoded bytes, or the path of an image file.
        max_pixels: refuse a larger width x height, checked before any pixel is decoded.
        min_side: let a JPEG be decoded at a reduced scale (a power of two) whose sides stay at
            least this long, px; several times faster for large photos. None: full size.

    Returns:
        An RGB picture.

    Raises:
        NotAnImageError: unknown format, or a header that cannot be read.
        TruncatedImageError: the header is good and the pixels are not.
        TooManyPixelsError: width x height is above max_pixels.
    """
    name = "the image" if isinstance(source, bytes) else source.name
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        # Our own bound below replaces Pillow's, and damaged metadata must not stop a good picture.
        warnings.simplefilter("ignore")
        try:
            image: Image.Image = Image.open(stream, formats=FORMATS)
        except FileNotFoundError:
            raise
        except Image.DecompressionBombError as error:
            raise TooManyPixelsError(_too_many(name, None, max_pixels)) from error
        except Exception as error:
            raise NotAnImageError(
                f"{name} is not an image that can be read; send {', '.join(FORMATS)}"
            ) from error
        with image:
            if image.width * image.height > max_pixels:
                raise TooManyPixelsError(_too_many(name, image.size, max_pixels))
            try:
                if min_side is not None:
                    image.draft("RGB", (min_side, min_side))
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                return _to_rgb(image)
            except Exception as error:
                raise TruncatedImageError(
                    f"{name} is truncated or damaged: its pixels cannot be decoded; send it again"
                ) from error


def _too_many(name: str, size: tuple[int, int] | None, max_pixels: int) -> str:
    declared = "more pixels" if size is None else f"{size[0]} x {size[1]} pixels"
    return f"{name} has {declared} than the limit of {max_pixels} allows; send a smaller one"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _stretched(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    samples = np.asarray(image, dtype=np.float32)
    low, high = float(samples.min()), float(samples.max())
    scaled = (samples - low) * (255.0 / max(high - low, 1e-6))
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
