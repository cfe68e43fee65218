"""Building a gallery against the bare embedder, and the memory of a small and a large one.

Both paths start from the same JPEG files and end with descriptors. "Bare" decodes, resizes and
embeds in batches of 32 with nothing beside it; the build also stores pictures, descriptors and
rows and publishes an index. They take turns, so that a busy machine slows both.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from figure import CannotRun, Figure
from PIL import Image

from indexer.building import operations
from indexer.building.embedding import BATCH
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import GalleryRows, ImageEmbedding
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.images import open_image

IMAGES, TURNS, SIDE_PX = 192, 3, 512
SMALL, LARGE, TILE_PX = 1_000, 20_000, 32


def run() -> dict[str, Figure]:
    """`index_build_over_embedder`, both paces, and peak memory of a large over a small build."""
    if not SHIPPED_WEIGHTS.exists():
        raise CannotRun(f"the shipped weights {SHIPPED_WEIGHTS.name} are missing")
    with tempfile.TemporaryDirectory() as place:
        return _paces(Path(place)) | _memory(Path(place))


def _paces(place: Path) -> dict[str, Figure]:
    files = write_photos(place / "photos", IMAGES)
    embedder = Embedder.load()
    _bare(embedder, files[:BATCH])
    bare, built = [], []
    for turn in range(TURNS):
        bare.append(len(files) / _bare(embedder, files))
        built.append(len(files) / _build(embedder, place / "photos", place / f"store-{turn}"))
    ratios = [ours / theirs for ours, theirs in zip(built, bare, strict=True)]
    return {
        "index_build_over_embedder": Figure.of(ratios, "ratio"),
        "index_build_images_per_s": Figure.of(built, "images/s"),
        "index_build_bare_images_per_s": Figure.of(bare, "images/s"),
    }


def write_photos(folder: Path, count: int) -> list[Path]:
    """Write photo-like JPEG files with a table of their places, where there are none yet."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    lines = ["path,latitude,longitude"]
    for number in range(count):
        coarse = noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:04}.jpg", quality=90)
        lines.append(f"{number:04}.jpg,{10 + number / 1000},20.0")
    (folder / "places.csv").write_text("\n".join(lines) + "\n")
    return sorted(folder.glob("*.jpg"))


def _bare(embedder: Embedder, files: list[Path]) -> float:
    began = time.perf_counter()
    for start in range(0, len(files), BATCH):
        batch = [open_image(file, min_side=512) for file in files[start : start + BATCH]]
        embedder.embed_gallery_pixels(np.stack([embedder.preprocess(image) for image in batch]))
    return time.perf_counter() - began


def _build(embedder: Embedder, folder: Path, store: Path) -> float:
    began = time.perf_counter()
    operations.build(store, "bench", open_source(folder, SourceOptions(view="drone")), embedder)
    return time.perf_counter() - began


class _Thumbnail:
    """A descriptor of the network's length without a network, so that 20,000 tiles take minutes."""

    name, sha256, calibration = "thumbnail", "0" * 64, None
    descriptor_dim, local_bytes, input_size, matcher = 2560, 0, 192, None

    def preprocess(self, image: Image.Image) -> np.ndarray:
        small = image.resize((self.input_size, self.input_size))
        return np.asarray(small, dtype=np.uint8).transpose(2, 0, 1)

    def embed_pixels(self, pixels_N3SS: np.ndarray) -> np.ndarray:
        flat_ND = pixels_N3SS.reshape(len(pixels_N3SS), -1)[:, ::43][:, :2560].astype(np.float32)
        flat_ND = flat_ND - flat_ND.mean(axis=1, keepdims=True) + 1e-3
        return flat_ND / np.linalg.norm(flat_ND, axis=1, keepdims=True)

    def embed_gallery_pixels(self, pixels_N3SS: np.ndarray) -> GalleryRows:
        return GalleryRows(self.embed_pixels(pixels_N3SS), np.empty((len(pixels_N3SS), 0), np.int8))

    def embed_query_pixels(self, pixels_N3SS: np.ndarray) -> list[ImageEmbedding]:
        return [ImageEmbedding(row_D[None, None]) for row_D in self.embed_pixels(pixels_N3SS)]

    def embed(self, images: list[Image.Image]) -> np.ndarray:
        return self.embed_pixels(np.stack([self.preprocess(image) for image in images]))


def _memory(place: Path) -> dict[str, Figure]:
    """Peak resident memory of building, without the index's own bytes, large over small."""
    peaks = {}
    for count in (SMALL, LARGE):
        folder = _tiles(place / f"tiles-{count}", count)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks[count] = pool.apply(_peak_bytes, (folder, place / f"store-{count}"))
    ratio = peaks[LARGE] / peaks[SMALL]
    return {
        "index_build_memory_20k_over_1k": Figure.of([ratio], "ratio"),
        "index_build_memory_1k": Figure.of([peaks[SMALL] / 1e6], "MB"),
    }


def _tiles(root: Path, count: int) -> Path:
    noise = np.random.default_rng(1)
    for x in range(count // 100):
        column = root / "19" / str(280_000 + x)
        column.mkdir(parents=True)
        for y in range(100):
            pixels = noise.integers(0, 256, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(column / f"{178_000 + y}.jpg")
    return root


def _peak_bytes(folder: Path, store: Path) -> float:
    operations.build(store, "bench", open_source(folder, SourceOptions()), _Thumbnail())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    index = next(store.glob("bench/versions/*/index.faiss")).stat().st_size
    return float(peak - index)
