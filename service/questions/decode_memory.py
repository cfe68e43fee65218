"""A bound on the memory of images that are being decoded, and on their metadata."""

import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from PIL import Image

from model.errors import TooManyPixelsError
from model.memory import release_memory
from service.errors import TooMuchMetadataError

BYTES_PER_PIXEL = {"1": 6, "L": 6, "P": 6, "RGB": 5, "RGBX": 5, "CMYK": 9}
OTHER_BYTES_PER_PIXEL = 10
WEBP_BYTES_PER_PIXEL = 18
"""Peak memory of decoding and conversion to RGB for each pixel, measured on 16 Mpx images."""

BYTES_PER_COEFFICIENT = 2
"""libjpeg holds the coefficients of a JPEG with several scans, at full size, until its end."""

MAX_METADATA_BYTES = 8 * 2**20
"""Our choice: ten times what cameras write; Pillow joins EXIF segments in quadratic time."""

FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE_MARKERS = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
START_OF_SCAN = 0xDA
LONE_MARKERS = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Marker bytes of a JPEG (ITU-T T.81, table B.1)."""

TRIMMED_BYTES = 64 * 2**20
"""Our choice: images that took more are followed by a return of memory, which takes some ms."""

MAX_SEGMENTS = 20_000
"""Our choice: most segments or chunks of a file that are looked at."""


class DecodeMemory:
    """Lets images be decoded while they fit into a number of bytes together; others wait."""

    def __init__(self, max_bytes: int) -> None:
        """Nothing is being decoded.

        Args:
            max_bytes: most bytes of all images that are being decoded.
        """
        self._max_bytes, self._held = max_bytes, 0
        self._changed = threading.Condition()

    def hold(self, image: Image.Image, data: bytes = b"") -> AbstractContextManager[None]:
        """Return a context that holds the memory that decoding an opened image takes.

        Leave it when the image is no longer referred to.

        Args:
            image: opened, at the scale at which it is decoded.
            data: its file.

        Raises:
            TooManyPixelsError: it takes more than may be held at all.
        """
        needed = decoding_bytes(image) + coefficient_bytes(data)
        if needed > self._max_bytes:
            raise TooManyPixelsError(
                f"the image of {image.width} x {image.height} pixels ({image.mode}) needs "
                f"{needed >> 20} MiB to be decoded, more than the limit of "
                f"{self._max_bytes >> 20} MiB; send a smaller one, or a JPEG"
            )
        return self._hold_bytes(needed)

    @contextmanager
    def _hold_bytes(self, needed: int) -> Iterator[None]:
        """Wait for so many bytes, and hold them; refers to no image, which it would keep alive."""
        with self._changed:
            self._changed.wait_for(lambda: self._held + needed <= self._max_bytes)
            self._held += needed
        try:
            yield
        finally:
            if needed > TRIMMED_BYTES:
                release_memory()
            with self._changed:
                self._held -= needed
                self._changed.notify_all()


def decoding_bytes(image: Image.Image) -> int:
    """Return the peak memory of decoding an opened image to RGB, bytes."""
    per_pixel = BYTES_PER_PIXEL.get(image.mode, OTHER_BYTES_PER_PIXEL)
    if image.has_transparency_data:
        per_pixel = OTHER_BYTES_PER_PIXEL
    if image.format in ("WEBP", "AVIF", "HEIF"):
        per_pixel = WEBP_BYTES_PER_PIXEL
    return image.width * image.height * per_pixel


def coefficient_bytes(data: bytes) -> int:
    """Return the memory that a JPEG's coefficients take; 0 where libjpeg holds a few rows only.

    It holds all of them where a file is progressive, or its first scan has not all components.
    """
    samples = components = 0
    is_progressive = False
    for at in _jpeg_markers(data) if data.startswith(b"\xff\xd8") else ():
        marker = data[at + 1]
        if marker in FRAME_MARKERS and at + 10 <= len(data):
            components, is_progressive = data[at + 9], marker in PROGRESSIVE_MARKERS
            samples = _frame_samples(data, at)
        if marker == START_OF_SCAN and at + 4 < len(data) and not is_progressive:
            samples = samples if data[at + 4] < components else 0
    return samples * BYTES_PER_COEFFICIENT


def _frame_samples(data: bytes, at: int) -> int:
    """Return the number of samples of all components of a JPEG's frame, whose header is at `at`."""
    height, width, components = struct.unpack(">HHB", data[at + 5 : at + 10])
    packed = data[at + 11 : at + 10 + 3 * components : 3]
    factors = [(max(1, each >> 4), max(1, each & 15)) for each in packed] or [(1, 1)]
    full = max(across for across, _ in factors) * max(down for _, down in factors)
    shares = sum(across * down for across, down in factors)
    return width * height * shares // full  # type: ignore[no-any-return]


def refuse_much_metadata(data: bytes) -> None:
    """Refuse a file whose metadata is larger than `MAX_METADATA_BYTES`, before anything reads it.

    Raises:
        TooMuchMetadataError: it is, or it has more segments than `MAX_SEGMENTS`.
    """
    total = count = 0
    for size in _metadata_sizes(data):
        total, count = total + size, count + 1
        if total > MAX_METADATA_BYTES or count > MAX_SEGMENTS:
            raise TooMuchMetadataError(
                f"the image has more than {MAX_METADATA_BYTES >> 20} MiB or {MAX_SEGMENTS} parts "
                "of metadata; remove its metadata and send it again"
            )


def _metadata_sizes(data: bytes) -> Iterator[int]:
    if data.startswith(b"\xff\xd8"):
        return _jpeg_segments(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_chunks(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp_chunks(data)
    return iter(())


def _jpeg_segments(data: bytes) -> Iterator[int]:
    """Yield the sizes of the application and comment segments before the first scan, else 0."""
    for at in _jpeg_markers(data):
        is_application = 0xE0 <= data[at + 1] <= 0xEF or data[at + 1] == 0xFE
        yield int.from_bytes(data[at + 2 : at + 4], "big") if is_application else 0


def _jpeg_markers(data: bytes) -> Iterator[int]:
    """Yield where each segment starts, up to the one of the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
        elif data[at + 1] in LONE_MARKERS:
            yield at
            at += 2
        else:
            yield at
            if data[at + 1] == START_OF_SCAN:
                return
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))


def _png_chunks(data: bytes) -> Iterator[int]:
    """Yield the sizes of the ancillary chunks; 0 for critical ones, pixels among them."""
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        is_ancillary = bool(data[at + 4] & 0x20)
        yield size if is_ancillary else 0
        at += 12 + size


def _webp_chunks(data: bytes) -> Iterator[int]:
    """Yield the sizes of the chunks that hold no pixels; 0 for the others."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield size if data[at : at + 4] in (b"EXIF", b"XMP ", b"ICCP") else 0
        at += 8 + size + size % 2
