"""Decode uploaded bytes to the model's pixels, in threads, without trusting the bytes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.records import Position
from indexer.sources.photos.metadata import header_focal, header_position
from model.descriptor_model import DescriptorModel
from model.images import open_picture
from model.preprocessing import decode_side
from service.errors import TooSmallImageError
from service.questions.decode_memory import DecodeMemory, refuse_much_metadata

KEPT_SIDE_PX = 1024
"""Our choice: longer side of the query image that is kept for its camera, an explanation or a
GeoTIFF; a few MB a question."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One uploaded image: the model's pixels uint8 [3, S, S] and the upright size, px.

    `picture` and `gps` (latitude, longitude) are None where they were not requested. `focal` is the
    focal length in sides of the centre square, None where the header does not say it.
    """

    pixels_3SS: NDArray[np.uint8]
    width: int
    height: int
    picture: Image.Image | None
    gps: Position | None
    focal: float | None


class Decoder:
    """A bounded pool of decoding threads."""

    def __init__(
        self,
        embedder: DescriptorModel,
        *,
        threads: int,
        max_pixels: int,
        min_side_px: int,
        max_bytes: int = 2**31,
    ) -> None:
        """Start no thread yet; each starts with its first image.

        Args:
            embedder: whose `preprocess` makes the pixels.
            threads: most images decoded at a time.
            max_pixels: refuse larger images before decoding.
            min_side_px: refuse images with a shorter side.
            max_bytes: most memory of images that are being decoded.
        """
        self._embedder = embedder
        self._max_pixels, self._min_side_px = max_pixels, min_side_px
        self._memory = DecodeMemory(max_bytes)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def decode(
        self, images: list[bytes], *, keep: int = 0, gps: bool = False
    ) -> list[Decoded]:
        """Decode all images of one question, in order; cancelling drops those that have not begun.

        Args:
            images: encoded.
            keep: of how many of the first ones the picture is kept.
            gps: whether to read positions.

        Raises:
            ImageError: one cannot be decoded.
            TooSmallImageError: one has too short a side.
        """
        loop = asyncio.get_running_loop()
        tasks = [
            loop.run_in_executor(self._pool, self.decode_one, data, number < keep, gps)
            for number, data in enumerate(images)
        ]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    def decode_one(self, data: bytes, keep: bool = False, gps: bool = False) -> Decoded:
        """Decode one image in the calling thread; its header is read once."""
        refuse_much_metadata(data)
        with ExitStack() as held:
            return self._decode_held(data, held, keep, gps)

    def _decode_held(self, data: bytes, held: ExitStack, keep: bool, gps: bool) -> Decoded:
        """Decode one image; `held` holds its memory until the full-size picture is dropped."""

        def decoding(image: Image.Image) -> AbstractContextManager[None]:
            return nullcontext(held.enter_context(self._memory.hold(image, data)))

        picture = open_picture(
            data,
            max_pixels=self._max_pixels,
            min_side=decode_side(self._embedder.input_size),
            decoding=decoding,
        )
        if min(picture.width_px, picture.height_px) < self._min_side_px:
            raise TooSmallImageError(
                f"the image has {picture.width_px} x {picture.height_px} pixels, each side needs "
                f"at least {self._min_side_px}; send a larger one"
            )
        pixels_3SS = self._embedder.preprocess(picture.image)
        if keep:
            picture.image.thumbnail((KEPT_SIDE_PX, KEPT_SIDE_PX))
        return Decoded(
            pixels_3SS=pixels_3SS,
            width=picture.width_px,
            height=picture.height_px,
            picture=picture.image if keep else None,
            gps=header_position(picture.exif, picture.xmp) if gps else None,
            focal=header_focal(picture.exif, picture.xmp, (picture.width_px, picture.height_px)),
        )

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        self._pool.shutdown(cancel_futures=True)
