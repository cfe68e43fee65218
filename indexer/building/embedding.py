"""What the model makes of batches of prepared images: in this process, or elsewhere.

Legend: N images, B bytes of a matcher's row.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.building.decoding import Outcome, Prepared
from model.descriptor_model import DescriptorModel, GalleryRows

BATCH = 32
"""Number of images per forward pass and per transaction: the most that a killed run loses."""

Batch = list[Outcome]


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """What a gallery keeps of a batch's prepared images; `matcher_NB` is None without a matcher."""

    rows: GalleryRows
    matcher_NB: NDArray[np.int8] | None


Embed = Callable[[Iterator[Batch]], Iterator[tuple[Batch, Embedded | None]]]
"""Yields every batch in its order with what was made of it; None: nothing in it is prepared."""


def batches_of(outcomes: Iterable[Outcome]) -> Iterator[Batch]:
    """Yield outcomes in batches; the last one may be shorter."""
    left = iter(outcomes)
    while batch := list(islice(left, BATCH)):
        yield batch


def prepared_in(batch: Batch) -> list[Prepared]:
    """Return the images of a batch that are ready for the model."""
    return [outcome for outcome in batch if isinstance(outcome, Prepared)]


def pixels_of(prepared: list[Prepared]) -> NDArray[np.uint8]:
    """Return the pixels of prepared images: uint8 [N, 3, S, S]."""
    return np.stack([item.pixels_3SS for item in prepared])


def matcher_rows(
    embedder: DescriptorModel, pixels_N3SS: NDArray[np.uint8]
) -> NDArray[np.int8] | None:
    """Return what the model's matcher needs of images: int8 [N, B]; None without a matcher."""
    matcher = embedder.matcher
    return None if matcher is None else np.stack(list(matcher.describe(pixels_N3SS)))


def embed_here(
    embedder: DescriptorModel, rows_of: Callable[[list[Prepared]], GalleryRows] | None = None
) -> Embed:
    """Return what embeds in this process, a batch at a time.

    Args:
        embedder: the gallery's weights.
        rows_of: makes the rows of prepared images; None: each image is embedded for itself.
    """

    def embed(batches: Iterator[Batch]) -> Iterator[tuple[Batch, Embedded | None]]:
        for batch in batches:
            prepared = prepared_in(batch)
            if not prepared:
                yield batch, None
                continue
            pixels_N3SS = pixels_of(prepared)
            rows = rows_of(prepared) if rows_of else embedder.embed_gallery_pixels(pixels_N3SS)
            yield batch, Embedded(rows=rows, matcher_NB=matcher_rows(embedder, pixels_N3SS))

    return embed
