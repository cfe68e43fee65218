"""Opens a gallery in a process of its own and searches it: seconds, memory and what was found.

Started by scale.py; prints one JSON object.
"""

import json
import os
import sys
import time
from pathlib import Path

import faiss
import numpy as np

from indexer.gallery.gallery import Gallery
from indexer.gallery.layout import current_version, gallery_folder
from model.cpu_threads import limit_blas_threads
from model.descriptor_model import FusedQuery

TOP = 10


def main(store: Path, name: str, queries_npy: str, cold: bool) -> None:
    """Open, search every query twice (the second time counts), print what it took."""
    if cold:
        forget(gallery_folder(store, name).version(current_version(store, name)))
    before = resident_bytes()
    started, used = time.perf_counter(), time.process_time()
    gallery = Gallery.open(store, name, embedder=None)
    facts: dict[str, object] = {"open_s": time.perf_counter() - started}
    facts["open_cpu_s"] = time.process_time() - used
    facts["index_kind"] = gallery.manifest.index_kind
    facts["index_bytes"] = gallery.manifest.index_bytes
    if queries_npy:
        faiss.omp_set_num_threads(1)
        limit_blas_threads()
        queries = [FusedQuery(each_D[None], 1.0) for each_D in np.load(queries_npy)]
        for query in queries:
            gallery.search(query, top_k=TOP)
        times_ms, cpu_ms, found = [], [], []
        for query in queries:
            started, used = time.perf_counter(), time.process_time()
            matches = gallery.search(query, top_k=TOP)
            times_ms.append((time.perf_counter() - started) * 1e3)
            cpu_ms.append((time.process_time() - used) * 1e3)
            found.append([match.image_id for match in matches])
        facts |= {"times_ms": times_ms, "cpu_ms": cpu_ms, "found": found}
        facts["resident_bytes"] = resident_bytes() - before
    gallery.close()
    print(json.dumps(facts))


def forget(place: Path) -> None:
    """Drop a version's files from the page cache, as after a restart of the machine."""
    for path in place.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def resident_bytes() -> int:
    """Return this process's memory, with the pages of mapped files that it has read."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "cold")
