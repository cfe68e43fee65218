"""The same synthetic galleries in a Milvus server, which this starts in an empty folder.

The server is that of PyPI's package `milvus` (2.3.5, one process with its own etcd and message
log). After a build it is killed and started again, so that memory and times are those of a server
that only answers.
"""

import os
import shutil
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from clustered import Spread
from scale_gallery import Built, stored, synthetic
from scale_questions import TOP, found_shares, questions

from indexer.building.milvus.versions import publish, start_version, write_rows
from indexer.errors import StoreError
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import FORMAT, Facts, row_of, slot_of
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.store import MilvusStore
from model.cpu_threads import limit_blas_threads
from model.descriptor_model import FusedQuery, GalleryRows

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from milvus_server import MilvusProcess

NAME, BATCH, IDLE_S = "scale", 200, 20.0


@dataclass(frozen=True, kw_only=True)
class MilvusPoint:
    """What one size needs in a Milvus server: seconds, milliseconds, bytes per vector, shares.

    `start_s` is the time from the start of the server to an opened gallery. `cpu_ms` is processor
    time of server and client, without what the server uses while it is asked nothing;
    `client_cpu_ms` is the client's part of it. Memory and disk are those beyond an empty server's:
    `peak_bytes` are the most during the build, `mapped_bytes` the pages of files that were read by
    then, which the system takes back where it needs memory.
    """

    size: int
    server: str
    index: str
    store_s: float
    publish_s: float
    publish_cpu_s: float
    start_s: float
    ms: float
    ms_p95: float
    cpu_ms: float
    client_cpu_ms: float
    peak_bytes: float
    resident_bytes: float
    mapped_bytes: float
    disk_bytes: float
    r1: float
    recall: float


def measure(folder: Path, size: int, kind: str, queries: int, spread: Spread) -> MilvusPoint:
    """Build a gallery of that size in a new server, measure it and delete it."""
    place = folder / "milvus"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    limit_blas_threads()
    with MilvusProcess(place / "server") as server:
        empty_mapped = memory_bytes(server.pid, "RssFile")
        empty, disk = memory_bytes(server.pid, "RssAnon"), disk_bytes(place)
        rows = place / "rows.f16"
        with closing(DescriptorFile(rows, len(spread.mean_D), 0, writable=True)) as file:
            built = _build(server, file, size, kind, spread)
            asked_QD, wanted = questions(file, size, queries, spread)
        rows.unlink()
        peak = memory_bytes(server.pid, "VmHWM")
        server.stop()
        started = time.perf_counter()
        server.start()
        gallery = _opened(server.store())
        start_s = time.perf_counter() - started
        asked = [FusedQuery(each_D[None], 1.0) for each_D in asked_QD]
        times_ms, cpu_ms, client_cpu_ms, found = _search(server.pid, gallery, asked)
        resident = memory_bytes(server.pid, "RssAnon")
        mapped = memory_bytes(server.pid, "RssFile")
        index = index_types.built(server.store().server, gallery.collection)["index_type"]
        release = server.store().server.release
        r1, recall = found_shares(found, wanted)
        return MilvusPoint(
            size=size,
            server=release,
            index=index,
            store_s=built.store_s,
            publish_s=built.publish_s,
            publish_cpu_s=built.publish_cpu_s,
            start_s=start_s,
            ms=float(np.median(times_ms)),
            ms_p95=float(np.percentile(times_ms, 95)),
            cpu_ms=cpu_ms,
            client_cpu_ms=client_cpu_ms,
            peak_bytes=(peak - empty) / size,
            resident_bytes=(resident - empty) / size,
            mapped_bytes=(mapped - empty_mapped) / size,
            disk_bytes=(disk_bytes(place) - disk) / size,
            r1=r1,
            recall=recall,
        )


def _build(
    server: MilvusProcess, file: DescriptorFile, size: int, kind: str, spread: Spread
) -> Built:
    """Write and publish a gallery; the rows go to the file too, for the exhaustive search."""
    store, store_s = server.store(), 0.0
    index = index_types.choose(kind, size, store.server)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts = Facts(
        format=FORMAT, gallery=NAME, view="satellite", descriptor_dim=len(spread.mean_D),
        local_bytes=0, weights_name="synthetic", weights_sha256="0" * 64, index_type=index.type,
        sources=(("synthetic", "{}"),), change="build", objects="none", created_at=now,
    )  # fmt: skip
    collection = start_version(store, facts, start_over=True)
    for start, tiles_ND, records in synthetic(size, spread):
        crcs = file.write(start, GalleryRows(tiles_ND, np.empty((len(records), 0), np.int8)))
        halves_ND = tiles_ND.astype(np.float16).astype(store.server.descriptor_type)
        started = time.perf_counter()
        rows = [
            row_of(stored(each, slot_of(each.image_id), 1, crc), half_D)
            for each, crc, half_D in zip(records, crcs, halves_ND, strict=True)
        ]
        for first in range(0, len(rows), BATCH):
            write_rows(store, collection, rows[first : first + BATCH])
        store_s += time.perf_counter() - started
    started, used = time.perf_counter(), time.process_time() + cpu_s(server.pid)
    publish(store, collection, keep=1)
    return Built(
        store_s=store_s,
        publish_s=time.perf_counter() - started,
        publish_cpu_s=time.process_time() + cpu_s(server.pid) - used,
    )


def _opened(store: MilvusStore) -> MilvusGallery:
    """Open the gallery; a server that was just started may refuse for a while."""
    until = time.monotonic() + 600
    while True:
        try:
            return store.open(NAME, embedder=None)
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _search(
    pid: int, gallery: MilvusGallery, asked: list[FusedQuery]
) -> tuple[list[float], float, float, list[list[str]]]:
    """Search every query twice; return what the second times took, and what was found."""
    for query in asked:
        gallery.search(query, top_k=TOP)
    times_ms, found = [], []
    idle_share = _idle_share(pid)
    own, server = time.process_time(), cpu_s(pid)
    for query in asked:
        started = time.perf_counter()
        matches = gallery.search(query, top_k=TOP)
        times_ms.append((time.perf_counter() - started) * 1e3)
        found.append([match.image_id for match in matches])
    client_ms = (time.process_time() - own) * 1e3 / len(asked)
    server_ms = (cpu_s(pid) - server) * 1e3 / len(asked)
    server_ms -= idle_share * float(np.mean(times_ms))
    return times_ms, client_ms + server_ms, client_ms, found


def _idle_share(pid: int) -> float:
    """Return the share of a processor that the server uses while it is asked nothing."""
    started, used = time.perf_counter(), cpu_s(pid)
    time.sleep(IDLE_S)
    return (cpu_s(pid) - used) / (time.perf_counter() - started)


def cpu_s(pid: int) -> float:
    """Return the processor time that a process used, in seconds."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int, key: str) -> int:
    """Return a figure of a process's memory: RssAnon, RssFile, or VmHWM for the largest sum."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith(f"{key}:")]
    return int(line.split()[1]) * 1024


def disk_bytes(folder: Path) -> int:
    """Return the blocks of all files in a folder, in bytes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
