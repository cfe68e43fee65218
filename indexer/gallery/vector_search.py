"""A saved FAISS index, opened for searching on the CPU or a GPU.

Legend: N rows, S scales of a query, D descriptor length, K results.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import GalleryMismatchError
from indexer.gallery.vectors import faiss, gpus, recipe

_CLONEABLE = ("flat", "ivf-sq8")
"""Index types that faiss can copy to a GPU; the others stay on the CPU."""

_MAPPED = ("ivf-sq8", "ivf-rabitq")
"""Index types whose lists stay in the file: opening reads none of them, and processes share the
pages that searches have read."""


class Searcher:
    """An opened index, on a GPU if there is one, faiss-gpu is installed and the type allows it."""

    def __init__(self, path: Path, kind: str, *, gpu: bool = True) -> None:
        to_gpu = gpu and kind in _CLONEABLE and gpus() > 0
        mapped = kind in _MAPPED and not to_gpu
        try:
            self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
        except RuntimeError as error:
            raise GalleryMismatchError(
                f"index of gallery version {path.parent.name!r} cannot be read; "
                "run: safenet-index rebuild"
            ) from error
        self.kind = kind
        self.depth = recipe(kind, self._index.ntotal).depth
        self._resources: Any = None
        self._lock: threading.Lock | None = None
        if mapped:
            # faiss starts 32 threads per search to read ahead; the pages are in memory as a rule.
            inner = faiss.downcast_index(self._index.index)
            faiss.downcast_InvertedLists(inner.invlists).prefetch_nthread = 0
        if to_gpu:
            self._to_gpu()
        elif kind == "flat":
            self._index = _in_16_bits(self._index)

    def _to_gpu(self) -> None:
        # One resource object is not thread-safe, hence the lock around every search.
        self._resources = faiss.StandardGpuResources()
        self._index = faiss.index_cpu_to_gpu(self._resources, 0, self._index)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of indexed rows."""
        return int(self._index.ntotal)

    @property
    def descriptor_dim(self) -> int:
        """Length D of a descriptor."""
        return int(self._index.d)

    def slots(self) -> NDArray[np.int64]:
        """Return every indexed slot, in the order of indexing: int64 [N]."""
        return np.array(faiss.vector_to_array(self._index.id_map))

    def search(
        self,
        descriptors_SD: NDArray[np.float32],
        count: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """Return the `count` most similar slots of every scale, ascending, each once: int64 [K].

        Args:
            descriptors_SD: the query's unit descriptors.
            count: number of slots per scale; fewer if fewer are found.
            allowed: only these slots; CPU indexes only.
        """
        if self.size == 0:
            return np.empty(0, dtype=np.int64)
        query_SD = np.ascontiguousarray(descriptors_SD, dtype=np.float32)
        params = None if allowed is None else self._selecting(allowed)
        if self._lock is None:
            _, found_SK = self._index.search(query_SD, min(count, self.size), params=params)
        else:
            with self._lock:
                _, found_SK = self._index.search(query_SD, min(count, self.size, 2048))
        found: NDArray[np.int64] = np.unique(found_SK)
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


def _in_16_bits(index: Any) -> Any:
    """Return a flat index with 16-bit rows, in half the memory.

    Our choice: the candidates are ranked by the fp16 descriptors on disk in any case.
    """
    flat = faiss.downcast_index(index.index)
    small = faiss.IndexScalarQuantizer(
        flat.d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    halved = faiss.IndexIDMap2(small)
    if flat.ntotal:
        rows_ND = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
        halved.add_with_ids(
            rows_ND.reshape(flat.ntotal, flat.d), faiss.vector_to_array(index.id_map)
        )
    return halved
