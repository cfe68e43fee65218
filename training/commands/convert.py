"""`safenet-convert`: converts a checkpoint of the authors' released code."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OneLineCommand)
def convert_command(
    authors: Annotated[
        Path, typer.Argument(help="The authors' checkpoint, for example net_119.pth.")
    ],
    out: Annotated[
        Path,
        typer.Argument(
            help="A .safetensors file, or a folder in which NAME.safetensors is written."
        ),
    ],
) -> None:
    """Convert a checkpoint of the authors' code to weights for the commands of this project.

    The network keeps the authors' nearest-neighbour sampler, so that descriptors stay the same.

    Example: safenet-convert net_119.pth runs/authors.safetensors
    """
    path = out if out.suffix == ".safetensors" else out / f"{authors.stem}.safetensors"
    with one_line_errors():
        from model.conversion import convert

        convert(authors, path)
    typer.echo(path)
