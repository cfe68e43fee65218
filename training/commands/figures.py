"""`safenet-eval figures`: Figures 7 to 11 of the paper as PNG."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure
from PIL import Image

from console.errors import one_line_errors
from model.embedder import Embedder
from training.data.layouts import read_benchmark
from training.errors import DataError, RecipeError
from training.evaluation.descriptor_cache import DEFAULT_FOLDER, DescriptorCache
from training.evaluation.embedding import EmbeddingOptions, ImageSetEmbedder
from training.evaluation.evaluation import Protocol, Rules
from training.paper.figures import figure_7, figure_8, figure_9, figure_10, figure_11

FIGURES = ("7", "8", "9", "10", "11")


def figures_command(
    data: Annotated[Path, typer.Argument(help="Data in University-1652's layout.")],
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A .safetensors file; repeat to compare weights in figures 7 and 10."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the PNG files.")] = Path("runs") / "figures",
    which: Annotated[str, typer.Option(help="Separated by commas: 7, 8, 9, 10, 11.")] = "7,9,10,11",
    parts_table: Annotated[
        Path, typer.Option(help="For figure 8: the file that `tables --which F8` wrote.")
    ] = Path("runs") / "tables" / "table-F8.json",
    protocol: Annotated[Protocol, typer.Option(help="Gallery images of figure 7.")] = "full",
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
    cache_folder: Annotated[
        Path, typer.Option("--cache", help="Folder of the descriptor cache.")
    ] = DEFAULT_FOLDER,
) -> None:
    """Draw aligned images, partitions and heat maps (9, 10), distances (7), parts (8), top 5 (11).

    Example: safenet-eval figures University-Release --weights ours.safetensors --out figures
    """
    with one_line_errors(usage=(RecipeError,)):
        names = _names(which)
        paths: list[Path | None] = list(weights) if weights else [None]
        kept = DescriptorCache(cache_folder)
        benchmark = read_benchmark(data)
        options = [EmbeddingOptions(weights=path, workers=workers, cache=kept) for path in paths]
        models = [ImageSetEmbedder.load(each) for each in options]
        embedders = [Embedder.load(path) for path in paths]
        boards: dict[str, Callable[[], Figure | Image.Image]] = {
            "7": lambda: figure_7(benchmark, models, Rules(protocol=protocol)),
            "8": lambda: figure_8(parts_table),
            "9": lambda: figure_9(benchmark, embedders[0]),
            "10": lambda: figure_10(benchmark, embedders),
        }
        for name in names:
            if name != "11":
                _write(out / f"figure-{name}.png", boards[name]())
                continue
            for direction in benchmark.directions:
                word = direction.name.replace("→", "-to-").replace(" ", "-")
                _write(out / f"figure-11-{word}.png", figure_11(direction, models[0]))


def _names(which: str) -> list[str]:
    names = [name.strip() for name in which.split(",")]
    for name in names:
        if name not in FIGURES:
            raise RecipeError(f"--which {name}: choose from {', '.join(FIGURES)}")
    return names


def _write(path: Path, drawn: Figure | Image.Image) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(drawn, Figure):
            drawn.savefig(path, dpi=150)
        else:
            drawn.save(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
    typer.echo(path)
