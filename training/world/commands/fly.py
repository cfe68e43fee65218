"""The command `safenet-world fly`."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.commands.options import Split, point_of
from training.world.job_runner import run_jobs
from training.world.mesh.flights import FREE, FlightRanges
from training.world.mesh.fly_jobs import FlySettings, fly_jobs, run_fly_job
from training.world.mesh.map_jobs import MapSettings, map_jobs, run_map_job
from training.world.mesh.orientation import Unit, Up
from training.world.mesh.packed import packed
from training.world.mesh.source import MeshOptions
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps


class Flight(StrEnum):
    """How drones fly."""

    FREE = FREE
    UNIVERSITY = "university-1652"
    SUES = "sues-200"
    NADIR = "nadir"


def fly(
    mesh: Annotated[Path, typer.Argument(help="tileset.json or its folder, GLB, glTF, OBJ, PLY.")],
    out: Annotated[Path, typer.Option(help="Folder to write; a killed run goes on.")],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LON",
            help="Degrees of the mesh's own origin, or of its middle where that lies outside; "
            "needed unless the tileset is georeferenced.",
        ),
    ] = None,
    up: Annotated[Up | None, typer.Option(help="Axis that is up (GLB, glTF: y; else z).")] = None,
    unit: Annotated[Unit | None, typer.Option(help="Unit of the coordinates (m).")] = None,
    detail: Annotated[
        float, typer.Option(min=0, help="Geometric error of tiles fine enough, metres; 0: finest.")
    ] = 0.0,
    splat: Annotated[
        float | None,
        typer.Option(min=0.01, max=10, help="Side of a cloud's points, metres (by density)."),
    ] = None,
    places: Annotated[int, typer.Option(min=1, max=5000, help="At most so many places.")] = 500,
    views: Annotated[int, typer.Option(min=1, max=400, help="Drone views of each place.")] = 54,
    preset: Annotated[Flight, typer.Option(help="The drone's flight.")] = Flight.FREE,
    heights: Annotated[
        str | None, typer.Option(metavar="LOW-HIGH", help="Metres above ground (50-200).")
    ] = None,
    pitches: Annotated[
        str | None, typer.Option(metavar="LOW-HIGH", help="Degrees below the horizon (30-90).")
    ] = None,
    fovs: Annotated[
        str | None, typer.Option(metavar="LOW-HIGH", help="Horizontal field of view (40-75).")
    ] = None,
    span: Annotated[float, typer.Option(min=20, max=1000, help="Side of a tile, metres.")] = 160.0,
    spacing: Annotated[float, typer.Option(min=5, help="Between places, metres.")] = 120.0,
    split: Annotated[
        Split, typer.Option(help="What the places are for; both: the southern fifth tests.")
    ] = Split.TRAIN,
    as_map: Annotated[
        bool, typer.Option("--map", help="A gap-free map with flights instead of places.")
    ] = False,
    flights: Annotated[int, typer.Option(min=0, max=48, help="Drone flights over --map.")] = 6,
    images: Annotated[
        int, typer.Option(min=1, max=900, help="Images of each flight over --map.")
    ] = 84,
    overlap: Annotated[
        float, typer.Option(min=0, max=0.75, help="Of neighbouring tiles of --map, share of side.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Flights and looks.")] = 1,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Render drone views of your own textured mesh or coloured cloud of points.

    Writes University-1652's layout with gps.csv; with --map satellite/rRRcCC.jpg,
    drone/FLIGHT/NNNN.jpg and gps.csv as render-map does. Each picture has a sun, a season and a
    camera of its own. A preset is flown lower over tiles of less than 200 m, in proportion.
    """
    ranges = _ranges(preset, heights, pitches, fovs)
    options = MeshOptions(at=point_of(at), up=up, unit=unit, detail_m=detail)
    with one_line_errors(), packed(mesh, options, out) as pack:
        settings = FlySettings(
            mesh=str(mesh),
            digest=pack.digest,
            where=pack.where,
            split=split.value,
            preset=preset.value,
            ranges=ranges,
            views=views,
            size_px=size,
            span_m=span,
            spacing_m=spacing,
            splat_m=splat,
        )
        if as_map:
            map_settings = MapSettings(
                fly=settings, flights=flights, images_per_flight=images, overlap=overlap
            )
            stretches = map_jobs(out, pack.folder, seed, map_settings)
            claim(out, seed, map_settings)
            run_jobs(run_map_job, stretches, workers, "stretches")
            made = f"{len(stretches)} stretches"
        else:
            jobs = fly_jobs(out, pack.folder, seed, settings, places)
            claim(out, seed, settings)
            run_jobs(run_fly_job, jobs, workers, "places")
            made = f"{len(jobs)} places"
        lines = write_gps(out)
    typer.echo(f"{out}: {made}, {lines} lines in gps.csv")
    where = pack.where
    typer.echo(f"the mesh's {pack.anchor} lies at {where.latitude:.6f},{where.longitude:.6f}")


def _ranges(
    preset: Flight, heights: str | None, pitches: str | None, fovs: str | None
) -> FlightRanges:
    given = {"heights_m": heights, "pitches_deg": pitches, "fovs_deg": fovs}
    named = {name: _range(text) for name, text in given.items() if text is not None}
    if named and preset is not Flight.FREE:
        raise typer.BadParameter(f"--preset {preset}: has its own heights; leave out the ranges")
    try:
        return FlightRanges(**named)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _range(text: str) -> tuple[float, float]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?", text)
    if not found:
        raise typer.BadParameter(f"{text!r}: write LOW-HIGH, such as 60-120")
    return float(found[1]), float(found[2] or found[1])
