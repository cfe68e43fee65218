"""`safenet-eval DATA …` scores weights on a data set; `safenet-eval overhead|dev-set|…`."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.option_groups import with_option_groups
from console.usage import OneLineGroup
from model.cpu_threads import limit_blas_threads
from training.commands.dev_set import dev_set_command
from training.commands.embedding_options import EmbeddingChoice
from training.commands.failures import failures_command
from training.commands.figures import figures_command
from training.commands.tables import tables_command
from training.data.layouts import read_benchmark
from training.errors import RecipeError
from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import Protocol, Rules, Score, evaluate
from training.evaluation.overhead import OverheadTest, evaluate_overhead
from training.evaluation.report import print_scores, write_json
from training.evaluation.run_facts import facts_of
from training.evaluation.sweeps import STUDIES, Study, run_study
from training.learning.cpu_speed import keep_freed_memory
from training.learning.warps import FLAT_AS_FLOWN


class EvaluationGroup(OneLineGroup):
    """Passes arguments that do not start with a command to `dataset`."""

    default_command = "dataset"


eval_app = typer.Typer(
    cls=EvaluationGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help=(
        "Score weights. `safenet-eval DATA --weights W` is short for `safenet-eval dataset DATA "
        "--weights W`; a folder named like a command is written ./tables."
    ),
)


@eval_app.callback()
def prepare() -> None:
    """Set up memory and threads before any command."""
    keep_freed_memory()
    limit_blas_threads()


@eval_app.command("dataset")
@with_option_groups
def dataset_command(
    data: Annotated[
        Path,
        typer.Argument(help="University-1652, SUES-200, DenseUAV, or a folder with gps.csv."),
    ],
    embedding: EmbeddingChoice,
    protocol: Annotated[
        Protocol, typer.Option(help="Gallery: all images, or only places with a query.")
    ] = "full",
    multi_query: Annotated[
        int, typer.Option(min=1, max=54, help="Drone views averaged into one query.")
    ] = 1,
    by: Annotated[
        str | None, typer.Option(help=f"Report by condition: {', '.join(STUDIES)}.")
    ] = None,
    flip: Annotated[
        bool,
        typer.Option("--flip", help="Average every descriptor with that of the mirrored image."),
    ] = False,
    input_size: Annotated[
        int | None, typer.Option(min=64, max=1024, help="Input side other than trained, pixels.")
    ] = None,
) -> None:
    """Print recall@K and AP in percent in both directions, and metres where positions are known.

    Example: safenet-eval University-Release --weights runs/paper/weights.safetensors
    """
    study = _study(by)
    rules = Rules(
        protocol=protocol,
        within_m=embedding.within_m,
        multi_query=multi_query,
        verify=embedding.verify,
    )

    @cache
    def load(size: int | None, flipped: bool) -> ImageSetEmbedder:
        options = embedding.options(input_size=size or input_size, flip=flip or flipped)
        return ImageSetEmbedder.load(options)

    with one_line_errors(usage=(RecipeError,)):
        benchmark = read_benchmark(data)
        if study is None:
            scores = {"": evaluate(benchmark, load(None, False), rules)}
        else:
            scores = run_study(study, benchmark, load, rules)
        embedder = load(None, False)
        title = f"{data.name} ({benchmark.layout} layout), {embedder.name}, protocol {protocol}"
        print_scores(scores, title)
        if embedding.json_file is not None:
            facts = facts_of(embedder, rules) | {"layout": benchmark.layout, "flip": flip}
            write_json(embedding.json_file, facts | _results(scores, study))


def _study(by: str | None) -> Study | None:
    for study in STUDIES:
        if study == by:
            return study
    if by is not None:
        raise typer.BadParameter(f"{by!r}: choose from {', '.join(STUDIES)}", param_hint="--by")
    return None


def _results(scores: dict[str, dict[str, Score]], study: Study | None) -> dict[str, object]:
    return {"results": scores[""]} if study is None else {"by": study, "results_by": scores}


@eval_app.command("overhead")
@with_option_groups
def overhead_command(
    data: Annotated[Path, typer.Argument(help="Folder of overhead images, with index.csv or not.")],
    embedding: EmbeddingChoice,
    include: Annotated[
        list[str] | None,
        typer.Option(help="Only images whose path contains this word; repeat for more."),
    ] = None,
    gallery_year: Annotated[str | None, typer.Option(help="Year of the gallery images.")] = None,
    query_year: Annotated[str | None, typer.Option(help="Year of the query images.")] = None,
    views: Annotated[int, typer.Option(min=1, help="Warped views of every query image.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the warps.")] = 0,
    zoom: Annotated[
        str, typer.Option(help="Side of the visible area relative to the image's, FROM,TO.")
    ] = f"{FLAT_AS_FLOWN.zoom[0]},{FLAT_AS_FLOWN.zoom[1]}",
    shift: Annotated[
        float, typer.Option(min=0, max=1, help="Largest shift of the centre, in half sides.")
    ] = FLAT_AS_FLOWN.shift,
    colour: Annotated[
        float,
        typer.Option(
            min=0, max=2, help="Strength of random colour and light; 1 is the strength in training."
        ),
    ] = 0.0,
) -> None:
    """Evaluate on overhead images: warped like drone views, against all images of the folder.

    With years, every place of one year is matched against all places of the other. Without years,
    every image must find itself.

    Example: safenet-eval overhead naip --include claremont --gallery-year 2016 --query-year 2020
    """
    test = OverheadTest(
        include=tuple(include or ()),
        gallery_year=gallery_year,
        query_year=query_year,
        views=views,
        seed=seed,
        warps=dataclasses.replace(FLAT_AS_FLOWN, zoom=_zoom(zoom), shift=shift),
        colour=colour,
    )
    rules = Rules(within_m=embedding.within_m, verify=embedding.verify)
    with one_line_errors(usage=(RecipeError,)):
        embedder = ImageSetEmbedder.load(embedding.options())
        scores = {"flown→overhead": evaluate_overhead(data, test, embedder, rules)}
        print_scores({"": scores}, f"{data.name}, {embedder.name}, protocol full, seed {seed}")
        if embedding.json_file is not None:
            write_json(
                embedding.json_file, facts_of(embedder, rules) | {"test": test, "results": scores}
            )


def _zoom(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 4:
        raise typer.BadParameter(
            f"{text!r}: write FROM,TO above 0 up to 4: 0.5,2", param_hint="--zoom"
        )
    return low, high


eval_app.command("dev-set")(dev_set_command)
eval_app.command("tables")(tables_command)
eval_app.command("figures")(figures_command)
eval_app.command("failures")(failures_command)
