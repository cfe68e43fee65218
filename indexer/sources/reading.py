"""Encoded bytes or pixel arrays of a source as pictures for a gallery."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.gallery.pictures import MAX_SIDE_PX
from indexer.sources.names import shown
from model.images import DECODED_SIDE_PX, open_picture

FLAT_LEVELS = 2
"""Our choice: a tile whose channels vary by no more than this (water, fill) cannot be found."""


class SkippedImage(Exception):  # noqa: N818  it is an outcome, not an error
    """The image is readable and does not belong in a gallery; its text is the reason.

    `cause` is the reason without names and numbers, to count by.
    """

    def __init__(self, reason: str, cause: str) -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class RawPicture:
    """Decoded pixels; `jpeg` are the original bytes where they can be stored as they are.

    `width_px` and `height_px` are the file's own size, which a reduced decoding may not have.
    """

    image: Image.Image
    width_px: int
    height_px: int
    content_sha256: str
    jpeg: bytes | None = None


def read_file(path: Path) -> RawPicture:
    """Decode an image file; large JPEGs at a reduced scale."""
    return read_bytes(path.read_bytes(), shown(path.name))


def read_bytes(data: bytes, name: str, *, min_opaque: float = 0.0) -> RawPicture:
    """Decode encoded bytes.

    Args:
        data: an encoded image.
        name: what to call it in a reason.
        min_opaque: skip an image with a smaller opaque share of its pixels.

    Raises:
        SkippedImage: too much of it is transparent.
        ImageError: the bytes are no readable image.
    """
    picture = open_picture(data, min_side=DECODED_SIDE_PX)
    if picture.opaque < min_opaque:
        share = 100 * (1 - picture.opaque)
        raise SkippedImage(f"{name} is {share:.0f} % transparent", "transparent")
    fits = max(picture.width_px, picture.height_px) <= MAX_SIDE_PX
    return RawPicture(
        image=picture.image,
        width_px=picture.width_px,
        height_px=picture.height_px,
        content_sha256=hashlib.sha256(data).hexdigest(),
        jpeg=data if fits and picture.as_stored and picture.format == "JPEG" else None,
    )


def from_pixels(
    rgb_HW3: NDArray[np.uint8], opaque_HW: NDArray[np.bool_], name: str, *, min_opaque: float
) -> RawPicture:
    """Return a picture cut from a map; pixels without data are black.

    Raises:
        SkippedImage: too few pixels have data, or all have the same colour.
    """
    share = float(opaque_HW.mean())
    if share < min_opaque or share == 0.0:
        raise SkippedImage(f"{name}: {100 * (1 - share):.0f} % of it has no data", "no data")
    rgb_HW3 = np.ascontiguousarray(np.where(opaque_HW[..., None], rgb_HW3, 0), dtype=np.uint8)
    height, width = opaque_HW.shape
    data_N3 = rgb_HW3[opaque_HW]
    if int((data_N3.max(axis=0) - data_N3.min(axis=0)).max()) <= FLAT_LEVELS:
        raise flat(name)
    return RawPicture(
        image=Image.fromarray(rgb_HW3),
        width_px=width,
        height_px=height,
        content_sha256=hashlib.sha256(rgb_HW3.tobytes()).hexdigest(),
    )


def is_flat(image: Image.Image) -> bool:
    """Return whether every pixel of an RGB picture has about the same colour."""
    ranges = cast(tuple[tuple[int, int], ...], image.getextrema())
    return all(high - low <= FLAT_LEVELS for low, high in ranges)


def flat(name: str) -> SkippedImage:
    """Return the outcome for a picture of one colour."""
    return SkippedImage(f"{name} is of one colour", "of one colour")
