"""The places of a data set as jobs: University-1652's or SUES-200's layout, with gps.csv."""

from dataclasses import dataclass
from pathlib import Path

from training.world.output.jobs import PlaceJob
from training.world.output.place_files import save_place, sues_files, university_files
from training.world.synthetic.place import RenderSettings, render_place


@dataclass(frozen=True, kw_only=True)
class RenderJob(PlaceJob):
    """One place of the rendered world."""

    settings: RenderSettings


def run_render_job(job: RenderJob) -> int:
    """Render and write one place; return the number of images."""
    place = render_place(job.seed, job.index, job.settings, job.split)
    views = [place.satellite, *place.drones]
    if job.settings.preset == "sues-200":
        files = sues_files(job.place_id, views, max(1, job.settings.views // 4))
    else:
        files = university_files(job.split, job.place_id, views)
    return save_place(job.out, job.place_id, files, place.district, job.split, job.done_file)


def render_jobs(
    out: Path, seed: int, places: int, split: str, settings: RenderSettings
) -> list[RenderJob]:
    """Return a job for every place; `split` is train, test or both (`places` in each)."""
    splits = ("train", "test") if split == "both" else (split,)
    return [
        RenderJob(out=out, seed=seed, index=index, split=name, settings=settings)
        for name in splits
        for index in range(places)
    ]
