"""`safenet-index`: galleries from the shell."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import SafeNetError

if TYPE_CHECKING:
    from indexer.operations import Outcome
    from model.embedder import Embedder

app = typer.Typer(
    help="Build, change, check and search galleries of geo-tagged images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

NAME = Annotated[str, typer.Argument(help="Name of the gallery.")]
STORE = Annotated[Path, typer.Option("--store", help="Folder that holds the galleries.")]
WEIGHTS = Annotated[
    Path | None,
    typer.Option("--weights", help="A .safetensors file with its JSON; default: the shipped one."),
]
DEVICE = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
DEFAULT_STORE = Path("var/galleries")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what this project raises on purpose into one line on stderr and exit code 1."""
    try:
        yield
    except SafeNetError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def load_weights(weights: Path | None, device: str) -> "Embedder":
    """The weights to embed with; torch is imported here, not for `--help`."""
    from model.embedder import Embedder

    return Embedder.load(weights, device=device)


def reporter(log: str) -> Any:
    """A bar on a terminal, plain lines elsewhere, JSON lines on request."""
    from indexer.progress import Bar, JsonLines, PlainLines

    if log == "json":
        return JsonLines()
    return Bar() if sys.stderr.isatty() else PlainLines()


def say(outcome: "Outcome", name: str) -> None:
    """What a run did, in one line."""
    tally = outcome.tally
    print(
        f"{name}: {outcome.size} images, version {outcome.version} "
        f"({tally.added} new, {tally.unchanged} unchanged, {tally.skipped} skipped, "
        f"{tally.failed} failed)"
    )


@app.command()
def build(
    name: NAME,
    source: Annotated[Path, typer.Argument(help="What to index; see docs/galleries.md.")],
    store: STORE = DEFAULT_STORE,
    view: Annotated[str | None, typer.Option(help="satellite or drone.")] = None,
    weights: WEIGHTS = None,
    zoom: Annotated[
        int | None, typer.Option(help="Zoom of a tile source; default: deepest.")
    ] = None,
    index: Annotated[
        str, typer.Option(help="auto, flat, sq8, ivf-sq8, hnsw-sq8, ivf-rabitq.")
    ] = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Start anew.")] = False,
    log: Annotated[str, typer.Option(help="auto or json.")] = "auto",
    device: DEVICE = "auto",
) -> None:
    """Make a gallery of one source; run it again after an interruption to go on."""
    with one_line_errors():
        from indexer import operations
        from indexer.sources.candidate import SourceOptions
        from indexer.sources.detect import open_source

        found = open_source(source, SourceOptions(view=view, zoom=zoom))  # type: ignore[arg-type]
        outcome = operations.build(
            store,
            name,
            found,
            load_weights(weights, device),
            index_kind=index,
            replace=replace,
            progress=reporter(log),
        )
        say(outcome, name)


@app.command()
def info(name: NAME, store: STORE = DEFAULT_STORE) -> None:
    """What a gallery is made of."""
    with one_line_errors():
        from indexer.gallery import Gallery

        gallery = Gallery.open(store, name, embedder=None)
        for key, value in vars(gallery.manifest).items():
            print(f"{key:20} {value}")
        print(f"{'extent':20} {gallery.extent()}")
        gallery.close()


@app.command()
def verify(name: NAME, store: STORE = DEFAULT_STORE) -> None:
    """Check that index, database, descriptors and pictures belong together."""
    with one_line_errors():
        from indexer.gallery import Gallery

        gallery = Gallery.open(store, name, embedder=None)
        print(f"{name}: {gallery.size} images, version {gallery.version}: sound")
        gallery.close()


@app.command()
def search(
    name: NAME,
    images: Annotated[list[Path], typer.Argument(help="Query images, or folders of them.")],
    store: STORE = DEFAULT_STORE,
    weights: WEIGHTS = None,
    top_k: Annotated[int, typer.Option(min=1, max=1000, help="Matches per image.")] = 5,
    truth: Annotated[
        Path | None, typer.Option(help="CSV with file, lat, lon of the queries: print accuracy.")
    ] = None,
    device: DEVICE = "auto",
) -> None:
    """Find images in a gallery: one table row per match."""
    with one_line_errors():
        from indexer.cli_search import run

        run(store, name, images, load_weights(weights, device), top_k=top_k, truth=truth)


if __name__ == "__main__":
    app()
