"""Files of one place: their paths in each benchmark's layout, and writing them."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.world.output.folder import write_output
from training.world.output.gps_csv import table_row, write_rows
from training.world.output.view import View
from training.world.rendering.sensor import jpeg

_TEST_ID_OFFSET = 5000


def numbered_id(index: int, split: str) -> str:
    """Return the four-digit id of a place (index from 0), unique over train and test."""
    return f"{index + 1 + (_TEST_ID_OFFSET if split == 'test' else 0):04d}"


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A view and the paths (relative to the output folder) it is stored under."""

    paths: tuple[str, ...]
    view: View


def university_files(split: str, place_id: str, views: Sequence[View]) -> list[ImageFile]:
    """Return University-1652's paths: train/KIND/ID/NAME; a test image is query and gallery."""
    files, drones = [], 0
    for view in views:
        drones += view.kind == "drone"
        name = f"{place_id}.jpg" if view.kind == "satellite" else f"image-{drones:02d}.jpeg"
        folders = (
            (f"train/{view.kind}",)
            if split == "train"
            else (f"test/query_{view.kind}", f"test/gallery_{view.kind}")
        )
        paths = tuple(f"{folder}/{place_id}/{name}" for folder in folders)
        files.append(ImageFile(paths=paths, view=view))
    return files


def sues_files(place_id: str, views: Sequence[View], per_height: int) -> list[ImageFile]:
    """Return SUES-200's paths: satellite-view/ID/0.png, drone_view_512/ID/HEIGHT/K.jpg."""
    heights = ("150", "200", "250", "300")
    files, drone = [], 0
    for view in views:
        if view.kind == "satellite":
            path = f"satellite-view/{place_id}/0.png"
        else:
            height = heights[drone // per_height % 4]
            path = f"drone_view_512/{place_id}/{height}/{drone % per_height}.jpg"
            drone += 1
        files.append(ImageFile(paths=(path,), view=view))
    return files


def _same_file(first: Path, other: Path, data: bytes) -> None:
    """Create a hard link where the file system supports them, else a copy."""
    other.parent.mkdir(parents=True, exist_ok=True)
    other.unlink(missing_ok=True)
    try:
        os.link(first, other)
    except OSError:
        write_output(other, data)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def save_place(
    out: Path, place_id: str, files: list[ImageFile], district: str, split: str, done_file: Path
) -> int:
    """Write a place's images, then its lines of gps.csv; return the number of views."""
    rows = []
    for file in files:
        view, is_png = file.view, file.paths[0].endswith(".png")
        data = _png(view.pixels) if is_png else jpeg(view.pixels, view.jpeg_quality)
        write_output(out / file.paths[0], data)
        for other in file.paths[1:]:
            _same_file(out / file.paths[0], out / other, data)
        rows += [table_row(path, place_id, view, district, split) for path in file.paths]
    write_rows(done_file, rows)
    return len(files)
