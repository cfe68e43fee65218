"""The command `safenet-world`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.errors import SafeNetError
from training.world.camera import Jitter
from training.world.dataset import claim, plan_jobs, render_all, write_gps
from training.world.render import RenderSettings

app = typer.Typer(
    help="A rendered world of cross-view places with exact coordinates.",
    no_args_is_help=True,
    add_completion=False,
)
_errors = Console(stderr=True)


class Split(StrEnum):
    """Which folders to write."""

    TRAIN = "train"
    TEST = "test"
    BOTH = "both"


class Preset(StrEnum):
    """A named drone flight."""

    UNIVERSITY = "university-1652"
    SUES = "sues-200"
    NADIR = "nadir"


@app.callback()
def _main() -> None:
    """A rendered world of cross-view places with exact coordinates."""


@app.command()
def render(
    out: Annotated[
        Path, typer.Argument(help="Folder to write; a killed run goes on where it stopped.")
    ],
    places: Annotated[int, typer.Option(min=1, max=5000, help="Places in each split.")] = 20,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The world: same seed, same bytes.")
    ] = 1,
    split: Annotated[Split, typer.Option(help="Folders to write.")] = Split.TRAIN,
    views: Annotated[int, typer.Option(min=1, max=400, help="Drone views of each place.")] = 54,
    preset: Annotated[Preset, typer.Option(help="The drone's flight.")] = Preset.UNIVERSITY,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
    lights: Annotated[
        int, typer.Option(min=1, max=54, help="Different suns and seasons per flight.")
    ] = 1,
    yaw_jitter: Annotated[float, typer.Option(help="Random heading, ± degrees.")] = 0.0,
    pitch_jitter: Annotated[float, typer.Option(help="Random gimbal pitch, ± degrees.")] = 0.0,
    fov_jitter: Annotated[float, typer.Option(help="Random field of view, ± degrees.")] = 0.0,
    aim_jitter: Annotated[
        float, typer.Option(help="Random aim off the place's centre, ± metres.")
    ] = 0.0,
) -> None:
    """Render places in University-1652's layout, with gps.csv."""
    settings = RenderSettings(
        preset=preset.value,
        views=views,
        size_px=size,
        drone_lights=lights,
        jitter=Jitter(
            yaw_deg=yaw_jitter,
            pitch_deg=pitch_jitter,
            field_of_view_deg=fov_jitter,
            aim_m=aim_jitter,
        ),
    )
    try:
        claim(out, seed, settings)
        jobs = plan_jobs(out, seed, places, split.value, settings)
        done = sum(job.done_file.exists() for job in jobs)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=_errors) as progress:
            task = progress.add_task("places", total=len(jobs), completed=done)
            render_all(jobs, workers, lambda _images: progress.advance(task))
        lines = write_gps(out)
    except SafeNetError as error:
        _errors.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    typer.echo(f"{out}: {len(jobs)} places, {lines} lines in gps.csv")


if __name__ == "__main__":
    app()
