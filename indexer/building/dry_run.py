"""What a build would bring and cost, from a look of bounded time: `--dry-run`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from indexer.building.embedding import matcher_rows
from indexer.building.summary import Reasons, cause_of
from indexer.building.survey import refuse_twice, why_empty
from indexer.errors import EmptySourceError
from indexer.gallery.descriptors import bytes_of_row
from indexer.gallery.pictures import encode
from indexer.gallery.vectors import bytes_per_row, choose
from indexer.records import Bounds
from indexer.sources.candidate import Candidate, Source
from indexer.sources.count import Count
from indexer.sources.reading import SkippedImage
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError

SAMPLE = 16
"""Our choice: images that are tried, spread over what was walked through."""

LOOK_S, READ_S = 0.7, 0.7
"""Our choice: seconds for counting and for reading the sample, whatever the source's size."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """`images` will come (about, where not `exact`); `usable` of them will stay by the sample."""

    images: int
    exact: bool
    usable: int
    store_bytes: int
    extent: Bounds | None
    reasons: Reasons
    minutes: float | None = None


def forecast(
    source: Source,
    *,
    descriptor_dim: int,
    local_bytes: int,
    matcher_bytes: int,
    index_kind: str,
    embedder: DescriptorModel | None = None,
) -> Forecast:
    """Count candidates and read a few, within two seconds.

    Args:
        source: what would be built from.
        descriptor_dim: length of the weights' descriptors.
        local_bytes: bytes of their local features.
        matcher_bytes: bytes of a matcher's row; 0 without a matcher.
        index_kind: one of `vectors.INDEX_KINDS`.
        embedder: weights to embed the sample with, for `minutes`; takes longer.

    Raises:
        SourceError, DuplicateIdError: what a build would refuse too, as far as it is noticed.
    """
    source.check(budget_s=LOOK_S)
    count = _count(source)
    reasons, pictures, tried = Reasons(), [], 0
    began = time.monotonic()
    for candidate in _sample(source, count.number):
        tried += 1
        try:
            raw = candidate.read()
            pictures.append(len(raw.jpeg or encode(raw.image)))
            if embedder is not None:
                pixels_1 = embedder.preprocess(raw.image)[None]
                embedder.embed_gallery_pixels(pixels_1)
                matcher_rows(embedder, pixels_1)
        except SkippedImage as skipped:
            reasons.skipped[skipped.cause] += 1
        except (SafeNetError, OSError) as error:
            reasons.failed[cause_of(error)] += 1
        if embedder is None and time.monotonic() - began > READ_S:
            break
    spent_s = time.monotonic() - began
    reasons.left_aside.update(source.left_aside)
    usable = round(count.number * len(pictures) / max(1, tried))
    row_bytes = bytes_of_row(descriptor_dim, local_bytes) + matcher_bytes
    row_bytes += bytes_per_row(choose(index_kind, usable), descriptor_dim)
    picture_bytes = sum(pictures) / max(1, len(pictures))
    return Forecast(
        images=count.number,
        exact=count.exact,
        usable=usable,
        store_bytes=round(usable * (row_bytes + picture_bytes + 1_000)),
        extent=source.extent(),
        reasons=reasons,
        minutes=None if embedder is None else count.number * spent_s / max(1, tried) / 60,
    )


def _count(source: Source) -> Count:
    if source.ids_are_unique:
        count = source.count(LOOK_S)
        empty = not count.number and next(source.candidates(), None) is None
    else:
        count = _walk(source)
        empty = not count.number
    if empty:
        raise EmptySourceError(why_empty(source))
    return count


def _walk(source: Source) -> Count:
    """Count candidates and compare their ids, for a bounded time."""
    ids: set[str] = set()
    ends = time.monotonic() + LOOK_S
    for candidate in source.candidates():
        refuse_twice(candidate, ids, source)
        if time.monotonic() > ends:
            return source.count(LOOK_S / 2)
    return Count(number=len(ids), exact=True)


def _sample(source: Source, total: int) -> Iterator[Candidate]:
    """Candidates spread over the source, or over the part of it that time allows to walk."""
    ends = time.monotonic() + READ_S
    for candidate in islice(source.spread(SAMPLE, total), SAMPLE):
        yield candidate
        if time.monotonic() > ends:
            return
