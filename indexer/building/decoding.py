"""Decoding in worker threads, ahead of the model and in the source's order.

Legend: N images, S input side, D descriptor length.
"""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from indexer.building.summary import cause_of
from indexer.errors import StoreError
from indexer.gallery.pictures import Pictures, encode
from indexer.gallery.rows import Known, Problem
from indexer.geo import square_corners
from indexer.records import ImageRecord
from indexer.sources.candidate import Candidate
from indexer.sources.reading import RawPicture, SkippedImage
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError

WORKERS = min(8, os.cpu_count() or 1)
"""Number of decoding threads. Our choice: one per core; decoding releases the interpreter lock."""

AHEAD = 64
"""Number of decoded images that may wait for the model. Our choice: 13 MB at 256 px."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An image ready for the model, its picture already stored."""

    record: ImageRecord
    fingerprint: str
    picture_sha256: str
    pixels_3SS: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Unchanged:
    """An image whose content is unchanged."""

    image_id: str
    fingerprint: str


Outcome = Prepared | Unchanged | Problem


class Preparer:
    """Turns one candidate into one outcome; used by several threads at once."""

    def __init__(self, embedder: DescriptorModel, pictures: Pictures) -> None:
        self._embedder = embedder
        self._pictures = pictures

    def __call__(self, candidate: Candidate, known: Known | None) -> Outcome:
        """Read, compare, store the picture and resize for the model."""
        try:
            raw = candidate.read()
            if known is not None and _same(candidate, known, raw):
                return Unchanged(
                    image_id=candidate.record.image_id, fingerprint=candidate.fingerprint
                )
            return Prepared(
                record=_completed(candidate.record, raw),
                fingerprint=candidate.fingerprint,
                picture_sha256=self._pictures.add(raw.jpeg or encode(raw.image)),
                pixels_3SS=self._embedder.preprocess(raw.image),
            )
        except SkippedImage as skipped:
            return _problem(candidate, "skipped", str(skipped), skipped.cause)
        except StoreError:
            raise  # the picture cannot be stored: no other one can
        except (SafeNetError, OSError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            return _problem(candidate, "failed", _reason(error), cause_of(error))


def _reason(error: Exception) -> str:
    if isinstance(error, SafeNetError):
        return str(error)
    if isinstance(error, FileNotFoundError | PermissionError):
        return cause_of(error)
    return getattr(error, "strerror", None) or "it cannot be read"


def _same(candidate: Candidate, known: Known, raw: RawPicture) -> bool:
    metadata = candidate.fingerprint.rsplit("-", 1)[-1]
    return (
        raw.content_sha256 == known.content_sha256
        and known.fingerprint.rsplit("-", 1)[-1] == metadata
    )


def _completed(record: ImageRecord, raw: RawPicture) -> ImageRecord:
    corners = record.corners
    if corners is None and record.view == "satellite" and record.gsd_m is not None:
        corners = cast(
            Any,
            square_corners(
                record.latitude,
                record.longitude,
                record.gsd_m * raw.width_px,
                record.gsd_m * raw.height_px,
                record.heading_deg or 0.0,
            ),
        )
    return replace(record, corners=corners, content_sha256=raw.content_sha256)


def _problem(candidate: Candidate, kind: str, reason: str, cause: str) -> Problem:
    return Problem(
        image_id=candidate.record.image_id,
        location=candidate.location,
        kind=kind,
        reason=reason,
        cause=cause,
    )


def outcomes(
    work: Iterable[tuple[Candidate, Known | None]],
    prepare: Callable[[Candidate, Known | None], Outcome],
) -> Iterator[Outcome]:
    """One outcome for each candidate, in order, prepared by threads a bounded number ahead."""
    pending: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="decode") as pool:
        try:
            for candidate, known in work:
                pending.append(pool.submit(prepare, candidate, known))
                if len(pending) >= AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
