"""Galleries of 10^4, 10^5 and 10^6 synthetic descriptors: build, opening, search, memory, recall.

Not one of `make bench`: a million rows take gigabytes of disk and minutes. Everything goes through
the same code as a user's gallery: the writer's database, publishing, `Gallery.open` and
`Gallery.search` (local features left out), with one thread. `cpu` figures are processor time, which
a busy machine changes less. `r1` is how often the first match is
that of an exhaustive search over the same fp16 rows, `recall` the share of its first ten that are
found. The exponent is the slope of cpu_ms over size in logarithms.

    python benchmarks/scale.py --sizes 10000,100000,1000000 --folder var/scale
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from clustered import Rows, Spread
from rich.console import Console
from rich.table import Table
from scale_gallery import build_gallery, nearest, record, rows_of

from indexer.gallery.layout import gallery_folder
from indexer.gallery.vectors import INDEX_KINDS

READER = Path(__file__).with_name("scale_reader.py")
TOP = 10


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
    asked_QD, truth_QK = _questions(store, size, queries, spread)
    np.save(folder / "queries.npy", asked_QD)
    first = _read(store, name, None)
    again = _read(store, name, folder / "queries.npy")
    cold = _read(store, name, None, cold=True)
    columns = int(np.ceil(np.sqrt(size)))
    wanted = [[record(slot, columns).image_id for slot in row] for row in truth_QK.tolist()]
    pairs = list(zip(again["found"], wanted, strict=True))
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
        r1=float(np.mean([found[0] == right[0] for found, right in pairs])),
        recall=float(np.mean([len({*found} & {*right}) / TOP for found, right in pairs])),
    )


def _questions(store: Path, size: int, count: int, spread: Spread) -> tuple[Rows, Any]:
    noise = np.random.default_rng(1)
    file = rows_of(store, size, len(spread.mean_D))
    tiles_QD = file.gather(np.sort(noise.integers(0, size, count))).astype(np.float32)
    asked_QD = spread.near(tiles_QD, spread.query_cosine, noise)
    truth_QK = nearest(file, size, asked_QD, TOP)
    file.close()
    return asked_QD, truth_QK


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


def exponent(points: list[Point]) -> float:
    """Return the slope of cpu_ms over size in logarithms."""
    sizes, times = ([np.log(getattr(point, key)) for point in points] for key in ("size", "cpu_ms"))
    return float(np.polyfit(sizes, times, 1)[0])


def table(points: list[Point]) -> Table:
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
    parser.add_argument("--index", default="auto", choices=INDEX_KINDS)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path("var/scale"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    spread, points = spread_in(options.folder), []
    for size in map(int, options.sizes.split(",")):
        points.append(measure(options.folder, size, options.index, options.queries, spread))
        print(json.dumps(asdict(points[-1])), flush=True)
    Console(width=110).print(table(points))
    if len(points) > 1:
        print(f"cpu_ms grow with size to the power of {exponent(points):.2f}")


if __name__ == "__main__":
    main()
