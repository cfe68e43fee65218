"""The render's folder on disk: atomic files, benchmark layouts, gps.csv, resuming."""

import csv
import dataclasses
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.world.errors import WorldOutputError
from training.world.sensor import jpeg
from training.world.truth import COLUMNS, View, table_row

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
WORLD_VERSION = 4
"""Raised when the same settings would give other pixels, so that no folder mixes two worlds."""
STATE_FOLDER = ".render"


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A view and the paths (relative to the output folder) it is stored under."""

    paths: tuple[str, ...]
    view: View


def university_files(split: str, place_id: str, views: Sequence[View]) -> list[ImageFile]:
    """University-1652: train/KIND/ID/NAME; the test split holds each as query and as gallery."""
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
    """SUES-200: satellite-view/ID/0.png and drone_view_512/ID/HEIGHT/K.jpg, heights in order."""
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


def write_atomically(path: Path, data: bytes) -> None:
    """Write through a temporary file and a rename, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _same_file(first: Path, other: Path, data: bytes) -> None:
    """A hard link where the file system has them, else a copy."""
    other.parent.mkdir(parents=True, exist_ok=True)
    other.unlink(missing_ok=True)
    try:
        os.link(first, other)
    except OSError:
        write_atomically(other, data)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def save_place(
    out: Path, place_id: str, files: list[ImageFile], district: str, split: str, done_file: Path
) -> int:
    """Write a place's images, then its lines of gps.csv; returns the number of views."""
    rows = []
    for file in files:
        view, is_png = file.view, file.paths[0].endswith(".png")
        data = _png(view.pixels) if is_png else jpeg(view.pixels, view.jpeg_quality)
        write_atomically(out / file.paths[0], data)
        for other in file.paths[1:]:
            _same_file(out / file.paths[0], out / other, data)
        rows += [table_row(path, place_id, view, district, split) for path in file.paths]
    write_rows(done_file, rows)
    return len(files)


def write_rows(file: Path, rows: list[list[str]]) -> None:
    """Write lines of gps.csv, without the header, in one go."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(file, text.getvalue().encode())


def write_gps(out: Path) -> int:
    """Join all finished work's lines into gps.csv; returns the number of lines."""
    lines = [
        line
        for file in sorted((out / STATE_FOLDER).glob("*-*.csv"))
        for line in file.read_text().splitlines()
    ]
    write_atomically(out / "gps.csv", ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode())
    return len(lines)


def claim(out: Path, seed: int, settings: "DataclassInstance") -> None:
    """Mark `out` as a render of these settings.

    Raises:
        WorldOutputError: the folder holds a render of another seed or other settings.
    """
    stamp = {"version": WORLD_VERSION, "seed": seed, **dataclasses.asdict(settings)}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    file = out / STATE_FOLDER / "settings.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldOutputError(
            f"{out}: cannot be made a folder ({error.strerror}); choose another"
        ) from error
    if file.exists() and file.read_text() != text:
        raise WorldOutputError(
            f"{out}: holds a render of other settings ({file}); use another folder or delete it"
        )
    write_atomically(file, text.encode())


def in_processes(work: Callable[[T], int], items: list[T], workers: int) -> Iterator[int]:
    """`work` of every item, in `workers` processes; results in the order they come."""
    if workers <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(work, items)
