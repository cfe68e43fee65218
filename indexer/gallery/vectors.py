"""FAISS indexes over descriptors: choice of type and parameters, building from rows on disk.

This is the only module that imports faiss; `vector_search.py` takes it from here. Ids are
descriptor slots, scores are inner products of unit rows. Legend: N rows, D descriptor length.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from indexer.errors import FaissConflictError

IndexKind = Literal["auto", "flat", "sq8", "ivf-sq8", "hnsw-sq8", "ivf-rabitq"]
INDEX_KINDS: tuple[str, ...] = get_args(IndexKind)

TRAIN_ROWS_SCALAR = 1_024
"""Number of rows for training. Our choice: enough for each dimension's range, 10 MB at 2560-d;
re-ranking corrects the rest."""


def refuse_two_faiss() -> None:
    """Refuse two faiss distributions: they overwrite each other's files under one import name.

    Raises:
        FaissConflictError: a CPU and a GPU distribution are both installed.
    """
    names = {(dist.metadata["Name"] or "").lower() for dist in metadata.distributions()}
    if "faiss-cpu" in names and any(name.startswith("faiss-gpu") for name in names):
        raise FaissConflictError(
            "faiss-cpu and faiss-gpu are both installed and overwrite each other; "
            "uninstall both, then install one of them"
        )


refuse_two_faiss()
faiss: Any = import_module("faiss")  # after the check, and untyped: its own hints are wrong


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one index type is built and searched.

    `depth` is how many candidates are fetched at least before exact re-ranking, `probes` the number
    of the inverted `lists` that a query visits. Our choice: as many as find 0.99 of the first
    matches at a million images; docs/scaling.md has what each costs.
    """

    depth: int
    lists: int = 0
    probes: int = 0


def choose(kind: str, size: int) -> str:
    """Return the index type for a gallery size; `auto` keeps search exact while that is fast.

    Our choice: flat to 5,000 rows (50 MB at 2560-d), sq8 to 30,000; above
    hnsw-sq8, or ivf-sq8 where a GPU can search it. Measured at 100,000: `make bench BENCH=search`.
    Above 200,000 rows (0.6 GB of hnsw-sq8) ivf-rabitq, which is built and opened faster and needs
    a sixth of the memory. Measured at 1,000,000: `benchmarks/scale.py`.
    """
    if kind != "auto":
        return kind
    if size <= 5_000:
        return "flat"
    if size <= 30_000:
        return "sq8"
    if size > 200_000:
        return "ivf-rabitq"
    return "ivf-sq8" if gpus() else "hnsw-sq8"


def gpus() -> int:
    """Return the number of GPUs that this faiss can use."""
    return int(getattr(faiss, "get_num_gpus", lambda: 0)())


def bytes_per_row(kind: str, descriptor_dim: int) -> int:
    """Return about how many bytes an index type stores per row, without shared tables."""
    if kind == "flat":
        return 4 * descriptor_dim
    return descriptor_dim // 8 + 16 if kind == "ivf-rabitq" else descriptor_dim + 16


def recipe(kind: str, size: int) -> Recipe:
    """Return the parameters of one index type at one size."""
    lists = max(1, min(1024, size // 64))
    if kind == "ivf-sq8":
        return Recipe(depth=32, lists=lists, probes=max(1, min(lists, 128)))
    if kind == "ivf-rabitq":
        return Recipe(depth=200, lists=lists, probes=max(1, min(lists, 160)))
    return Recipe(depth=32)


def build(
    kind: str,
    descriptor_dim: int,
    size: int,
    sample: Callable[[int], NDArray[np.float32]],
    rows: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]],
) -> Any:
    """Train and fill a CPU index.

    Args:
        kind: one of INDEX_KINDS except `auto`.
        descriptor_dim: D.
        size: number of rows that will come.
        sample: returns up to that many rows, spread over the gallery, for training.
        rows: slots [n] and rows [n, D], a chunk at a time.
    """
    plan = recipe(kind, size)
    inner = _empty(kind, descriptor_dim, plan)
    if not inner.is_trained and size:
        wanted = TRAIN_ROWS_SCALAR if plan.lists == 0 else max(256, 40 * plan.lists)
        inner.train(sample(wanted))
    index = faiss.IndexIDMap(inner)
    for slots_n, rows_nD in rows:
        index.add_with_ids(rows_nD, slots_n)
    return index


def _empty(kind: str, dim: int, plan: Recipe) -> Any:
    product = faiss.METRIC_INNER_PRODUCT
    eight_bit = faiss.ScalarQuantizer.QT_8bit
    if kind == "flat":
        return faiss.IndexFlatIP(dim)
    if kind == "sq8":
        return faiss.IndexScalarQuantizer(dim, eight_bit, product)
    if kind == "hnsw-sq8":
        index = faiss.IndexHNSWSQ(dim, eight_bit, 32, product)
        index.hnsw.efConstruction = 80
        index.hnsw.efSearch = 256
        return index
    if kind == "ivf-sq8":
        quantizer = faiss.IndexFlatIP(dim)
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, plan.lists, eight_bit, product, False)
    elif kind == "ivf-rabitq":
        quantizer = faiss.IndexFlatIP(dim)
        index = faiss.IndexIVFRaBitQ(quantizer, dim, plan.lists, product)
    else:
        raise ValueError(f"{kind!r} is no index type; use one of {', '.join(INDEX_KINDS)}")
    index.own_fields = True
    quantizer.this.disown()
    index.cp.min_points_per_centroid = 1
    index.cp.seed = 1
    index.cp.niter = 10
    index.nprobe = plan.probes
    return index


def save(index: Any, path: Path) -> None:
    """Write a CPU index."""
    faiss.write_index(index, str(path))
