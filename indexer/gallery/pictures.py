"""The pictures of a gallery: JPEG files named by the sha256 of their bytes."""

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.files import write_atomically

MAX_SIDE_PX = 640
"""Longest side of a stored picture, px. Our choice: larger than any input size, quick to show."""

QUALITY = 90
"""JPEG quality of a picture that has to be encoded again. Our choice."""


def encode(image: Image.Image) -> bytes:
    """Return a picture as JPEG bytes, no side longer than MAX_SIDE_PX."""
    if max(image.size) > MAX_SIDE_PX:
        image = image.copy()
        image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


class Pictures(Protocol):
    """What builds and searches need of a store of pictures, wherever it lies."""

    def add(self, jpeg: bytes, *, repair: bool = False) -> str:
        """Store a picture and return its SHA-256."""

    def read(self, sha256: str) -> bytes:
        """Return the bytes of a picture; OSError if it is missing."""

    def add_row(self, sha256: str, row_format: str, row_B: NDArray[np.int8]) -> None:
        """Store a matcher's row beside a picture."""

    def matcher_rows(
        self, names: Sequence[str], row_format: str, row_bytes: int
    ) -> dict[str, NDArray[np.int8]]:
        """Return a matcher's rows of pictures by SHA-256; those without a whole one are missing."""


class PictureStore:
    """Folder of JPEG files named by their content; equal bytes are stored once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return the path of a picture."""
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def add(self, jpeg: bytes, *, repair: bool = False) -> str:
        """Store bytes and return their SHA-256; `repair` overwrites an existing file."""
        sha256 = hashlib.sha256(jpeg).hexdigest()
        path = self.path(sha256)
        if repair or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, jpeg, sync=False)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return the bytes of a picture; OSError if it is missing."""
        return self.path(sha256).read_bytes()

    def add_row(self, sha256: str, row_format: str, row_B: NDArray[np.int8]) -> None:
        """Store a matcher's row beside a picture."""
        write_atomically(self._row_path(sha256, row_format), row_B.tobytes(), sync=False)

    def matcher_rows(
        self, names: Sequence[str], row_format: str, row_bytes: int
    ) -> dict[str, NDArray[np.int8]]:
        """Return a matcher's rows of pictures by SHA-256; those without a whole one are missing."""
        found: dict[str, NDArray[np.int8]] = {}
        for name in names:
            with contextlib.suppress(OSError):
                data = self._row_path(name, row_format).read_bytes()
                if len(data) == row_bytes:
                    found[name] = np.frombuffer(data, dtype=np.int8)
        return found

    def rows(self, sha256: str) -> list[Path]:
        """Return the files of all matchers' rows of a picture."""
        return sorted(self.path(sha256).parent.glob(f"{sha256}.*.row"))

    def _row_path(self, sha256: str, row_format: str) -> Path:
        return self.path(sha256).with_suffix(f".{row_format}.row")

    def sound(self, sha256: str) -> bool:
        """Return whether the picture exists with unchanged bytes."""
        try:
            return hashlib.sha256(self.read(sha256)).hexdigest() == sha256
        except OSError:
            return False

    def names(self) -> Iterator[str]:
        """Yield the SHA-256 of every stored picture."""
        for path in self.folder.glob("??/*.jpg"):
            yield path.stem

    def leftovers(self) -> Iterator[Path]:
        """Yield the temporary files of runs that were killed."""
        yield from self.folder.glob("??/.*.partial")
