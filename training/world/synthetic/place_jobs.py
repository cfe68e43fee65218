"""The places of a data set as jobs: University-1652's or SUES-200's layout, with gps.csv."""

from dataclasses import dataclass
from pathlib import Path

from training.world.output.folder import STATE_FOLDER
from training.world.output.place_files import numbered_id, save_place, sues_files, university_files
from training.world.synthetic.place import RenderSettings, render_place


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
        return numbered_id(self.index, self.split)

    @property
    def done_file(self) -> Path:
        """File with the place's lines of gps.csv, written last."""
        return self.out / STATE_FOLDER / f"{self.split}-{self.place_id}.csv"

    @property
    def is_done(self) -> bool:
        """Whether an earlier run finished this place."""
        return self.done_file.exists()


def run_job(job: Job) -> int:
    """Render and write one place; return the number of images."""
    place = render_place(job.seed, job.index, job.settings, job.split)
    views = [place.satellite, *place.drones]
    if job.settings.preset == "sues-200":
        files = sues_files(job.place_id, views, max(1, job.settings.views // 4))
    else:
        files = university_files(job.split, job.place_id, views)
    return save_place(job.out, job.place_id, files, place.district, job.split, job.done_file)


def plan_jobs(out: Path, seed: int, places: int, split: str, settings: RenderSettings) -> list[Job]:
    """Return a job for every place; `split` is train, test or both (`places` in each)."""
    splits = ("train", "test") if split == "both" else (split,)
    return [
        Job(out=out, seed=seed, index=index, split=name, settings=settings)
        for name in splits
        for index in range(places)
    ]
