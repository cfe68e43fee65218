"""What every source gives: candidates, each with its metadata and a way to its pixels."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from indexer.errors import BadTableError
from indexer.pictures import MAX_SIDE_PX
from indexer.records import Bounds, ImageRecord, Position, View
from model.images import open_image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
"""What counts as an image file in a folder; compared in lower case."""


class SkippedImage(Exception):  # noqa: N818  it is an outcome, not an error
    """The image is readable and does not belong in a gallery; its text is the reason."""


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


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that may enter a gallery.

    `location` names it to people; `fingerprint` is cheap and changes whenever the content may
    have changed; `read` decodes it and may raise SkippedImage, OSError or any SafeNetError.
    """

    record: ImageRecord
    location: str
    fingerprint: str
    read: Callable[[], RawPicture]


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How a source is to be cut and filtered; lengths in metres, None: the source's own."""

    view: View | None = None
    zoom: int | None = None
    tms: bool = False
    tile_m: tuple[float, ...] = ()
    overlap: float = 0.0
    gsd_m: float | None = None
    bounds: Bounds | None = None
    mask: tuple[tuple[Position, ...], ...] = ()
    min_opaque: float = 0.5
    id_prefix: str = ""


class Source(Protocol):
    """A place images come from."""

    path: Path
    kind: str
    view: View
    options: SourceOptions
    notes: list[str]

    def candidates(self) -> Iterator[Candidate]:
        """Every candidate, always in the same order; no pixels are read."""


def options_text(options: SourceOptions) -> str:
    """The options that differ from the defaults, as stable JSON."""
    chosen = {
        item.name: getattr(options, item.name)
        for item in fields(SourceOptions)
        if getattr(options, item.name) != item.default
    }
    return json.dumps(chosen, sort_keys=True)


def options_from_text(text: str) -> SourceOptions:
    """Inverse of `options_text`."""
    return SourceOptions(**{key: _tuples(value) for key, value in json.loads(text).items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def read_file(path: Path) -> RawPicture:
    """Decode an image file; large JPEGs at a reduced scale."""
    return read_bytes(path.read_bytes(), path.name)


def read_bytes(data: bytes, name: str, *, min_opaque: float = 0.0) -> RawPicture:
    """Decode encoded bytes.

    Args:
        data: an encoded image.
        name: what to call it in a reason.
        min_opaque: skip an image with a smaller opaque share of its pixels.

    Raises:
        SkippedImage: too much of it is transparent.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    image = open_image(data, min_side=MAX_SIDE_PX)
    width, height, plain_jpeg, opaque = _header(data)
    if opaque < min_opaque:
        raise SkippedImage(f"{name} is {100 * (1 - opaque):.0f} % transparent")
    keep = plain_jpeg and max(width, height) <= MAX_SIDE_PX
    return RawPicture(
        image=image,
        width_px=width,
        height_px=height,
        content_sha256=sha256,
        jpeg=data if keep else None,
    )


def _header(data: bytes) -> tuple[int, int, bool, float]:
    with Image.open(io.BytesIO(data)) as image:
        turned = image.getexif().get(274, 1)
        width, height = image.size if turned < 5 else image.size[::-1]
        plain = image.format == "JPEG" and image.mode == "RGB" and turned == 1
        opaque = 1.0
        if image.has_transparency_data:
            counts = image.convert("RGBA").getchannel("A").histogram()
            opaque = sum(counts[1:]) / (image.width * image.height)
    return width, height, plain, opaque


def check_position(latitude: float, longitude: float, where: str) -> None:
    """Refuse what is no place on Earth.

    Raises:
        BadTableError: latitude or longitude is out of range or not a number.
    """
    if not -90.0 <= latitude <= 90.0:
        raise BadTableError(f"{where}: latitude {latitude} is outside -90..90; correct it")
    if not -180.0 <= longitude <= 180.0:
        raise BadTableError(f"{where}: longitude {longitude} is outside -180..180; correct it")


def file_fingerprint(path: Path) -> str:
    """Size and modification time of a file; "missing" where it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return "missing"
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def file_id(relative: Path, prefix: str = "") -> str:
    """An image id from a relative path: no suffix, folders joined by '~'."""
    return prefix + "~".join(relative.with_suffix("").parts)
