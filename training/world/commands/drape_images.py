"""The command `safenet-world drape-pictures`."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.job_runner import run_jobs
from training.world.orthophoto.image_jobs import ImageSettings, image_jobs, run_image_job
from training.world.output.folder import claim


def drape_images(
    folder: Annotated[Path, typer.Argument(help="Overhead images, north up, in any subfolders.")],
    out: Annotated[Path, typer.Option(help="Output folder; an interrupted run is resumed.")],
    gsd: Annotated[
        float,
        typer.Option(min=0.05, max=5, help="Metres per pixel of images that are not in index.csv."),
    ] = 0.3,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out images whose path contains this word; repeat for more."),
    ] = None,
    views: Annotated[int, typer.Option(min=1, max=400, help="Drone views of each place.")] = 6,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Seed of flights and sensors.")
    ] = 1,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Render drone views of single overhead images: real textures without a map or a flight.

    Every image is a place, or every `pair_id` of FOLDER/index.csv (columns file, gsd_m, pair_id;
    dsm_file for heights above ground as .npy), whose years are tile and flight. Heights are
    guessed where none are given. Writes University-1652's train folders, without gps.csv.
    """
    with one_line_errors():
        settings = ImageSettings(
            folder=str(folder),
            gsd_m=gsd,
            exclude=tuple(exclude or ()),
            views=views,
            size_px=size,
        )
        jobs = image_jobs(out, seed, settings)
        claim(out, seed, settings)
        run_jobs(run_image_job, jobs, workers, "places")
    typer.echo(f"{out}: {len(jobs)} places, {views} drone views each")
