"""From uploaded bytes to the model's pixels, in threads, without trusting the bytes."""

import asyncio
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from indexer.records import Position
from indexer.sources.photo_metadata import photo_position
from model.descriptor_model import DescriptorModel
from model.images import FORMATS, open_image
from model.preprocessing import decode_side
from service.errors import TooSmallImageError

KEPT_SIDE_PX = 1024
"""Ours: the longer side of what an explanation keeps of a query; a few MB a question."""


@dataclass(frozen=True)
class Decoded:
    """One uploaded image: the model's pixels uint8 [3, S, S] and the upright size, px.

    `picture` and `gps` are there only where they were asked for.
    """

    pixels_3SS: NDArray[np.uint8]
    width: int
    height: int
    picture: Image.Image | None
    gps: Position | None


class Decoder:
    """A bounded pool of decoding threads."""

    def __init__(
        self, embedder: DescriptorModel, *, threads: int, max_pixels: int, min_side_px: int
    ) -> None:
        """Start no thread yet; each starts with its first image.

        Args:
            embedder: whose `preprocess` makes the pixels.
            threads: most images decoded at a time.
            max_pixels: refuse larger images before decoding.
            min_side_px: refuse images with a shorter side.
        """
        self._embedder = embedder
        self._max_pixels, self._min_side_px = max_pixels, min_side_px
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def decode(
        self, images: list[bytes], *, keep: bool = False, gps: bool = False
    ) -> list[Decoded]:
        """All images of one question, in order; cancelling drops those that have not begun.

        Raises:
            ImageError: one cannot be decoded.
            TooSmallImageError: one has too short a side.
        """
        loop = asyncio.get_running_loop()
        tasks = [
            loop.run_in_executor(self._pool, self.decode_one, data, keep, gps) for data in images
        ]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    def decode_one(self, data: bytes, keep: bool = False, gps: bool = False) -> Decoded:
        """One image, in the calling thread."""
        picture = open_image(
            data, max_pixels=self._max_pixels, min_side=decode_side(self._embedder.input_size)
        )
        width, height = _upright_size(data)
        if min(width, height) < self._min_side_px:
            raise TooSmallImageError(
                f"the image has {width} x {height} pixels, each side needs at least "
                f"{self._min_side_px}; send a larger one"
            )
        pixels_3SS = self._embedder.preprocess(picture)
        if keep:
            picture.thumbnail((KEPT_SIDE_PX, KEPT_SIDE_PX))
        return Decoded(
            pixels_3SS,
            width,
            height,
            picture if keep else None,
            photo_position(data) if gps else None,
        )

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        self._pool.shutdown(cancel_futures=True)


def _upright_size(data: bytes) -> tuple[int, int]:
    """Declared (width, height) after the EXIF orientation, px; of bytes that decode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            try:
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            except Exception:  # damaged EXIF must not stop a good picture
                orientation = 1
            turned = orientation in (5, 6, 7, 8)
            return (image.height, image.width) if turned else image.size
