"""`safenet-convert`: a checkpoint of the authors' released code becomes our weights."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OneLineCommand)
def convert_command(
    authors: Annotated[Path, typer.Argument(help="Their checkpoint, net_119.pth for example.")],
    out: Annotated[
        Path, typer.Argument(help="A .safetensors file, or a folder to put NAME.safetensors in.")
    ],
) -> None:
    """Turn a checkpoint of the authors' code into weights for every command of this project.

    The weights keep the authors' nearest-neighbour sampler, so that descriptors stay the same.

    Example: safenet-convert net_119.pth runs/authors.safetensors
    """
    path = out if out.suffix == ".safetensors" else out / f"{authors.stem}.safetensors"
    with one_line_errors():
        from model.conversion import convert

        convert(authors, path)
    typer.echo(path)
