"""Images of a part of the development set, as a folder with `gps.csv`."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SEED = 7001
SIDE_PX = 256
"""Side of tiles and of rendered views, pixels."""
_FIELDS = ("path", "id", "view", "latitude", "longitude", "ground_m")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One image and the ground point at its middle."""

    view: str
    """`satellite` or `drone`."""
    place: str
    position: tuple[float, float]
    """Latitude, longitude; degrees WGS 84."""
    pixels: NDArray[np.uint8] | Image.Image
    ground_m: float | None = None
    """Side of the ground that a tile shows, m; None where tiles do not lie side by side."""


def write_part(folder: Path, images: Iterable[Shown]) -> int:
    """Write `VIEW/NNNN.jpg` and, last of all, `gps.csv`; return the number of images."""
    lines = []
    for count, shown in enumerate(images):
        path = Path(shown.view) / f"{count:04d}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = shown.pixels
        picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        picture.convert("RGB").save(folder / path, quality=92)
        latitude, longitude = shown.position
        where = (f"{latitude:.8f}", f"{longitude:.8f}", shown.ground_m or "")
        lines.append((path.as_posix(), shown.place, shown.view, *where))
    with (folder / "gps.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([_FIELDS, *lines])
    return len(lines)
