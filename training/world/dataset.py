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

from training.world.errors import WorldOutputError
from training.world.render import Place, RenderSettings, View, render_place
from training.world.sensor import jpeg

COLUMNS = (
    "path",
    "id",
    "view",
    "latitude",
    "longitude",
    "altitude_m",
    "heading_deg",
    "gimbal_pitch_deg",
    "gsd_m",
    "field_of_view_deg",
    "target_latitude",
    "target_longitude",
    "footprint",
    "district",
    "split",
)
"""Footprint: WKT polygon (longitude latitude), ring clockwise from the image's top left."""
TEST_ID_OFFSET = 5000
WORLD_VERSION = 1
_STATE = ".render"


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
        return self.out / _STATE / f"{self.split}-{self.place_id}.csv"


def write_atomically(path: Path, data: bytes) -> None:
    """Write through a temporary file and a rename, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def footprint_wkt(corners: tuple[tuple[float, float], ...]) -> str:
    """WKT polygon of (latitude, longitude) corners."""
    ring = [*corners, corners[0]]
    return "POLYGON((" + ", ".join(f"{lon:.8f} {lat:.8f}" for lat, lon in ring) + "))"


def view_row(path: str, place_id: str, view: View, district: str, split: str) -> list[str]:
    """One line of gps.csv in the order of `COLUMNS`."""
    return [
        path,
        place_id,
        view.kind,
        f"{view.latitude:.8f}",
        f"{view.longitude:.8f}",
        "" if view.altitude_m is None else f"{view.altitude_m:.2f}",
        f"{view.heading_deg:.2f}",
        f"{view.gimbal_pitch_deg:.2f}",
        f"{view.gsd_m:.4f}",
        "" if view.field_of_view_deg is None else f"{view.field_of_view_deg:.2f}",
        f"{view.target[0]:.8f}",
        f"{view.target[1]:.8f}",
        footprint_wkt(view.footprint),
        district,
        split,
    ]


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
        rows.append(view_row(relative, job.place_id, view, district, job.split))


def save_place(job: Job, place: Place) -> int:
    """Write a place's images, then its gps lines; returns the number of views."""
    rows: list[list[str]] = []
    _save_view(job, place.satellite, f"{job.place_id}.jpg", rows, place.district)
    for k, view in enumerate(place.drones):
        _save_view(job, view, f"image-{k + 1:02d}.jpeg", rows, place.district)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(job.done_file, text.getvalue().encode())
    return 1 + len(place.drones)


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


def claim(out: Path, seed: int, settings: RenderSettings) -> None:
    """Mark `out` as a render of these settings.

    Raises:
        WorldOutputError: the folder holds a render of another seed or other settings.
    """
    stamp = {"version": WORLD_VERSION, "seed": seed, **dataclasses.asdict(settings)}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    file = out / _STATE / "settings.json"
    if file.exists() and file.read_text() != text:
        raise WorldOutputError(
            f"{out}: holds a render of other settings ({file}); use another folder or delete it"
        )
    write_atomically(file, text.encode())


def render_all(jobs: list[Job], workers: int, finished: Callable[[int], None]) -> None:
    """Render the jobs not done yet; calls `finished` with the images of each place."""
    open_jobs = [job for job in jobs if not job.done_file.exists()]
    for count in _results(open_jobs, workers):
        finished(count)


def _results(jobs: list[Job], workers: int) -> Iterator[int]:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(run_job, jobs)
        return
    run_job_context = multiprocessing.get_context("spawn")
    with run_job_context.Pool(workers) as pool:
        yield from pool.imap_unordered(run_job, jobs)


def write_gps(out: Path) -> int:
    """Join the places' lines into gps.csv (sorted by place); returns the number of lines."""
    lines = [
        line
        for file in sorted((out / _STATE).glob("*-*.csv"))
        for line in file.read_text().splitlines()
    ]
    write_atomically(out / "gps.csv", ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode())
    return len(lines)
