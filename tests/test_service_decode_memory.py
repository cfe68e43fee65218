"""Bounds on what decoding may cost: memory, and metadata that is slow to read."""

import io
import struct
import threading
import zlib

import httpx
import numpy as np
import pytest
from conftest import ColourEmbedder
from PIL import Image
from service_live import encoded, picture

from model.errors import TooManyPixelsError
from model.images import open_image
from service.errors import TooMuchMetadataError
from service.questions.decode_memory import (
    MAX_METADATA_BYTES,
    DecodeMemory,
    decoding_bytes,
    refuse_much_metadata,
)
from service.questions.decoding import Decoder

JPEG = {"Content-Type": "image/jpeg"}


def jpeg_with_segments(count: int, size: int) -> bytes:
    whole = encoded(picture(1))
    segment = b"\xff\xe1" + struct.pack(">H", size + 2) + b"Exif\x00\x00" + bytes(size - 6)
    return whole[:2] + count * segment + whole[2:]


def png_with_text(size: int) -> bytes:
    whole = encoded(picture(1), "PNG")
    body = b"tEXt" + b"k\x00" + b"a" * size
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return whole[:33] + chunk + whole[33:]


@pytest.mark.parametrize(
    "data",
    [jpeg_with_segments(900, 65_000), jpeg_with_segments(30_000, 8), png_with_text(9 * 2**20)],
    ids=["58-MB-of-EXIF", "30,000-segments", "PNG-text"],
)
def test_metadata_above_the_bound_is_refused_before_it_is_read(
    live: httpx.Client, data: bytes
) -> None:
    with pytest.raises(TooMuchMetadataError):
        refuse_much_metadata(data)
    response = live.post("/localize", content=data, headers=JPEG)
    assert response.status_code == 400
    assert response.json()["type"].endswith("too-much-metadata")


def test_usual_metadata_and_large_pixels_are_not_refused() -> None:
    refuse_much_metadata(jpeg_with_segments(100, 65_000))
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    for form in ("PNG", "WEBP", "JPEG"):
        data = encoded(Image.fromarray(noise), form, quality=95)
        refuse_much_metadata(data)
    assert len(encoded(Image.fromarray(noise), "PNG")) > MAX_METADATA_BYTES


def test_an_image_that_needs_more_memory_than_there_may_be_is_refused() -> None:
    decoder = Decoder(
        ColourEmbedder(), threads=1, max_pixels=10**8, min_side_px=16, max_bytes=2**20
    )
    large = encoded(picture(1, (500, 500)).convert("RGBA"), "PNG")
    with pytest.raises(TooManyPixelsError, match=r"500 x 500 pixels \(RGBA\) needs 2 MiB"):
        decoder.decode_one(large)
    assert decoder.decode_one(encoded(picture(1, (100, 100)), "PNG")).width == 100
    decoder.close()


def test_images_wait_for_the_memory_of_others() -> None:
    image = Image.open(io.BytesIO(encoded(picture(1, (100, 100)), "PNG")))
    memory = DecodeMemory(decoding_bytes(image))
    order: list[str] = []
    first_holds, release = threading.Event(), threading.Event()

    def first() -> None:
        with memory.hold(image):
            first_holds.set()
            release.wait(30)
            order.append("first")

    def second() -> None:
        with memory.hold(image):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert first_holds.wait(30)
    threads[1].start()
    release.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "F"])
def test_conversion_in_bands_gives_what_conversion_at_once_gives(mode: str) -> None:
    random = np.random.default_rng(3)
    rgba = Image.fromarray(random.integers(0, 256, (700, 31, 4), dtype=np.uint8))
    images = {
        "RGBA": rgba,
        "LA": rgba.convert("LA"),
        "I;16": Image.fromarray(random.integers(0, 65536, (700, 31), dtype=np.uint16)),
        "F": Image.fromarray(random.normal(0, 1e5, (700, 31)).astype(np.float32)),
    }
    image = images[mode]
    if mode in ("RGBA", "LA"):
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        expected = Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
        form = "PNG"
    else:
        samples = np.asarray(image, dtype=np.float32)
        scale = 255.0 / (samples.max() - samples.min())
        grey = ((samples - samples.min()) * scale).astype(np.uint8)
        expected, form = Image.fromarray(grey).convert("RGB"), "TIFF"
    found = open_image(encoded(image, form))
    difference = np.asarray(found, dtype=int) - np.asarray(expected, dtype=int)
    assert np.abs(difference).max() <= (0 if mode in ("RGBA", "LA") else 1)
