"""The table `index.csv` of a folder of overhead images: pairs, dates, resolution and positions."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError

INDEX_NAME = "index.csv"


@dataclass(frozen=True, kw_only=True)
class IndexedImage:
    """One line of `index.csv`; only the column `file` is needed."""

    file: str
    """Path relative to the folder."""
    pair_id: str = ""
    """Images with the same id show one place; empty: the image is a place of its own."""
    date: str = ""
    """Date or year; starts with the year."""
    gsd_m: float | None = None
    """Metres per pixel."""
    position: tuple[float, float] | None = None
    """Latitude and longitude, degrees WGS 84."""
    dsm_files: tuple[str, ...] = ()
    """Files of heights, relative to the folder."""


def read_index(root: Path) -> dict[str, IndexedImage]:
    """Return the lines of `root/index.csv` by relative path; empty if there is no such file.

    Raises:
        DataError: the column `file` is missing, or a value is not a number.
    """
    table = root / INDEX_NAME
    if not table.is_file():
        return {}
    with table.open(newline="") as stream:
        lines = csv.DictReader(stream)
        if "file" not in (lines.fieldnames or ()):
            raise DataError(f"{table} has no column file; give each image's path in it")
        images = [_image(line, table) for line in lines]
    return {image.file: image for image in images}


def _image(line: Mapping[str, str | None], table: Path) -> IndexedImage:
    return IndexedImage(
        file=line["file"] or "",
        pair_id=line.get("pair_id") or "",
        date=line.get("date") or "",
        gsd_m=_metres(line.get("gsd_m") or "", table),
        position=_position(line, table),
        dsm_files=tuple(name for name in (line.get("dsm_file") or "").split(";") if name),
    )


def _metres(text: str, table: Path) -> float | None:
    """Return a positive number, or None of an empty text; a leading `~` marks an approximation."""
    if not text:
        return None
    found = re.fullmatch(r"~?\s*(\d+(?:\.\d+)?)", text)
    if not found or not float(found[1]) > 0:
        raise DataError(f"{table}: gsd_m {text!r} is not a number above 0; give metres per pixel")
    return float(found[1])


def _position(line: Mapping[str, str | None], table: Path) -> tuple[float, float] | None:
    latitude, longitude = line.get("lat"), line.get("lon")
    if not latitude or not longitude:
        return None
    try:
        return float(latitude), float(longitude)
    except ValueError as error:
        raise DataError(
            f"{table}: lat {latitude!r}, lon {longitude!r} of {line['file']} are not numbers; "
            "give degrees"
        ) from error
