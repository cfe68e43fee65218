"""FAISS indexes over descriptors: built from rows on disk, saved for the CPU, searched anywhere.

The only module that imports faiss. Ids are descriptor slots; scores are inner products of unit
rows. Legend: N rows, D descriptor length, K results.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from indexer.errors import FaissConflictError, GalleryMismatchError

IndexKind = Literal["auto", "flat", "sq8", "ivf-sq8", "hnsw-sq8", "ivf-rabitq"]
INDEX_KINDS: tuple[str, ...] = get_args(IndexKind)

TRAIN_ROWS_SCALAR = 1_024
"""Ours: enough to see each dimension's range; 10 MB at 2560-d. Re-ranking forgives the rest."""

_CLONEABLE = ("flat", "ivf-sq8")
"""What faiss can copy to a GPU; the others stay on the CPU."""


def refuse_two_faiss() -> None:
    """Two faiss distributions overwrite each other's files under one import name.

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

    `depth` is how many candidates are fetched at least before exact re-ranking, `probe_share` the
    part of the inverted lists that a query visits.
    """

    depth: int
    lists: int = 0
    probes: int = 0


def choose(kind: str, size: int) -> str:
    """The index type for a gallery size; `auto` keeps search exact while that is fast.

    Ours: flat to 5,000 rows (50 MB at 2560-d), sq8 to 30,000, ivf-sq8 above.
    """
    if kind != "auto":
        return kind
    if size <= 5_000:
        return "flat"
    return "sq8" if size <= 30_000 else "ivf-sq8"


def bytes_per_row(kind: str, descriptor_dim: int) -> int:
    """About how much an index type keeps of one row, bytes, without shared tables."""
    if kind == "flat":
        return 4 * descriptor_dim
    return descriptor_dim // 8 + 16 if kind == "ivf-rabitq" else descriptor_dim + 16


def recipe(kind: str, size: int) -> Recipe:
    """Numbers for one index type at one size."""
    lists = max(1, min(1024, size // 64))
    if kind == "ivf-sq8":
        return Recipe(depth=32, lists=lists, probes=max(1, min(lists, 32)))
    if kind == "ivf-rabitq":
        return Recipe(depth=200, lists=lists, probes=max(1, min(lists, 64)))
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
        kind: one of INDEX_KINDS but `auto`.
        descriptor_dim: D.
        size: how many rows will come.
        sample: gives up to that many rows, spread over the gallery, for training.
        rows: slots [n] and rows [n, D], a chunk at a time.
    """
    plan = recipe(kind, size)
    inner = _empty(kind, descriptor_dim, plan)
    if not inner.is_trained and size:
        wanted = TRAIN_ROWS_SCALAR if plan.lists == 0 else max(256, 40 * plan.lists)
        inner.train(sample(wanted))
    index = faiss.IndexIDMap2(inner)
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
        index.hnsw.efSearch = 96
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


class Searcher:
    """An opened index; on a GPU where one and faiss-gpu are there and the type allows it."""

    def __init__(self, path: Path, kind: str, *, gpu: bool = True) -> None:
        try:
            self._index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise GalleryMismatchError(
                f"index of gallery version {path.parent.name!r} cannot be read; "
                "run: safenet-index rebuild"
            ) from error
        self.kind = kind
        self.depth = recipe(kind, self._index.ntotal).depth
        self._resources: Any = None
        self._lock: threading.Lock | None = None
        if gpu and kind in _CLONEABLE and getattr(faiss, "get_num_gpus", lambda: 0)() > 0:
            self._to_gpu()

    def _to_gpu(self) -> None:
        # One resource object is not thread-safe, hence the lock around every search.
        self._resources = faiss.StandardGpuResources()
        self._index = faiss.index_cpu_to_gpu(self._resources, 0, self._index)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """How many rows are indexed."""
        return int(self._index.ntotal)

    @property
    def descriptor_dim(self) -> int:
        """D."""
        return int(self._index.d)

    def slots(self) -> NDArray[np.int64]:
        """Every indexed slot, in the order of indexing: int64 [N]."""
        return np.array(faiss.vector_to_array(self._index.id_map))

    def search(
        self,
        descriptor_D: NDArray[np.float32],
        count: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """The `count` most alike slots, best first; fewer where fewer are found: int64 [K].

        Args:
            descriptor_D: the query's unit descriptor.
            count: how many.
            allowed: only these slots; CPU indexes only.
        """
        if self.size == 0:
            return np.empty(0, dtype=np.int64)
        query_1D = np.ascontiguousarray(descriptor_D[None], dtype=np.float32)
        params = None if allowed is None else self._selecting(allowed)
        if self._lock is None:
            _, found_1K = self._index.search(query_1D, min(count, self.size), params=params)
        else:
            with self._lock:
                _, found_1K = self._index.search(query_1D, min(count, self.size, 2048))
        found: NDArray[np.int64] = found_1K[0]
        return found[found >= 0]

    def _selecting(self, allowed: NDArray[np.int64]) -> Any:
        inner = faiss.downcast_index(self._index.index)
        if isinstance(inner, faiss.IndexIVFRaBitQ):
            params = faiss.IVFRaBitQSearchParameters()
            params.qb = inner.qb
        elif isinstance(inner, faiss.IndexIVF):
            params = faiss.SearchParametersIVF()
        elif isinstance(inner, faiss.IndexHNSW):
            params = faiss.SearchParametersHNSW()
            params.efSearch = inner.hnsw.efSearch
        else:
            params = faiss.SearchParameters()
        if isinstance(inner, faiss.IndexIVF):
            params.nprobe = inner.nprobe
        params.sel = params.referenced_selector = faiss.IDSelectorBatch(allowed)
        return params

    @property
    def on_gpu(self) -> bool:
        """Whether searches run on a GPU."""
        return self._resources is not None

    def close(self) -> None:
        """Free the index."""
        self._index = None
        self._resources = None
