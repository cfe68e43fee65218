"""Galleries of 10^4, 10^5 and 10^6 synthetic descriptors: build, opening, search, memory, recall.

Not one of `make bench`: a million rows take gigabytes of disk and minutes. Everything goes through
the same code as a user's gallery: the writer's database, publishing, `Gallery.open` and
`Gallery.search` (local features left out), with one thread. `cpu` figures are processor time, which
a busy machine changes less. `r1` is how often the first match is
that of an exhaustive search over the same fp16 rows, `recall` the share of its first ten that are
found. The exponent is the slope of cpu_ms over size in logarithms.

    python benchmarks/scale.py --sizes 10000,100000,1000000 --folder var/scale
    unshare --net python benchmarks/scale.py --store milvus --sizes 10000,30000,100000
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scale_milvus
from clustered import Spread
from rich.console import Console
from rich.table import Table
from scale_gallery import build_gallery, rows_of
from scale_questions import found_shares, questions

from indexer.gallery.layout import gallery_folder
from indexer.gallery.vectors import INDEX_KINDS

READER = Path(__file__).with_name("scale_reader.py")


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one size needs: seconds, milliseconds, bytes per vector, shares."""

    size: int
    index: str
    store_s: float
    publish_s: float
    publish_cpu_s: float
    open_first_s: float
    open_s: float
    open_cpu_s: float
    open_cold_s: float
    ms: float
    ms_p95: float
    cpu_ms: float
    index_bytes: float
    resident_bytes: float
    r1: float
    recall: float


def measure(folder: Path, size: int, kind: str, queries: int, spread: Spread) -> Point:
    """Build a gallery of that size, measure it and delete it."""
    store, name = folder / "galleries", f"n{size}"
    shutil.rmtree(store / name, ignore_errors=True)
    built = build_gallery(store, size, kind, spread)
    with closing(rows_of(store, size, len(spread.mean_D))) as file:
        asked_QD, wanted = questions(file, size, queries, spread)
    np.save(folder / "queries.npy", asked_QD)
    first = _read(store, name, None)
    again = _read(store, name, folder / "queries.npy")
    cold = _read(store, name, None, cold=True)
    r1, recall = found_shares(again["found"], wanted)
    shutil.rmtree(gallery_folder(store, name).root)
    return Point(
        size=size,
        index=again["index_kind"],
        store_s=built.store_s,
        publish_s=built.publish_s,
        publish_cpu_s=built.publish_cpu_s,
        open_first_s=first["open_s"],
        open_s=again["open_s"],
        open_cpu_s=again["open_cpu_s"],
        open_cold_s=cold["open_s"],
        ms=float(np.median(again["times_ms"])),
        cpu_ms=float(np.median(again["cpu_ms"])),
        ms_p95=float(np.percentile(again["times_ms"], 95)),
        index_bytes=again["index_bytes"] / size,
        resident_bytes=again["resident_bytes"] / size,
        r1=r1,
        recall=recall,
    )


def _read(store: Path, name: str, queries: Path | None, *, cold: bool = False) -> dict[str, Any]:
    arguments = [str(store), name, str(queries or ""), "cold" if cold else "warm"]
    command = [sys.executable, str(READER), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def spread_in(folder: Path) -> Spread:
    """Return the measured spread, from the folder where it was measured before."""
    path = folder / "spread.npz"
    if not path.exists():
        found = Spread.measured()
        np.savez(path, mean=found.mean_D, directions=found.directions_MD, q=found.query_cosine)
    kept = np.load(path)
    return Spread(kept["mean"], kept["directions"], float(kept["q"]))


def exponent(points: Sequence[Point | scale_milvus.MilvusPoint]) -> float:
    """Return the slope of cpu_ms over size in logarithms."""
    sizes, times = ([np.log(getattr(point, key)) for point in points] for key in ("size", "cpu_ms"))
    return float(np.polyfit(sizes, times, 1)[0])


def table(points: Sequence[Point | scale_milvus.MilvusPoint]) -> Table:
    """Return the figures as a person reads them, a size a column."""
    shown = Table("", *(f"{point.size:,}" for point in points))
    for key in asdict(points[0]):
        if key != "size":
            values = [getattr(point, key) for point in points]
            shown.add_row(key, *(v if isinstance(v, str) else f"{v:,.4g}" for v in values))
    return shown


def main() -> None:
    """Measure the sizes that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--store", default="local", choices=["local", "milvus"])
    parser.add_argument("--index", default="auto", choices=INDEX_KINDS)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path("var/scale"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    measured = measure if options.store == "local" else scale_milvus.measure
    spread, points = spread_in(options.folder), []
    for size in map(int, options.sizes.split(",")):
        points.append(measured(options.folder, size, options.index, options.queries, spread))
        print(json.dumps(asdict(points[-1])), flush=True)
    Console(width=110).print(table(points))
    if len(points) > 1:
        print(f"cpu_ms grow with size to the power of {exponent(points):.2f}")


if __name__ == "__main__":
    main()
