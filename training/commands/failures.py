"""`safenet-eval failures`: a sheet of what a search gets wrong."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.option_groups import with_option_groups
from training.commands.embedding_options import EmbeddingChoice
from training.data.image_sets import Benchmark, Direction
from training.data.layouts import read_benchmark
from training.errors import DataError, RecipeError
from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import embedded, score_matrix
from training.evaluation.failures import Failure, failure_sheet, failures, right_images
from training.evaluation.report import write_json


@with_option_groups
def failures_command(
    data: Annotated[
        Path,
        typer.Argument(help="University-1652, SUES-200, DenseUAV, or a folder with gps.csv."),
    ],
    embedding: EmbeddingChoice,
    out: Annotated[Path, typer.Option(help="Image to write, .jpg or .png.")] = Path("failures.jpg"),
    count: Annotated[int, typer.Option(min=1, max=200, help="Failures on the sheet.")] = 12,
    from_tiles: Annotated[
        bool,
        typer.Option("--from-tiles", help="Search with satellite tiles instead of drone views."),
    ] = False,
) -> None:
    """Draw queries whose first match is wrong, with that match (red) and the right image (green).

    The worst come first: those whose first match is furthest ahead of the right image; of each
    place one. `--json` writes all of them with their files.

    Example: safenet-eval failures University-Release --out failures.jpg
    """
    with one_line_errors(usage=(RecipeError,)):
        benchmark = read_benchmark(data)
        direction = _direction(benchmark, data, from_tiles)
        embedder = ImageSetEmbedder.load(embedding.options())
        query, gallery = embedded(direction, embedder)
        within_m = None if benchmark.has_places else embedding.within_m
        found = failures(
            direction.query,
            direction.gallery,
            score_matrix(query, gallery, verify=embedding.verify),
            right_images(direction.query, direction.gallery, within_m),
        )
        if embedding.json_file is not None:
            write_json(embedding.json_file, {"weights": embedder.name, "failures": found})
        if not found:
            typer.echo(f"{data}: every first match of {len(direction.query)} queries is right")
            return
        _write(out, found[:count])
        typer.echo(f"{out}: {min(count, len(found))} of {len(found)} places with a failure")


def _direction(benchmark: Benchmark, data: Path, from_tiles: bool) -> Direction:
    view = "satellite" if from_tiles else "drone"
    for direction in benchmark.directions:
        if direction.query.view == view:
            return direction
    raise DataError(f"data {data} has no {view} queries")


def _write(out: Path, shown: list[Failure]) -> None:
    try:
        failure_sheet(shown).save(out, quality=85)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{out}: cannot be written ({error}); give a .jpg or .png in a folder that exists"
        ) from error
