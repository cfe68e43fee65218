"""`safenet-train`; `safenet-eval` is in `eval_cli`."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand
from training.commands.evaluate import eval_app
from training.data.training_data import training_places
from training.errors import RecipeError
from training.learning.cpu_speed import keep_freed_memory
from training.learning.loop import RunOptions, train
from training.learning.recipes import RECIPES
from training.learning.recipes import recipe as named_recipe

__all__ = ["eval_app", "train_app"]

train_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@train_app.command(cls=OneLineCommand)
def train_command(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="University-1652 or SUES-200 folders, maps with drone images and gps.csv, or "
            "folders of overhead images; several are joined."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run folder: checkpoint, log, weights.")],
    recipe: Annotated[str, typer.Option(help=f"One of: {', '.join(RECIPES)}.")] = "paper",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value: epochs=20, model.backbone=resnet50; repeat."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Hold out overhead images whose path holds this word; repeat."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Start from these .safetensors, not from ImageNet's.")
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=1, help="SUES-200: train on one height, metres.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.ckpt.")] = False,
) -> None:
    """Train Safe-Net and write OUT/weights.safetensors.

    Example: safenet-train University-Release --recipe paper --out runs/paper
    """
    with one_line_errors(usage=(RecipeError,)):
        chosen = named_recipe(recipe, change or ())
        places = [
            place for folder in data for place in training_places(folder, exclude or (), height)
        ]
        keep_freed_memory()
        typer.echo(f"{len(places)} places, recipe {chosen.name}", err=True)
        options = RunOptions(out=out, resume=resume, initial_weights=weights, workers=workers)
        typer.echo(train(chosen, places, options))
