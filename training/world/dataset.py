"""Writes places in University-1652's folder layout, resumable, with gps.csv beside them."""

import csv
import dataclasses
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from training.world.errors import WorldOutputError
from training.world.render import Place, RenderSettings, render_place
from training.world.sensor import jpeg
from training.world.truth import COLUMNS, View, table_row

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
TEST_ID_OFFSET = 5000
WORLD_VERSION = 1
STATE_FOLDER = ".render"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One place to render into `out`."""

    out: Path
    seed: int
    index: int
    split: str
    settings: RenderSettings

    @property
    def place_id(self) -> str:
        """Four-digit id, unique over both splits."""
        return f"{self.index + 1 + (TEST_ID_OFFSET if self.split == 'test' else 0):04d}"

    @property
    def done_file(self) -> Path:
        """Written last: the place's lines of gps.csv."""
        return self.out / STATE_FOLDER / f"{self.split}-{self.place_id}.csv"

    @property
    def is_done(self) -> bool:
        """Whether an earlier run finished this place."""
        return self.done_file.exists()


def write_atomically(path: Path, data: bytes) -> None:
    """Write through a temporary file and a rename, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def _folders(split: str, kind: str) -> tuple[str, ...]:
    """Folders an image belongs in; the benchmark's test split holds each twice."""
    if split == "train":
        return (f"train/{kind}",)
    return (f"test/query_{kind}", f"test/gallery_{kind}")


def _save_view(job: Job, view: View, name: str, rows: list[list[str]], district: str) -> None:
    data = jpeg(view.pixels, view.jpeg_quality)
    first: Path | None = None
    for folder in _folders(job.split, view.kind):
        relative = f"{folder}/{job.place_id}/{name}"
        target = job.out / relative
        if first is None:
            write_atomically(target, data)
            first = target
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(first, target)
        rows.append(table_row(relative, job.place_id, view, district, job.split))


def write_rows(file: Path, rows: list[list[str]]) -> None:
    """Write lines of gps.csv, without the header, in one go."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(file, text.getvalue().encode())


def save_place(job: Job, place: Place) -> int:
    """Write a place's images, then its gps lines; returns the number of views."""
    rows: list[list[str]] = []
    _save_view(job, place.satellite, f"{job.place_id}.jpg", rows, place.district)
    for k, view in enumerate(place.drones):
        _save_view(job, view, f"image-{k + 1:02d}.jpeg", rows, place.district)
    write_rows(job.done_file, rows)
    return 1 + len(place.drones)


def in_processes(work: Callable[[T], int], items: list[T], workers: int) -> Iterator[int]:
    """`work` of every item, in `workers` processes; results in the order they come."""
    if workers <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(work, items)


def run_job(job: Job) -> int:
    """Render and write one place."""
    return save_place(job, render_place(job.seed, job.index, job.settings, job.split))


def plan_jobs(out: Path, seed: int, places: int, split: str, settings: RenderSettings) -> list[Job]:
    """Every place of the render; `split` is train, test or both (`places` in each)."""
    splits = ("train", "test") if split == "both" else (split,)
    return [
        Job(out=out, seed=seed, index=index, split=name, settings=settings)
        for name in splits
        for index in range(places)
    ]


def claim(out: Path, seed: int, settings: "DataclassInstance") -> None:
    """Mark `out` as a render of these settings.

    Raises:
        WorldOutputError: the folder holds a render of another seed or other settings.
    """
    stamp = {"version": WORLD_VERSION, "seed": seed, **dataclasses.asdict(settings)}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    file = out / STATE_FOLDER / "settings.json"
    if file.exists() and file.read_text() != text:
        raise WorldOutputError(
            f"{out}: holds a render of other settings ({file}); use another folder or delete it"
        )
    write_atomically(file, text.encode())


def write_gps(out: Path) -> int:
    """Join the places' lines into gps.csv (sorted by place); returns the number of lines."""
    lines = [
        line
        for file in sorted((out / STATE_FOLDER).glob("*-*.csv"))
        for line in file.read_text().splitlines()
    ]
    write_atomically(out / "gps.csv", ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode())
    return len(lines)
