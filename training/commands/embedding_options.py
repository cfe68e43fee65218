"""The options of `safenet-eval dataset` and `overhead` about embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from model.matching.choice import AUTO, MATCHERS, NONE
from training.evaluation.descriptor_cache import DEFAULT_FOLDER, DescriptorCache
from training.evaluation.embedding import EmbeddingOptions

_TURNS_HELP = "Number of rotations averaged: 1, 2, 4; default: the weights'."


@dataclass(frozen=True, kw_only=True)
class EmbeddingChoice:
    """Weights, views of each image, re-ranking, and what counts as a hit."""

    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors file; default: the shipped weights.")
    ] = None
    gallery_turns: Annotated[int | None, typer.Option("--gallery-turns", help=_TURNS_HELP)] = None
    query_turns: Annotated[int | None, typer.Option("--query-turns", help=_TURNS_HELP)] = None
    turn_zoom: Annotated[
        float | None,
        typer.Option(
            "--turn-zoom",
            help="Share of the side that every second rotation shows; default: the weights'.",
        ),
    ] = None
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Re-rank the best matches by local features, as a search does.",
        ),
    ] = True
    matcher: Annotated[
        str,
        typer.Option("--matcher", help=f"Compares the best matches: {', '.join(MATCHERS)}."),
    ] = AUTO
    within_m: Annotated[
        float, typer.Option(min=0, help="Distance up to which a match counts as a hit, metres.")
    ] = 25.0
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2
    cache_folder: Annotated[
        Path, typer.Option("--cache", help="Folder of the descriptor cache.")
    ] = DEFAULT_FOLDER
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ignore the descriptor cache.")] = (
        False
    )

    def options(self, *, input_size: int | None = None, flip: bool = False) -> EmbeddingOptions:
        """Return how images are embedded.

        Args:
            input_size: side of the input, pixels; None: as trained.
            flip: whether descriptors are averaged with those of the mirrored images.
        """
        return EmbeddingOptions(
            weights=self.weights,
            input_size=input_size,
            flip=flip,
            gallery_turns=self.gallery_turns,
            query_turns=self.query_turns,
            turn_zoom=self.turn_zoom,
            workers=self.workers,
            cache=None if self.no_cache else DescriptorCache(self.cache_folder),
            matcher=self.matcher if self.verify else NONE,
        )
