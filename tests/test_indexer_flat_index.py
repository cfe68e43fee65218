"""A flat index in memory: half its size on disk, and the same candidates."""

from pathlib import Path

import numpy as np

from indexer.gallery import vectors
from indexer.gallery.vector_search import Searcher

ROWS, LENGTH = 300, 64


def test_rows_of_16_bits_give_the_candidates_of_exact_search(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    rows_ND = random.normal(size=(ROWS, LENGTH)).astype(np.float16).astype(np.float32)
    slots_N = np.arange(ROWS, dtype=np.int64) * 3
    index = vectors.build("flat", LENGTH, ROWS, lambda _: rows_ND, [(slots_N, rows_ND)])
    vectors.save(index, tmp_path / "index.faiss")
    searcher = Searcher(tmp_path / "index.faiss", "flat", gpu=False)
    assert searcher.size == ROWS
    assert searcher.slots().tolist() == slots_N.tolist()
    for _ in range(20):
        query_1D = random.normal(size=(1, LENGTH)).astype(np.float32)
        best = slots_N[np.argsort(-(rows_ND @ query_1D[0]))[:10]]
        assert set(searcher.search(query_1D, 10).tolist()) == set(best.tolist())
        allowed = slots_N[::7]
        among = allowed[np.argsort(-(rows_ND[::7] @ query_1D[0]))[:10]]
        assert set(searcher.search(query_1D, 10, allowed).tolist()) == set(among.tolist())


def test_an_empty_flat_index_finds_nothing(tmp_path: Path) -> None:
    index = vectors.build("flat", LENGTH, 0, lambda _: np.empty((0, LENGTH), np.float32), [])
    vectors.save(index, tmp_path / "index.faiss")
    searcher = Searcher(tmp_path / "index.faiss", "flat", gpu=False)
    assert searcher.search(np.ones((1, LENGTH), np.float32), 10).tolist() == []
