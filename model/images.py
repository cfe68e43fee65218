"""From encoded bytes to an upright 8-bit RGB picture, without trusting the bytes."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from pi_heif import register_heif_opener
from PIL import ExifTags, Image, ImageFile, ImageOps

from model.errors import NotAnImageError, TooManyPixelsError, TruncatedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "AVIF", "HEIF")
"""Pillow decoders that may run; everything else is not an image to us. HEIF includes HEIC."""

_DECODERS = tuple(name for name in FORMATS if name != "MPO")
"""Pillow's JPEG decoder opens MPO too and has no other name for it."""

MAX_PIXELS = 200_000_000
"""Our choice: twice the largest common survey camera (100 Mpx), 600 MB as RGB."""

BAND_ROWS = 256
"""Rows of an image that are converted at a time. Our choice."""

ImageFile.LOAD_TRUNCATED_IMAGES = False


DECODED_SIDE_PX = 640
"""Length that the sides of a JPEG keep at least when it is decoded for a gallery, px.

Our choice: what a gallery stores as a picture, and three times the shipped weights' input.
"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded image and what its header says."""

    image: Image.Image
    """Upright RGB; smaller than the file's own size where it was decoded at a reduced scale."""
    width_px: int
    """Width of the upright image at the file's full size."""
    height_px: int
    """Height of the upright image at the file's full size."""
    format: str
    """Pillow's name of the format: JPEG, PNG, …"""
    exif: Image.Exif
    """EXIF tags as the file has them, with the GPS and Exif directories; empty if damaged."""
    xmp: bytes
    """The XMP packet; empty without one."""
    opaque: float
    """Share of pixels that are not fully transparent, 0..1."""
    as_stored: bool
    """Whether the file's samples are already upright 8-bit RGB."""


@cache
def _register_heif() -> None:
    # Decodes only, so that no encoder of another licence comes with it.
    register_heif_opener(thumbnails=False)


def open_header(source: IO[bytes] | Path) -> Image.Image:
    """Open an image of the formats that may be decoded; no pixel is decoded yet.

    Raises:
        Exception: whatever Pillow's decoders raise for what is no such image.
    """
    _register_heif()
    return Image.open(source, formats=_DECODERS)


def open_image(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> Image.Image:
    """Decode one image to upright RGB; `open_picture` says how, and what it raises."""
    return open_picture(source, max_pixels=max_pixels, min_side=min_side).image


def open_picture(
    source: bytes | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    min_side: int | None = None,
    decoding: Callable[[Image.Image], AbstractContextManager[None]] | None = None,
) -> Picture:
    """Decode one image to upright RGB and keep what its header says.

    EXIF orientation is applied; alpha is laid over black; CMYK, palette and grey become RGB;
    16-bit and float samples are stretched from their own minimum and maximum to 8 bit.

    Args:
        source: encoded bytes, or the path of an image file.
        max_pixels: refuse a larger width x height, checked before any pixel is decoded.
        min_side: let a JPEG be decoded at a reduced scale (a power of two) whose sides stay at
            least this long, px; several times faster for large photos. None: full size.
        decoding: context manager around the decoding, given the opened image at the scale at
            which it is decoded; it may wait for memory, or refuse.

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
            image = open_header(stream)
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
            size = image.size
            if min_side is not None:
                image.draft("RGB", (min_side, min_side))
            with nullcontext() if decoding is None else decoding(image):
                try:
                    return _decoded(image, size)
                except Exception as error:
                    raise TruncatedImageError(
                        f"{name} is truncated or damaged: its pixels cannot be decoded; "
                        "send it again"
                    ) from error


def _decoded(image: Image.Image, size: tuple[int, int]) -> Picture:
    """Decode an opened image whose size before any draft was `size`."""
    exif, kind = _exif(image), image.format or ""
    image.load()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    as_stored = image.mode == "RGB" and not image.has_transparency_data and orientation == 1
    xmp = image.info.get("xmp") or b""
    ImageOps.exif_transpose(image, in_place=True)
    rgb, opaque = _to_rgb(image)
    width_px, height_px = size[::-1] if orientation in (5, 6, 7, 8) else size
    return Picture(
        image=rgb,
        width_px=width_px,
        height_px=height_px,
        format=kind,
        exif=exif,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        opaque=opaque,
        as_stored=as_stored,
    )


def _exif(image: Image.Image) -> Image.Exif:
    """All tags, read while the file is open; none where they are damaged."""
    try:
        exif = image.getexif()
        copy = Image.Exif()
        directories = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
        copy.update({tag: value for tag, value in exif.items() if tag not in directories})
        for directory in directories:
            copy.get_ifd(directory).update(exif.get_ifd(directory))
    except Exception:  # damaged metadata must not stop a good picture
        return Image.Exif()
    return copy


def _too_many(name: str, size: tuple[int, int] | None, max_pixels: int) -> str:
    declared = "more pixels" if size is None else f"{size[0]} x {size[1]} pixels"
    return f"{name} has {declared} than the limit of {max_pixels} allows; send a smaller one"


def _to_rgb(image: Image.Image) -> tuple[Image.Image, float]:
    """Return the image as RGB, and its opaque share; in bands, to hold it only twice."""
    if image.mode.startswith(("I", "F")):
        return _stretched(image), 1.0
    if image.has_transparency_data:
        return _over_black(image)
    return image if image.mode == "RGB" else image.convert("RGB"), 1.0


def _over_black(image: Image.Image) -> tuple[Image.Image, float]:
    rgb, opaque = Image.new("RGB", image.size), 0
    for box in _bands(image):
        rgba = image.crop(box).convert("RGBA")
        opaque += sum(rgba.getchannel("A").histogram()[1:])
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        rgb.paste(Image.alpha_composite(black, rgba).convert("RGB"), box)
    return rgb, opaque / (image.width * image.height)


def _stretched(image: Image.Image) -> Image.Image:
    limits = [_extremes(image.crop(box)) for box in _bands(image)]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    rgb = Image.new("RGB", image.size)
    for box in _bands(image):
        samples = np.asarray(image.crop(box), dtype=np.float32)
        scaled = (samples - low) * (255.0 / max(high - low, 1e-6))
        rgb.paste(Image.fromarray(scaled.astype(np.uint8)).convert("RGB"), box)
    return rgb


def _extremes(band: Image.Image) -> tuple[float, float]:
    samples = np.asarray(band, dtype=np.float32)
    return float(samples.min()), float(samples.max())


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes of BAND_ROWS rows that cover the image from top to bottom."""
    for top in range(0, image.height, BAND_ROWS):
        yield 0, top, image.width, min(image.height, top + BAND_ROWS)
