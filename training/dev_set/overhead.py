"""Parts made by the commands for training data: draped overhead images, and a mosaic."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from indexer.geo import offset
from training.dev_set.images import SEED, SIDE_PX, Shown
from training.world.orthophoto.image_jobs import ImageSettings, image_jobs, run_image_job
from training.world.orthophoto.map_source import MapSource

MORAVA_TILE_M = 50.0
_METRES_PER_DEGREE = 111_320.0
_COVERED = 0.9


def flown_over(data: Path, word: str, scratch: Path, *, views: int) -> Iterator[Shown]:
    """Yield images whose path contains `word`: one year as tiles, another in oblique views.

    Places without a second year have views of the tile's own image. Positions are invented, far
    apart.

    Raises:
        MapSourceError: an image cannot be read.
        DataError: `index.csv` cannot be read.
    """
    settings = ImageSettings(folder=str(data), include=(word,), views=views)
    for number, job in enumerate(image_jobs(scratch, SEED, settings)):
        if not job.is_done:
            run_image_job(job)
        for view in ("satellite", "drone"):
            for file in sorted((scratch / "train" / view / job.place_id).iterdir()):
                with Image.open(file) as image:
                    yield Shown(
                        view=view,
                        place=job.place_id,
                        position=(10.0 + number * 0.01, 10.0),
                        pixels=image.convert("RGB"),
                    )


def morava(folder: Path) -> Iterator[Shown]:
    """Yield the mosaic's tiles at half steps, and warped crops of it as queries.

    Raises:
        MapSourceError: the mosaic's tiles cannot be read.
    """
    with MapSource(folder / "tiles") as source:
        west, south, east, north = source.bounds
        step_m = MORAVA_TILE_M / 2
        narrow = math.cos(math.radians(north))
        rows = int((north - south) * _METRES_PER_DEGREE / step_m)
        columns = int((east - west) * _METRES_PER_DEGREE * narrow / step_m)
        for row in range(rows):
            for column in range(columns):
                at = offset(north, west, -row * step_m, column * step_m)
                pixels, covered = source.photo(*at, step_m, MORAVA_TILE_M / SIDE_PX)
                if covered > _COVERED:
                    place = f"{row}_{column}"
                    yield Shown(
                        view="satellite",
                        place=place,
                        position=at,
                        pixels=pixels,
                        ground_m=MORAVA_TILE_M,
                    )
    with (folder / "queries.csv").open(newline="") as stream:
        for line in csv.DictReader(stream):
            with Image.open(folder / "queries" / line["file"]) as photo:
                yield Shown(
                    view="drone",
                    place=line["file"],
                    position=(float(line["lat"]), float(line["lon"])),
                    pixels=photo.convert("RGB"),
                )
