"""`safenet-train` and `safenet-eval`."""

from pathlib import Path
from typing import Annotated

import typer

from model.embedder import Embedder
from model.errors import SafeNetError
from training.errors import RecipeError
from training.evaluation import Protocol, evaluate_university
from training.loop import RunOptions, train
from training.places import training_places
from training.recipes import RECIPES
from training.recipes import recipe as named_recipe
from training.report import print_retrieval, write_json

train_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
eval_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _fail(error: SafeNetError) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(2 if isinstance(error, RecipeError) else 1)


@train_app.command()
def train_command(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="University-1652 folders, or folders of overhead images; several are joined."
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
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.ckpt.")] = False,
) -> None:
    """Train Safe-Net and write OUT/weights.safetensors.

    Example: safenet-train University-Release --recipe paper --out runs/paper
    """
    try:
        chosen = named_recipe(recipe, change or ())
        places = [place for folder in data for place in training_places(folder, exclude or ())]
        typer.echo(f"{len(places)} places, recipe {chosen.name}", err=True)
        options = RunOptions(out=out, resume=resume, initial_weights=weights, workers=workers)
        typer.echo(train(chosen, places, options))
    except SafeNetError as error:
        raise _fail(error) from error


@eval_app.command()
def eval_command(
    data: Annotated[Path, typer.Argument(help="University-1652 folder with test/query_drone/…")],
    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors file; default: the shipped weights.")
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="Gallery: the whole one, or only places with a query.")
    ] = "full",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
) -> None:
    """Recall@K and average precision, drone→satellite and satellite→drone, in percent.

    Example: safenet-eval University-Release --weights runs/paper/weights.safetensors
    """
    try:
        embedder = Embedder.load(weights)
        results = evaluate_university(data, embedder, protocol, workers)
    except SafeNetError as error:
        raise _fail(error) from error
    print_retrieval(results, protocol, embedder.name)
    if json_file is not None:
        facts = {"protocol": protocol, "weights": embedder.name, "sha256": embedder.sha256}
        write_json(json_file, results, facts)
