"""`safenet-train DATA …` trains Safe-Net; `safenet-train adapt` fits weights to own ground."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineGroup
from training.commands.adapt import adapt_command
from training.commands.evaluate import eval_app
from training.data.training_data import training_places
from training.errors import RecipeError
from training.learning.cpu_speed import keep_freed_memory
from training.learning.loop import RunOptions, train
from training.learning.recipes import RECIPES
from training.learning.recipes import recipe as named_recipe

__all__ = ["eval_app", "train_app"]


class TrainingGroup(OneLineGroup):
    """Passes arguments that do not start with a command to `run`."""

    default_command = "run"


train_app = typer.Typer(
    cls=TrainingGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help=(
        "Train weights. `safenet-train DATA --recipe paper --out RUN` is short for `safenet-train "
        "run DATA …`; a folder named like a command is written ./adapt."
    ),
)
train_app.command("adapt")(adapt_command)


@train_app.command("run")
def train_command(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="University-1652 or SUES-200 folders, maps with drone images and gps.csv, or "
            "folders of overhead images; several folders are joined."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoint, log, weights.")],
    recipe: Annotated[str, typer.Option(help=f"One of: {', '.join(RECIPES)}.")] = "paper",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a value, such as epochs=20 or model.backbone=resnet50; repeat for more.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave out overhead images whose path contains this word; repeat for more."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Start from these .safetensors instead of ImageNet's weights."),
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=1, help="SUES-200: train on this height only, metres.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from OUT/last.ckpt.")] = False,
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
