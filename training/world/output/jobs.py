"""The parts of a run that can be interrupted: each is done when its last file is written."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.world.output.folder import STATE_FOLDER, write_output
from training.world.output.gps_csv import table_row, write_rows
from training.world.output.place_files import numbered_id
from training.world.output.view import View
from training.world.rendering.sensor import jpeg

IMAGES_PER_JOB = 21
"""Number of images of a flight in one job. Our choice: a killed run loses little work."""


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """One part of a run that writes into `out`."""

    out: Path
    seed: int

    @property
    @abstractmethod
    def state_name(self) -> str:
        """Name of the file that is written last."""

    @property
    def done_file(self) -> Path:
        """File that is written last."""
        return self.out / STATE_FOLDER / self.state_name

    @property
    def is_done(self) -> bool:
        """Whether an earlier run finished this job."""
        return self.done_file.exists()


@dataclass(frozen=True, kw_only=True)
class PlaceJob(Job):
    """One place of a data set; its last file holds its lines of gps.csv."""

    index: int
    split: str

    @property
    def place_id(self) -> str:
        """Four-digit id, unique over both splits."""
        return numbered_id(self.index, self.split)

    @property
    def state_name(self) -> str:
        """Name of the file with the place's lines of gps.csv."""
        return f"{self.split}-{self.place_id}.csv"


@dataclass(frozen=True, kw_only=True)
class MapPartJob(Job):
    """A row of a map's tiles (`flight` is -1), or some consecutive images of one flight over it."""

    flight: int
    first: int
    count: int

    @property
    def state_name(self) -> str:
        """Name of the file with the part's lines of gps.csv."""
        kind = "a-tiles" if self.flight < 0 else f"b-flight{self.flight:02d}"
        return f"{kind}-{self.first:04d}.csv"


def map_parts(rows: int, columns: int, flights: int, images: int) -> list[dict[str, int]]:
    """Return `flight`, `first` and `count` of each part of a map: tiles first, then the flights.

    Args:
        rows: rows of tiles.
        columns: tiles in a row.
        flights: flights over the map.
        images: images of each flight.
    """
    tiles = [{"flight": -1, "first": row, "count": columns} for row in range(rows)]
    return tiles + [
        {"flight": flight, "first": first, "count": min(IMAGES_PER_JOB, images - first)}
        for flight in range(flights)
        for first in range(0, images, IMAGES_PER_JOB)
    ]


def write_map_part(job: MapPartJob, images: Iterable[tuple[str, str, View]]) -> int:
    """Write images (path, place id, view) and then the job's last file; return their number."""
    rows = []
    for path, place_id, view in images:
        write_output(job.out / path, jpeg(view.pixels, view.jpeg_quality))
        rows.append(table_row(path, place_id, view, "", ""))
    write_rows(job.done_file, rows)
    return len(rows)
