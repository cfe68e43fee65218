"""What a build would cost, from a few of its images: `--dry-run`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from indexer.building.checks import survey
from indexer.gallery.descriptors import bytes_of_row
from indexer.gallery.pictures import encode
from indexer.gallery.vectors import bytes_per_row, choose
from indexer.sources.candidate import Candidate, Source
from indexer.sources.reading import SkippedImage
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError

SAMPLE = 16
"""Ours: images that are tried, spread over the source."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`images` are the candidates, `usable` how many of them a sample says will stay."""

    images: int
    usable: int
    store_bytes: int
    minutes: float


def estimate(source: Source, embedder: DescriptorModel, index_kind: str) -> Estimate:
    """Count every candidate, read and embed a few.

    Raises:
        SourceError, DuplicateIdError: what a build would refuse too.
    """
    source.check()
    total = survey(source)
    pictures, spent_s, tried = [], 0.0, 0
    for candidate in islice(_spread(source, total), SAMPLE):
        began = time.perf_counter()
        tried += 1
        try:
            raw = candidate.read()
            pictures.append(len(raw.jpeg or encode(raw.image)))
            embedder.embed_gallery_pixels(embedder.preprocess(raw.image)[None])
        except (SkippedImage, SafeNetError, OSError):
            pass
        spent_s += time.perf_counter() - began
    usable = round(total * len(pictures) / max(1, tried))
    kind = choose(index_kind, usable)
    row_bytes = bytes_of_row(embedder.descriptor_dim, embedder.local_bytes)
    row_bytes += bytes_per_row(kind, embedder.descriptor_dim)
    picture_bytes = sum(pictures) / max(1, len(pictures))
    return Estimate(
        images=total,
        usable=usable,
        store_bytes=round(usable * (row_bytes + picture_bytes + 1_000)),
        minutes=total * spent_s / max(1, tried) / 60,
    )


def _spread(source: Source, total: int) -> Iterator[Candidate]:
    step = max(1, total // SAMPLE)
    return islice(source.candidates(), 0, None, step)
