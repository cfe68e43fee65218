"""Small sources with known content, made on the spot."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import ColourEmbedder
from numpy.typing import NDArray
from PIL import Image

from model.descriptor_model import GalleryRows, ImageEmbedding
from model.verification import SIDE, quantised

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


class LocalEmbedder(ColourEmbedder):
    """A descriptor that forgets where colours lie, and local features that tell it."""

    name = "colour-cells"
    sha256 = "c" * 64
    local_bytes = SIDE**2 * 12

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Each channel's values in rising order, centred, unit length: float32 [N, 768]."""
        return super().embed_pixels(np.sort(pixels_N3SS.reshape(len(pixels_N3SS), 3, -1)))

    def local_features(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The 2 x 2 pixels of SIDE x SIDE cells, centred, unit length: float32 [N, L]."""
        inner = pixels_N3SS[:, :, 1:-1, 1:-1].reshape(-1, 3, SIDE, 2, SIDE, 2) - np.float32(128)
        cells_NCE = inner.transpose(0, 2, 4, 1, 3, 5).reshape(-1, SIDE**2, 12)
        unit_NCE = cells_NCE / np.linalg.norm(cells_NCE, axis=2, keepdims=True).clip(1e-6)
        return unit_NCE.reshape(-1, self.local_bytes)

    def embed_query_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> list[ImageEmbedding]:
        """One scale, one heading, with local features."""
        shown = zip(self.embed_pixels(pixels_N3SS), self.local_features(pixels_N3SS), strict=True)
        return [ImageEmbedding(row_D[None, None], local_L[None]) for row_D, local_L in shown]

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        """The same as a query's, quantised."""
        return GalleryRows(
            self.embed_pixels(pixels_N3SS), quantised(self.local_features(pixels_N3SS))
        )
