"""The command `safenet-world drape`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.commands.options import Preset, Split
from training.world.job_runner import run_jobs
from training.world.orthophoto.map_jobs import DrapeSettings, drape_jobs, run_drape_job
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps


class Heights(StrEnum):
    """Where heights come from without a surface model."""

    GUESS = "guess"
    FLAT = "flat"


def drape_map(
    map_file: Annotated[Path, typer.Argument(help="GeoTIFF, or XYZ folder (ZOOM/X/Y.png).")],
    out: Annotated[Path, typer.Option(help="Output folder; an interrupted run is resumed.")],
    dsm: Annotated[Path | None, typer.Option(help="Surface model (raster), metres.")] = None,
    heights: Annotated[Heights, typer.Option(help="Heights without --dsm.")] = Heights.GUESS,
    places: Annotated[int, typer.Option(min=1, max=5000, help="Maximum number of places.")] = 500,
    views: Annotated[int, typer.Option(min=1, max=400, help="Drone views of each place.")] = 54,
    preset: Annotated[Preset, typer.Option(help="The drone's flight.")] = Preset.UNIVERSITY,
    span: Annotated[float, typer.Option(min=20, max=1000, help="Side of a tile, metres.")] = 160.0,
    spacing: Annotated[float, typer.Option(min=5, help="Distance between places, metres.")] = 120.0,
    gsd: Annotated[float, typer.Option(min=0.05, max=5, help="Metres per map pixel.")] = 0.3,
    split: Annotated[
        Split, typer.Option(help="Split of the places; both: the southern fifth is for testing.")
    ] = Split.TRAIN,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Seed of flights and sensors.")
    ] = 1,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Render drone views of your own orthophoto, to fine-tune without a flight.

    Writes University-1652's layout with gps.csv. Heights come from --dsm, else they are guessed
    from the image (plausible, not true) or flat. A preset is flown lower over tiles of less than
    200 m, in proportion.
    """
    with one_line_errors():
        settings = DrapeSettings(
            map_file=str(map_file),
            dsm_file=str(dsm) if dsm else "",
            heights=heights.value,
            split=split.value,
            preset=preset.value,
            views=views,
            size_px=size,
            span_m=span,
            spacing_m=spacing,
            gsd_m=gsd,
        )
        jobs = drape_jobs(out, seed, settings, places)
        claim(out, seed, settings)
        run_jobs(run_drape_job, jobs, workers, "places")
        lines = write_gps(out)
    typer.echo(f"{out}: {len(jobs)} places, {lines} lines in gps.csv")
