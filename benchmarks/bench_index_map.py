"""Indexing a map whose tiles overlap: with `--dense`, against each tile alone.

Both builds read the same GeoTIFF and store pictures, descriptors and the matcher's rows. They take
turns, so that a busy machine slows both; processor time is compared too.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from figure import CannotRun, Figure
from PIL import Image

from indexer.building import operations
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.dense import DenseTiles, dense_tiles
from model.embedder import SHIPPED_WEIGHTS, Embedder

SIDE_PX, TILE_M, TURNS = 1_280, 128.0, 3
"""A map of 640 m at 0.5 m a pixel: 17 x 17 tiles at quarter steps."""


def run() -> dict[str, Figure]:
    """Images a second and processor time of both, and their ratios."""
    if not SHIPPED_WEIGHTS.exists():
        raise CannotRun(f"the shipped weights {SHIPPED_WEIGHTS.name} are missing")
    embedder, dense = Embedder.load(device="cpu"), dense_tiles()
    with tempfile.TemporaryDirectory() as place:
        path = _map(Path(place) / "map.tif")
        _build(embedder, path, Path(place) / "warm-up", dense)
        alone, once = [], []
        for turn in range(TURNS):
            alone.append(_build(embedder, path, Path(place) / f"alone-{turn}", None))
            once.append(_build(embedder, path, Path(place) / f"once-{turn}", dense))
    pairs = list(zip(alone, once, strict=True))
    return {
        "index_map_images_per_s": Figure.of([each[0] / each[1] for each in once], "images/s"),
        "index_map_over_per_tile": Figure.of([a[1] / b[1] for a, b in pairs], "ratio"),
        "index_map_processor_over_per_tile": Figure.of([a[2] / b[2] for a, b in pairs], "ratio"),
    }


def _map(path: Path) -> Path:
    noise = np.random.default_rng(0)
    ground = np.zeros((SIDE_PX, SIDE_PX, 3))
    for cells in (20, 80, 320):
        coarse = Image.fromarray(noise.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        ground += np.asarray(coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)) / 3
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000)
    bands = ground.astype(np.uint8).transpose(2, 0, 1)
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=SIDE_PX, width=SIDE_PX, dtype="uint8",
        crs="EPSG:32633", transform=transform,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return path


def _build(
    embedder: Embedder, path: Path, store: Path, dense: DenseTiles | None
) -> tuple[int, float, float]:
    """Return the number of images, seconds, and seconds of processor time."""
    source = open_source(path, SourceOptions(tile_m=(TILE_M,)))
    began, processor = time.perf_counter(), time.process_time()
    done = operations.build(store, "map", source, embedder, dense=dense)
    return done.size, time.perf_counter() - began, time.process_time() - processor
