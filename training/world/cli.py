"""The command `safenet-world`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineGroup
from training.world.errors import MapSourceError
from training.world.fly_command import fly
from training.world.geo import REACH_M, origin_of, to_latlon
from training.world.job_runner import run_jobs
from training.world.option_texts import grid_of, map_middle_m
from training.world.orthophoto.image_jobs import ImageSettings, image_jobs, run_image_job
from training.world.orthophoto.map_jobs import DrapeSettings, drape_jobs, run_drape_job
from training.world.output.contact_sheet import place_sheet, places_sheet, save_sheet
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps
from training.world.rendering.camera import Jitter
from training.world.scene.textures import load_textures
from training.world.synthetic.area_jobs import AreaSettings, area_jobs, run_area_job
from training.world.synthetic.place import RenderSettings
from training.world.synthetic.place_jobs import plan_jobs, run_job

app = typer.Typer(
    cls=OneLineGroup,
    help="A rendered world of cross-view places with exact coordinates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    out: Annotated[Path, typer.Argument(help="Output folder; an interrupted run is resumed.")],
    places: Annotated[int, typer.Option(min=1, max=5000, help="Places in each split.")] = 20,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**31 - 1, help="Seed of the world; the same seed gives the same bytes."
        ),
    ] = 1,
    split: Annotated[Split, typer.Option(help="Splits to write.")] = Split.TRAIN,
    views: Annotated[
        int | None,
        typer.Option(min=1, max=400, help="Drone views of each place (54, sues-200: 200)."),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="The drone's flight.")] = Preset.UNIVERSITY,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Image side, pixels.")] = 256,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
    lights: Annotated[
        int, typer.Option(min=1, max=54, help="Number of different suns and seasons per flight.")
    ] = 1,
    textures: Annotated[
        Path | None,
        typer.Option(help="Folder of real overhead images that are blended into the ground."),
    ] = None,
    texture_classes: Annotated[
        str, typer.Option(help="Only these classes of --textures, separated by commas.")
    ] = "",
    weather: Annotated[
        float, typer.Option(min=0, max=1, help="Share of drone views in bad weather.")
    ] = 0.0,
    yaw_jitter: Annotated[
        float, typer.Option(min=0, max=180, help="Random heading, ± degrees.")
    ] = 0.0,
    pitch_jitter: Annotated[
        float, typer.Option(min=0, max=60, help="Random gimbal pitch, ± degrees, within 30 to 90.")
    ] = 0.0,
    fov_jitter: Annotated[
        float, typer.Option(min=0, max=25, help="Random field of view, ± degrees.")
    ] = 0.0,
    aim_jitter: Annotated[
        float, typer.Option(min=0, max=200, help="Random aim off the place's centre, ± metres.")
    ] = 0.0,
) -> None:
    """Render places in University-1652's layout, with gps.csv."""
    if preset is Preset.SUES and views is not None and views % 4:
        raise typer.BadParameter(f"--views {views}: sues-200 flies four heights; give 4, 8, 12 …")
    settings = RenderSettings(
        preset=preset.value,
        views=views or (200 if preset is Preset.SUES else 54),
        size_px=size,
        drone_lights=lights,
        textures=str(textures) if textures else "",
        texture_classes=texture_classes,
        weather_share=weather,
        jitter=Jitter(
            yaw_deg=yaw_jitter,
            pitch_deg=pitch_jitter,
            field_of_view_deg=fov_jitter,
            aim_m=aim_jitter,
        ),
    )
    with one_line_errors():
        if textures:
            load_textures(str(textures), texture_classes)
        elif texture_classes:
            raise MapSourceError(
                "--texture-classes: also give the folder of images with --textures"
            )
        claim(out, seed, settings)
        jobs = plan_jobs(out, seed, places, split.value, settings)
        run_jobs(run_job, jobs, workers, "places")
        lines = write_gps(out)
    typer.echo(f"{out}: {len(jobs)} places, {lines} lines in gps.csv")


@app.command("render-map")
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


class Heights(StrEnum):
    """Where heights come from without a surface model."""

    GUESS = "guess"
    FLAT = "flat"


@app.command("drape")
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


@app.command("drape-pictures")
def drape_pictures(
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


app.command("fly")(fly)


@app.command()
def sheet(
    folder: Annotated[Path, typer.Argument(help="A rendered folder.")],
    out: Annotated[Path, typer.Argument(help="Image to write (.jpg or .png).")],
    place: Annotated[
        str | None, typer.Option(help="Show only the place with this id, large.")
    ] = None,
    places: Annotated[
        int, typer.Option(min=1, max=400, help="Number of places without --place.")
    ] = 12,
    drones: Annotated[
        int, typer.Option(min=1, max=200, help="Number of drone views of each place.")
    ] = 3,
    side: Annotated[int, typer.Option(min=16, max=1024, help="Side of a view, pixels.")] = 160,
) -> None:
    """Make a contact sheet of one place or of several."""
    with one_line_errors():
        if place:
            image = place_sheet(folder, place, drones, side)
        else:
            image = places_sheet(folder, places, drones, side)
        save_sheet(image, out)
    typer.echo(f"{out}: {image.width} x {image.height} pixels")


if __name__ == "__main__":
    app()
