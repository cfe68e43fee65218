"""The command `safenet-world`."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.errors import SafeNetError
from training.world.area import AreaSettings, area_jobs, run_area_job
from training.world.camera import Jitter
from training.world.dataset import claim, in_processes, plan_jobs, run_job, write_gps
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
    with _reported():
        claim(out, seed, settings)
        jobs = plan_jobs(out, seed, places, split.value, settings)
        _work_off(run_job, jobs, workers, "places")
        lines = write_gps(out)
    typer.echo(f"{out}: {len(jobs)} places, {lines} lines in gps.csv")


@app.command("render-map")
def render_map(
    out: Annotated[Path, typer.Argument(help="Folder to write; a killed run goes on.")],
    tiles: Annotated[str, typer.Option(help="Tiles east-west x north-south.")] = "12x12",
    flights: Annotated[int, typer.Option(min=0, max=48, help="Drone flights over the map.")] = 6,
    images: Annotated[int, typer.Option(min=1, max=900, help="Images of each flight.")] = 84,
    tile_m: Annotated[float, typer.Option(min=40, max=400, help="Side of a tile, metres.")] = 150.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The world.")] = 1,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Render a gap-free map of satellite tiles and named drone flights over it.

    Writes satellite/rRRcCC.jpg, drone/FLIGHT/NNNN.jpg and gps.csv, which `safenet-index build`
    reads as it is (choose the view with --view).
    """
    with _reported():
        columns, rows = _grid(tiles)
        settings = AreaSettings(
            columns=columns,
            rows=rows,
            tile_m=tile_m,
            size_px=size,
            flights=flights,
            images_per_flight=images,
        )
        claim(out, seed, settings)
        _work_off(run_area_job, area_jobs(out, seed, settings), workers, "stretches")
        lines = write_gps(out)
    typer.echo(f"{out}: {columns * rows} tiles, {lines} lines in gps.csv")


def _grid(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (1 <= sides[0] <= 60 and 1 <= sides[1] <= 60):
        raise typer.BadParameter(f"{text!r}: write COLUMNSxROWS, each 1 to 60, such as 12x12")
    return sides


class _Resumable(Protocol):
    @property
    def is_done(self) -> bool: ...


J = TypeVar("J", bound=_Resumable)


def _work_off(work: Callable[[J], int], jobs: list[J], workers: int, what: str) -> None:
    """Do the jobs not done yet, with a bar on a terminal and plain lines elsewhere."""
    todo = [job for job in jobs if not job.is_done]
    done = len(jobs) - len(todo)
    if not _errors.is_terminal:
        for _ in in_processes(work, todo, workers):
            done += 1
            if done % 20 == 0 or done == len(jobs):
                _errors.print(f"{what}: {done} of {len(jobs)}", highlight=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_errors) as progress:
        task = progress.add_task(what, total=len(jobs), completed=done)
        for _ in in_processes(work, todo, workers):
            progress.advance(task)


@contextmanager
def _reported() -> Iterator[None]:
    """Turn this project's errors into one line on stderr and exit status 1."""
    try:
        yield
    except SafeNetError as error:
        _errors.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
