"""`safenet-train adapt`: weights for a user's own map or mesh."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from console.errors import one_line_errors
from model.embedder import SHIPPED_WEIGHTS
from training.adaptation.adapt import Adaptation, Adapted, adapt, kept_reason
from training.adaptation.ground import Ground
from training.evaluation.report import print_table, write_json
from training.learning.cpu_speed import keep_freed_memory
from training.world.commands.options import point_of


def adapt_command(
    ground: Annotated[
        Path,
        typer.Argument(
            metavar="MAP_OR_MESH",
            help="GeoTIFF or XYZ folder; or a textured mesh: tileset.json or its folder, GLB, "
            "glTF, OBJ, PLY.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on.")],
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Folder of drone photos of the map's ground, with position, height, heading and "
            "pitch in their metadata."
        ),
    ] = None,
    dsm: Annotated[
        Path | None, typer.Option(help="Surface model of the map (raster), metres.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="LAT,LON", help="Degrees of a mesh without coordinates.")
    ] = None,
    places: Annotated[int, typer.Option(min=24, max=5000, help="At most so many places.")] = 400,
    views: Annotated[int, typer.Option(min=1, max=54, help="Drone views of each place.")] = 6,
    span: Annotated[float, typer.Option(min=20, max=1000, help="Side of a tile, metres.")] = 150.0,
    spacing: Annotated[
        float | None, typer.Option(min=5, help="Metres between places; default: two thirds of it.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the places.")] = 30,
    weights: Annotated[Path, typer.Option(help="Weights to start from.")] = SHIPPED_WEIGHTS,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Flights and looks.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 2,
) -> None:
    """Adapt the weights to your own ground and write OUT/adapted.safetensors.

    Drone views of the ground are rendered, the weights are fine-tuned on its middle, and what is
    better at its ends, which no training saw, is kept: never weights that are worse there than
    those before. Galleries have to be built again with the new weights.

    Example: safenet-train adapt city.tif --out runs/city
    """
    with one_line_errors():
        keep_freed_memory()
        job = Adaptation(
            ground=Ground(
                path=ground,
                surface_model=dsm,
                at=point_of(at),
                places=places,
                views=views,
                span_m=span,
                spacing_m=spacing or span * 2 / 3,
                seed=seed,
            ),
            out=out,
            photos=photos,
            start=weights,
            epochs=epochs,
            workers=workers,
        )
        found = adapt(job, lambda line: typer.echo(line, err=True))
        write_json(out / "report.json", dataclasses.asdict(found) | {"weights": str(found.weights)})
        _print(found)


def _print(found: Adapted) -> None:
    train, choose, report = found.places
    table = Table(
        title=f"R@1 in percent, drone views among the {train} + {choose} + {report} tiles"
    )
    for heading in ("weights", f"{choose} places that chose", f"{report} others", "re-ranked"):
        table.add_column(heading, justify="right" if table.columns else "left")
    tried = f"{100 * found.share:.0f} % fine-tuned"
    for name, score in (("before", found.before), (tried, found.after)):
        figures = (score.choose, score.descriptor, score.reranked)
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    print_table(table)
    if found.photos is not None:
        photos = found.photos
        print(f"photos: {photos.images} on {photos.places} tiles")
        for reason, count in photos.left_out.items():
            print(f"photos left out: {count} {reason}")
    if found.kept_start:
        print(f"{kept_reason(found.share)}: the weights before are kept")
    print(
        f"{found.weights}: build galleries and serve with --weights {found.weights}, "
        "or SAFENET_WEIGHTS"
    )
