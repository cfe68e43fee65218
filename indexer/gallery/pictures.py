"""The pictures of a gallery: JPEG files named by the sha256 of their bytes."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from model.files import write_atomically

MAX_SIDE_PX = 640
"""Ours: larger than any input size here, small enough to show at once."""

QUALITY = 90
"""Ours: JPEG quality of a picture that had to be encoded again."""


def encode(image: Image.Image) -> bytes:
    """A picture as JPEG bytes, no side longer than MAX_SIDE_PX."""
    if max(image.size) > MAX_SIDE_PX:
        image = image.copy()
        image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


class PictureStore:
    """Writes once, reads by name; the same bytes are stored once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where a picture lies."""
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def add(self, jpeg: bytes, *, repair: bool = False) -> str:
        """Store bytes; returns their sha256. `repair` writes over what is there."""
        sha256 = hashlib.sha256(jpeg).hexdigest()
        path = self.path(sha256)
        if repair or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, jpeg, sync=False)
        return sha256

    def read(self, sha256: str) -> bytes:
        """The bytes of a picture; OSError where it is missing."""
        return self.path(sha256).read_bytes()

    def sound(self, sha256: str) -> bool:
        """Whether the picture is there and its bytes are what they were."""
        try:
            return hashlib.sha256(self.read(sha256)).hexdigest() == sha256
        except OSError:
            return False

    def names(self) -> Iterator[str]:
        """The sha256 of every stored picture."""
        for path in self.folder.glob("??/*.jpg"):
            yield path.stem

    def leftovers(self) -> Iterator[Path]:
        """Half-written files of runs that were killed."""
        yield from self.folder.glob("??/.*.partial")
