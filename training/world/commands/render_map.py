"""The command `safenet-world render-map`."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.commands.options import grid_of, map_middle_m
from training.world.geo import REACH_M, origin_of, to_latlon
from training.world.job_runner import run_jobs
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps
from training.world.synthetic.area_jobs import AreaSettings, area_jobs, run_area_job


def render_map(
    out: Annotated[Path, typer.Argument(help="Output folder; an interrupted run is resumed.")],
    tiles: Annotated[
        str, typer.Option(help="The map's size in tile sides, east-west x north-south.")
    ] = "12x12",
    flights: Annotated[int, typer.Option(min=0, max=48, help="Drone flights over the map.")] = 6,
    images: Annotated[int, typer.Option(min=1, max=900, help="Images of each flight.")] = 84,
    tile_m: Annotated[float, typer.Option(min=40, max=400, help="Side of a tile, metres.")] = 150.0,
    overlap: Annotated[
        float,
        typer.Option(
            min=0, max=0.75, help="Overlap of neighbouring tiles, as a share of the side."
        ),
    ] = 0.0,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LON",
            help=f"Middle of the map, degrees, within {REACH_M / 1000:g} km of the origin of the "
            "seed's world, which is the default.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the world.")] = 1,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Render a gap-free map of satellite tiles and named drone flights over it.

    Writes satellite/rRRcCC.jpg, drone/FLIGHT/NNNN.jpg and gps.csv, which `safenet-index build`
    reads as it is (choose the view with --view).
    """
    with one_line_errors():
        columns, rows = grid_of(tiles)
        settings = AreaSettings(
            columns=columns,
            rows=rows,
            tile_m=tile_m,
            overlap=overlap,
            size_px=size,
            flights=flights,
            images_per_flight=images,
            middle_m=map_middle_m(at, seed),
        )
        claim(out, seed, settings)
        run_jobs(run_area_job, area_jobs(out, seed, settings), workers, "jobs")
        lines = write_gps(out)
    tiles_made = len(settings.east_m) * len(settings.north_m)
    middle = "{:.6f},{:.6f}".format(*to_latlon(seed, *settings.middle_m))
    origin = "{:.4f},{:.4f}".format(*origin_of(seed))
    typer.echo(f"{out}: {tiles_made} tiles, {lines} lines in gps.csv")
    typer.echo(f"middle of the map {middle}, origin of the seed's world {origin}")
