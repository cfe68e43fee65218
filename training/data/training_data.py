"""The training places of a data set of any layout."""

from collections.abc import Iterable
from pathlib import Path

from training.data.gps_table import flown_tiles
from training.data.places import (
    UNIVERSITY_LAYOUT,
    Place,
    is_university,
    overhead_places,
    paired_places,
)
from training.data.sues import is_sues, sues_training_places
from training.errors import DataError


def training_places(
    root: Path, exclude: Iterable[str] = (), height_m: int | None = None
) -> list[Place]:
    """Return the places to train on, sorted by id.

    Args:
        root: a University-1652 or SUES-200 folder, a map with drone images and `gps.csv`, or a
            folder of overhead images.
        height_m: for SUES-200 only: drone images of this height; None for all.
        exclude: words; an overhead image whose relative path contains one is left out.

    Raises:
        DataError: the folder is missing or of another layout, or a place lacks a view.
    """
    if not root.is_dir():
        raise DataError(f"data {root} is not a folder; expected {UNIVERSITY_LAYOUT}")
    if is_sues(root):
        return sues_training_places(root, height_m)
    if is_university(root):
        return paired_places(root / "train" / "satellite", root / "train" / "drone")
    if (root / "gps.csv").is_file():
        return flown_tiles(root)
    return overhead_places(root, exclude)
