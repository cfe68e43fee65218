"""Bounds on what decoding may cost: memory, and metadata that is slow to read."""

import io
import shutil
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import ColourEmbedder
from PIL import Image
from service_live import encoded, free_port, picture, process

from model.errors import TooManyPixelsError
from model.images import open_image
from service.errors import TooMuchMetadataError
from service.questions.decode_memory import (
    MAX_METADATA_BYTES,
    DecodeMemory,
    coefficient_bytes,
    decoding_bytes,
    refuse_much_metadata,
)
from service.questions.decoding import Decoder

JPEG = {"Content-Type": "image/jpeg"}
PNG = {"Content-Type": "image/png"}


def memory_mib(pid: int, name: str) -> float:
    """One line of /proc/PID/status, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def jpeg_with_segments(count: int, size: int, before: bytes = b"") -> bytes:
    whole = encoded(picture(1))
    segment = b"\xff\xe1" + struct.pack(">H", size + 2) + b"Exif\x00\x00" + bytes(size - 6)
    return whole[:2] + before + count * segment + whole[2:]


def png_with_text(size: int) -> bytes:
    whole = encoded(picture(1), "PNG")
    body = b"tEXt" + b"k\x00" + b"a" * size
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return whole[:33] + chunk + whole[33:]


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with_segments(900, 65_000),
        jpeg_with_segments(900, 65_000, before=b"\xff\xd0\xff\xff"),
        jpeg_with_segments(30_000, 8),
        png_with_text(9 * 2**20),
    ],
    ids=["58-MB-of-EXIF", "behind-a-lone-marker", "30,000-segments", "PNG-text"],
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


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({}, 0.0),
        ({"progressive": True, "subsampling": "4:2:0"}, 1.5),
        ({"progressive": True, "subsampling": "4:4:4"}, 3.0),
    ],
    ids=["baseline", "progressive-4:2:0", "progressive-4:4:4"],
)
def test_the_coefficients_of_a_progressive_jpeg_are_counted_at_full_size(
    options: dict[str, object], share: float
) -> None:
    data = encoded(picture(1, (640, 480)), **options)
    assert coefficient_bytes(data) == share * 640 * 480 * 2
    assert coefficient_bytes(data[:2] + b"\xff\xd7\xff" + data[2:]) == share * 640 * 480 * 2


def test_a_jpeg_whose_first_scan_lacks_a_component_is_counted_at_full_size() -> None:
    data = encoded(picture(1, (640, 480)), subsampling="4:4:4")
    scan = data.index(b"\xff\xda")
    assert data[scan + 4] == 3
    assert coefficient_bytes(data[: scan + 4] + b"\x01" + data[scan + 5 :]) == 3 * 640 * 480 * 2


def test_a_colour_that_is_transparent_counts_as_transparency() -> None:
    opaque = Image.open(io.BytesIO(encoded(picture(1), "PNG")))
    keyed = Image.open(io.BytesIO(encoded(picture(1), "PNG", transparency=(0, 0, 0))))
    assert decoding_bytes(keyed) == 2 * decoding_bytes(opaque)


def test_large_images_stay_within_the_bound_and_their_memory_is_given_back(
    store: Path, tmp_path: Path
) -> None:
    limit_mib, idle_mib, port = 160, 48, free_port()
    limits = {"SAFENET_MAX_DECODE_MIB": str(limit_mib), "SAFENET_DEADLINE_S": "300"}
    own_store = shutil.copytree(store, tmp_path / "store")
    data = encoded(Image.new("RGBA", (4000, 2500)), "PNG")
    with process(own_store, port, **limits) as running:

        def send(content: bytes) -> int:
            address = f"http://127.0.0.1:{port}/localize"
            return httpx.post(address, content=content, headers=PNG, timeout=300).status_code

        assert send(encoded(picture(1), "PNG")) == 200
        before = memory_mib(running.pid, "VmRSS")
        with ThreadPoolExecutor(8) as clients:
            assert set(clients.map(send, 8 * [data])) == {200}
        assert memory_mib(running.pid, "VmHWM") < before + limit_mib
        assert memory_mib(running.pid, "VmRSS") < before + idle_mib


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
