"""Thousands of damaged image files: never a 5xx, never a crash, and the memory comes back."""

import ctypes
import gc
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image
from service_live import encoded, picture

FILES = 2400
WARM_UP = 400
"""Files after which caches and thread stacks have their size."""

RIGHT = {200, 400}


def sources() -> list[bytes]:
    """Small good files of every format that is decoded."""
    exif = Image.Exif()
    exif[274], exif[271] = 6, "camera"
    image = picture(5, (80, 64))
    return [
        encoded(image, "JPEG", exif=exif),
        encoded(image, "JPEG", progressive=True, quality=60),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image, "PNG"),
        encoded(image.convert("P"), "PNG"),
        encoded(image.convert("RGBA"), "WEBP"),
        encoded(image, "WEBP", lossless=True),
        encoded(image, "TIFF", compression="tiff_lzw"),
        encoded(image.convert("I"), "TIFF"),
        encoded(image, "GIF"),
        encoded(image, "BMP"),
        encoded(image, "PPM"),
    ]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 20, 200))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_head(data: bytes, rng: random.Random) -> bytes:
    return flip_bits(data[:64], rng) + data[64:]


def splice(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(sources_once())
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def huge_header(data: bytes, rng: random.Random) -> bytes:
    """Larger numbers where sizes are kept: anywhere in the first 200 bytes."""
    place = rng.randrange(min(200, len(data) - 4))
    number = rng.choice((0xFFFFFFFF, 0x7FFFFFFF, 60_000, 0))
    packed = struct.pack(rng.choice((">I", "<I")), number)
    return data[:place] + packed + data[place + 4 :]


def wrong_type(data: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"%PDF-1.7\n", b"<svg xmlns=''/>", b"\x89PNG\r\n\x1a\n", b"II*\x00")) + data


def repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start : start + rng.randrange(1, 64)] * 40 + data[start:]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    cut, flip_bits, flip_head, splice, huge_header, wrong_type, repeat,
]  # fmt: skip
_SOURCES: list[bytes] = []


def sources_once() -> list[bytes]:
    if not _SOURCES:
        _SOURCES.extend(sources())
    return _SOURCES


def resident_bytes() -> int:
    """This process's memory after everything that can be given back was."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_damaged_files_never_break_the_service_and_memory_comes_back(live: httpx.Client) -> None:
    rng = random.Random(20240501)
    statuses: Counter[int] = Counter()
    before = 0
    for number in range(FILES):
        if number == WARM_UP:
            before = resident_bytes()
        data = MUTATIONS[number % len(MUTATIONS)](rng.choice(sources_once()), rng)
        response = live.post("/localize", content=data, headers={"Content-Type": "image/any"})
        statuses[response.status_code] += 1
        assert response.status_code in RIGHT, (number, response.text)
        if response.status_code == 400:
            assert response.headers["content-type"] == "application/problem+json"
    after = resident_bytes()
    assert statuses[400] > FILES / 3
    assert statuses[200] > FILES / 20, "a few flipped bits often leave a picture"
    assert live.get("/readyz").status_code == 200
    assert after <= 1.05 * before, f"{before / 2**20:.0f} MiB before, {after / 2**20:.0f} after"
