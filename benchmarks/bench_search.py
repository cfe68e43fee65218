"""One query over a gallery of 100,000 descriptors, as `Gallery.search` does it.

Candidates come from the index, their order from the fp16 rows on disk. `bytes` is the index in
memory per image; `recall1` is how often the first match is that of an exhaustive fp32 search.
Descriptors are synthetic: 10,000 places of 10 views each, unit length, 2560-d.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figure import Figure, seconds_of
from numpy.typing import NDArray

from indexer import vectors
from indexer.descriptors import DescriptorFile
from indexer.vectors import Searcher

SIZE, DIM, PLACES, QUERIES, CHUNK = 100_000, 2560, 10_000, 200, 5_000
KINDS = {"default": vectors.choose("auto", SIZE), "compact": "ivf-rabitq"}


def run() -> dict[str, Figure]:
    """Time, size and recall of the default index and of the compact one."""
    with tempfile.TemporaryDirectory() as folder:
        file = DescriptorFile(Path(folder) / "rows.f16", DIM, writable=True)
        noise = np.random.default_rng(0)
        places_PD = _unit(noise.standard_normal((PLACES, DIM), dtype=np.float32))
        for start in range(0, SIZE, CHUNK):
            file.write(start, _views(places_PD, np.arange(start, start + CHUNK), noise))
        queries_QD = _views(places_PD, noise.integers(0, SIZE, QUERIES), noise)
        truth_Q = _exact(file, queries_QD)
        figures: dict[str, Figure] = {}
        for label, kind in KINDS.items():
            path = Path(folder) / f"{kind}.faiss"
            vectors.save(_built(kind, file), path)
            figures |= _figures(f"search_100k_{label}", path, kind, file, queries_QD, truth_Q)
        file.close()
    return figures


def _figures(
    key: str,
    path: Path,
    kind: str,
    file: DescriptorFile,
    queries_QD: NDArray[np.float32],
    truth_Q: NDArray[np.int64],
) -> dict[str, Figure]:
    searcher = Searcher(path, kind)
    found = [_search(searcher, file, query_D) for query_D in queries_QD]
    each_s = [
        seconds_of(lambda q=query_D: _search(searcher, file, q), runs=1, warm_up=0)[0]  # type: ignore[misc]
        for query_D in queries_QD
    ]
    searcher.close()
    return {
        f"{key}_ms": Figure.of([second * 1e3 for second in each_s], "ms"),
        f"{key}_bytes": Figure.of([path.stat().st_size / SIZE], "bytes/image"),
        f"{key}_recall1": Figure.of([float(np.mean(np.array(found) == truth_Q))], "share"),
    }


def _search(searcher: Searcher, file: DescriptorFile, query_D: NDArray[np.float32]) -> int:
    slots = np.sort(searcher.search(query_D, searcher.depth))
    scores_N = file.gather(slots).astype(np.float32) @ query_D
    return int(slots[np.argmax(scores_N)])


def _built(kind: str, file: DescriptorFile) -> object:
    def sample(count: int) -> NDArray[np.float32]:
        slots = np.sort(np.random.default_rng(1).choice(SIZE, min(count, SIZE), replace=False))
        rows_ND: NDArray[np.float32] = file.gather(slots).astype(np.float32)
        return rows_ND

    return vectors.build(kind, DIM, SIZE, sample, _chunks(file))


def _chunks(file: DescriptorFile) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for start in range(0, SIZE, CHUNK):
        yield np.arange(start, start + CHUNK), file.read(start, CHUNK).astype(np.float32)


def _exact(file: DescriptorFile, queries_QD: NDArray[np.float32]) -> NDArray[np.int64]:
    scores = [queries_QD @ rows_ND.T for _, rows_ND in _chunks(file)]
    best_Q: NDArray[np.int64] = np.concatenate(scores, axis=1).argmax(axis=1)
    return best_Q


def _views(
    places_PD: NDArray[np.float32], rows_N: NDArray[np.int64], noise: np.random.Generator
) -> NDArray[np.float32]:
    """Views of places: the place's descriptor and as much noise again; cosine about 0.5."""
    jitter_ND = noise.standard_normal((len(rows_N), places_PD.shape[1]), dtype=np.float32)
    return _unit(places_PD[rows_N % PLACES] + _unit(jitter_ND))


def _unit(rows_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    unit_ND: NDArray[np.float32] = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return unit_ND
