"""The command `safenet-world sheet`."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from training.world.output.contact_sheet import place_sheet, places_sheet, save_sheet


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
