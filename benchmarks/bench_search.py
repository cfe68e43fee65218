"""One query over a gallery of 100,000 descriptors, as `Gallery.search` does it.

Candidates come from the index, their order from the fp16 rows on disk. `bytes` is the index in
memory per image (the re-ranking rows, 5,120 bytes an image, stay on disk); `recall1` is how often
the first match is that of an exhaustive fp32 search; local features are left out. The descriptors
are clustered like a real gallery's, see clustered.py: 20,000 places of 5 overlapping tiles.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from clustered import OVERLAP_COSINE, Spread
from figure import Figure, seconds_of
from numpy.typing import NDArray

from indexer.gallery import vectors
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.vector_search import Searcher
from indexer.gallery.vectors import INDEX_KINDS
from indexer.localization.localize import JUDGED
from model.descriptor_model import GalleryRows

SIZE, TILES, QUERIES, CHUNK = 100_000, 5, 500, 5_000
DEFAULT, COMPACT = vectors.choose("auto", SIZE), "ivf-rabitq"


def run() -> dict[str, Figure]:
    """Time, size and recall of every index type; the default and the compact one by role too."""
    spread = Spread.measured()
    dim = len(spread.mean_D)
    with tempfile.TemporaryDirectory() as folder:
        file = DescriptorFile(Path(folder) / "rows.f16", dim, 0, writable=True)
        noise = np.random.default_rng(0)
        for start in range(0, SIZE, CHUNK):
            places_ND = spread.places(CHUNK // TILES, noise).repeat(TILES, axis=0)
            tiles_ND = spread.near(places_ND, OVERLAP_COSINE, noise)
            file.write(start, GalleryRows(tiles_ND, np.empty((CHUNK, 0), np.int8)))
        asked_QD = file.gather(np.sort(noise.integers(0, SIZE, QUERIES))).astype(np.float32)
        queries_QD = spread.near(asked_QD, spread.query_cosine, noise)
        truth_Q = _exact(file, queries_QD)
        figures: dict[str, Figure] = {}
        for kind in INDEX_KINDS:
            if kind != "auto":
                path = Path(folder) / f"{kind}.faiss"
                vectors.save(_built(kind, file, dim), path)
                found = _figures(path, kind, file, queries_QD, truth_Q)
                path.unlink()
                figures |= {f"search_100k_{kind}_{key}": value for key, value in found.items()}
                roles = {DEFAULT: "default", COMPACT: "compact"}
                if kind in roles:
                    role = roles[kind]
                    figures |= {f"search_100k_{role}_{key}": v for key, v in found.items()}
        file.close()
    return figures


def _figures(
    path: Path,
    kind: str,
    file: DescriptorFile,
    queries_QD: NDArray[np.float32],
    truth_Q: NDArray[np.int64],
) -> dict[str, Figure]:
    searcher = Searcher(path, kind)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    found: list[int] = []
    each_s = [
        seconds_of(lambda q=query_D: found.append(_search(searcher, file, q)), runs=1, warm_up=0)[0]  # type: ignore[misc]
        for query_D in queries_QD
    ]
    faiss.omp_set_num_threads(threads)
    searcher.close()
    return {
        "ms": Figure.of([second * 1e3 for second in each_s], "ms"),
        "bytes": Figure.of([path.stat().st_size / SIZE], "bytes/image"),
        "recall1": Figure.of([float(np.mean(np.array(found) == truth_Q))], "share"),
    }


def _search(searcher: Searcher, file: DescriptorFile, query_D: NDArray[np.float32]) -> int:
    slots = searcher.search(query_D[None], max(searcher.depth, 2 * JUDGED))
    scores_N = file.gather(slots).astype(np.float32) @ query_D
    return int(slots[np.argmax(scores_N)])


def _built(kind: str, file: DescriptorFile, dim: int) -> object:
    def sample(count: int) -> NDArray[np.float32]:
        slots = np.sort(np.random.default_rng(1).choice(SIZE, min(count, SIZE), replace=False))
        rows_ND: NDArray[np.float32] = file.gather(slots).astype(np.float32)
        return rows_ND

    return vectors.build(kind, dim, SIZE, sample, _chunks(file))


def _chunks(file: DescriptorFile) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for start in range(0, SIZE, CHUNK):
        yield np.arange(start, start + CHUNK), file.read(start, CHUNK).astype(np.float32)


def _exact(file: DescriptorFile, queries_QD: NDArray[np.float32]) -> NDArray[np.int64]:
    scores = [queries_QD @ rows_ND.T for _, rows_ND in _chunks(file)]
    best_Q: NDArray[np.int64] = np.concatenate(scores, axis=1).argmax(axis=1)
    return best_Q
