"""Data sets as lists of places with their satellite and drone images.

Two layouts are read. University-1652: `train|test/<role>/<id>/<image>`. Overhead: any folder of
overhead images, where each image (or each `pair_id` of an `index.csv`) is a place of its own. Its
drone view is made by warping, which gives real textures without a flight.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.data.overhead_index import read_index
from training.errors import DataError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
"""Suffixes of image files, compared in lower case."""

UNIVERSITY_LAYOUT = "train/satellite/<id>/<image> and train/drone/<id>/<image> (University-1652)"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One geographic location, which is a class in training."""

    place_id: str
    satellite: tuple[Path, ...]
    drone: tuple[Path, ...]
    flat: bool = False
    """Whether the drone images are overhead images, which need a warp to look like drone views."""


def is_university(root: Path) -> bool:
    """Return whether a folder has the University-1652 layout."""
    return (root / "train").is_dir() or (root / "test").is_dir()


def paired_places(satellite: Path, drone: Path) -> list[Place]:
    """Return the places of two sibling folders, `<id>/<image>` each.

    Raises:
        DataError: a folder is missing, or an id has no image in one of the views.
    """
    satellites, drones = images_by_id(satellite), images_by_id(drone)
    for view, here, other in (("drone", drones, satellites), ("satellite", satellites, drones)):
        lonely = sorted(set(other) - set(here))
        if lonely:
            folder = drone if view == "drone" else satellite
            raise DataError(
                f"place {lonely[0]} has no {view} image in {folder / lonely[0]} "
                f"({len(lonely)} such); expected {UNIVERSITY_LAYOUT}"
            )
    return [
        Place(place_id=key, satellite=tuple(satellites[key]), drone=tuple(drones[key]))
        for key in sorted(satellites)
    ]


def images_by_id(folder: Path) -> dict[str, list[Path]]:
    """Return the image files of each id folder, sorted by name; ids without images are left out.

    Raises:
        DataError: the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; expected {UNIVERSITY_LAYOUT}")
    found = {
        entry.name: sorted(file for file in entry.iterdir() if file.suffix.lower() in SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir()
    }
    filled = {key: files for key, files in found.items() if files}
    if not filled:
        raise DataError(f"{folder} holds no images; expected {UNIVERSITY_LAYOUT}")
    return filled


def overhead_places(root: Path, exclude: Iterable[str] = ()) -> list[Place]:
    """Return the places of a folder of overhead images; images of one `pair_id` show one place.

    `index.csv` (columns `file`, `pair_id`), where there is one, names the pairs.

    Raises:
        DataError: the folder holds no image, or `index.csv` cannot be read.
    """
    index = read_index(root)
    groups: dict[str, list[Path]] = {}
    words = tuple(exclude)
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root).as_posix()
        if file.suffix.lower() not in SUFFIXES or any(word in relative for word in words):
            continue
        pair_id = index[relative].pair_id if relative in index else ""
        groups.setdefault(pair_id or relative, []).append(file)
    if not groups:
        raise DataError(f"{root} holds no images; expected overhead images, or {UNIVERSITY_LAYOUT}")
    return [
        Place(place_id=f"{root.name}/{key}", satellite=tuple(files), drone=tuple(files), flat=True)
        for key, files in sorted(groups.items())
    ]


def data_digest(places: Iterable[Place]) -> str:
    """Return a SHA-256 over ids, file names and file sizes, which identifies the data of a run."""
    digest = hashlib.sha256()
    for place in places:
        for file in (*place.satellite, *place.drone):
            digest.update(f"{place.place_id}\0{file.name}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()
