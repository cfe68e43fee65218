"""Descriptors like a real gallery's, as many as wanted: real ones, mixed and perturbed.

A small map is rendered and embedded with the shipped weights. New places are drawn from the
spread of its tiles (mean and principal directions); the tiles of one place differ as overlapping
tiles do, a query differs from its tile as the rendered drone images differ from theirs.
Legend: N rows, M map tiles, D descriptor length.
"""

import csv
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.embedder import Embedder
from model.images import open_image

Rows = NDArray[np.float32]
OVERLAP_COSINE = 0.9
"""Our choice: between the tiles of one place."""


@dataclass(frozen=True)
class Spread:
    """Mean [D], principal directions scaled by their deviation [M, D], drone-to-tile cosine."""

    mean_D: Rows
    directions_MD: Rows
    query_cosine: float

    @classmethod
    def measured(cls) -> "Spread":
        """Of a freshly rendered map of 144 tiles with 100 drone images."""
        with tempfile.TemporaryDirectory() as folder:
            command = [str(Path(sys.executable).with_name("safenet-world")), "render-map", folder]
            options = ["--tiles", "12x12", "--flights", "2", "--images", "50", "--seed", "9"]
            subprocess.run([*command, *options], check=True, capture_output=True)  # noqa: S603
            tiles_MD, cosine = _embedded(Path(folder))
        mean_D = tiles_MD.mean(axis=0)
        _, deviation_M, directions_MD = np.linalg.svd(tiles_MD - mean_D, full_matrices=False)
        scaled_MD = directions_MD * (deviation_M / np.sqrt(len(tiles_MD)))[:, None]
        return cls(mean_D, scaled_MD.astype(np.float32), cosine)

    def places(self, count: int, noise: np.random.Generator) -> Rows:
        """Unit descriptors of new places [N, D]."""
        weights_NM = noise.standard_normal((count, len(self.directions_MD)), dtype=np.float32)
        return unit(self.mean_D + weights_NM @ self.directions_MD)

    def near(self, rows_ND: Rows, cosine: float, noise: np.random.Generator) -> Rows:
        """Each row moved towards another place until about `cosine` is left: [N, D]."""
        others_ND = self.places(len(rows_ND), noise)
        along_N1 = (others_ND * rows_ND).sum(axis=1, keepdims=True)
        away_ND = unit(others_ND - along_N1 * rows_ND)
        return (cosine * rows_ND + np.sqrt(1 - cosine**2) * away_ND).astype(np.float32)


def unit(rows_ND: Rows) -> Rows:
    """Rows of length one."""
    unit_ND: Rows = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return unit_ND


def _embedded(folder: Path) -> tuple[Rows, float]:
    """Tiles [M, D], and the mean cosine of a drone image and the tile that holds its aim."""
    with (folder / "gps.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    embedder = Embedder.load()
    tiles = [row for row in rows if row["view"] == "satellite"]
    drones = [row for row in rows if row["view"] == "drone"]
    drones_ND = embedder.embed([open_image(folder / row["path"]) for row in drones])
    pixels = [embedder.preprocess(open_image(folder / row["path"])) for row in tiles]
    tiles_MD = embedder.embed_gallery_pixels(np.stack(pixels)).descriptors_ND
    cosines = [
        drone_D @ tile_D
        for row, drone_D in zip(drones, drones_ND, strict=True)
        for tile, tile_D in zip(tiles, tiles_MD, strict=True)
        if _inside(row, tile)
    ]
    return tiles_MD, float(np.mean(cosines))


def _inside(drone: dict[str, str], tile: dict[str, str]) -> bool:
    latitude, longitude = float(drone["target_latitude"]), float(drone["target_longitude"])
    west, south, east, north = (float(tile[side]) for side in ("west", "south", "east", "north"))
    return west <= longitude < east and south <= latitude < north
