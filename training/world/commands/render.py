"""The command `safenet-world render`."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.commands.options import Preset, Split
from training.world.errors import MapSourceError
from training.world.job_runner import run_jobs
from training.world.output.folder import claim
from training.world.output.gps_csv import write_gps
from training.world.rendering.camera import Jitter
from training.world.scene.textures import load_textures
from training.world.synthetic.place import RenderSettings
from training.world.synthetic.place_jobs import render_jobs, run_render_job


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
        jobs = render_jobs(out, seed, places, split.value, settings)
        run_jobs(run_render_job, jobs, workers, "places")
        lines = write_gps(out)
    typer.echo(f"{out}: {len(jobs)} places, {lines} lines in gps.csv")
