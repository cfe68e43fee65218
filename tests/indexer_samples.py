"""Small sources with known content, made on the spot."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ZOOM, FIRST_X, FIRST_Y = 19, 287284, 178880


def picture(seed: int, side_px: int = 64) -> Image.Image:
    """A picture of soft coloured blobs; another seed gives another picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side_px, side_px), Image.Resampling.BICUBIC)


def tile_folder(root: Path, columns: int, rows: int, *, suffix: str = ".png") -> Path:
    """An XYZ folder of columns x rows pictures at zoom 19."""
    for i in range(columns):
        folder = root / str(ZOOM) / str(FIRST_X + i)
        folder.mkdir(parents=True, exist_ok=True)
        for j in range(rows):
            picture(i * 1000 + j).save(folder / f"{FIRST_Y + j}{suffix}")
    return root


def table_folder(
    root: Path, rows: Sequence[dict[str, object]], *, name: str = "places.csv"
) -> Path:
    """A folder with one picture per row (its `path`) and the rows as CSV."""
    root.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows):
        file = root / str(row["path"])
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            picture(number).save(file)
    with (root / name).open("w", newline="") as stream:
        lines = csv.DictWriter(stream, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)
    return root
