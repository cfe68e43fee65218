"""The one writer of a gallery: puts images in, takes them out, publishes.

Order within a batch: pictures, then descriptors, then one database transaction. A process that
dies in between leaves rows that no committed slot names; the next run writes over them.
"""

import csv
import errno
import io
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.exc import OperationalError

from indexer.descriptors import DescriptorFile
from indexer.errors import StoreFullError, UnknownGalleryError
from indexer.layout import GalleryFolder, gallery_folder, write_atomically
from indexer.lock import writer_lock
from indexer.pictures import PictureStore
from indexer.pipeline import Outcome, Prepared, Preparer, Unchanged, outcomes
from indexer.progress import Progress
from indexer.publish import KEEP, clear_partial, publish, published
from indexer.rows import Known, Problem, SourceInfo, StoredImage
from indexer.schema import GalleryRow
from indexer.sources.candidate import Candidate, Source
from indexer.writer_database import WriterDatabase

if TYPE_CHECKING:
    from model.embedder import DescriptorModel

BATCH = 32
"""Images per forward pass and per transaction; what a kill can cost at most."""

_PAGE = 256


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many images a run looked at, by outcome."""

    added: int = 0
    skipped: int = 0
    failed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            added=self.added + other.added,
            skipped=self.skipped + other.skipped,
            failed=self.failed + other.failed,
            unchanged=self.unchanged + other.unchanged,
        )


class Writer:
    """A gallery held for writing."""

    def __init__(self, folder: GalleryFolder, database: WriterDatabase, progress: Progress) -> None:
        self.folder = folder
        self.database = database
        self.progress = progress
        self.pictures = PictureStore(folder.pictures)

    @property
    def row(self) -> GalleryRow:
        """The gallery's own row, as it is now."""
        row = self.database.gallery()
        if row is None:
            raise UnknownGalleryError(
                f"gallery {self.folder.root.name!r} was never built; run: safenet-index build"
            )
        return row

    def ingest(
        self, source: Source, info: SourceInfo, embedder: "DescriptorModel", *, reread: bool
    ) -> Tally:
        """Bring every candidate of a source in; `reread` looks again at changed files."""
        row = self.row
        rows = DescriptorFile(
            self.folder.descriptors(row.generation), row.descriptor_dim, writable=True
        )
        tally = Tally()
        try:
            work = self._work(source, reread)
            prepare = Preparer(embedder, self.pictures)
            batch: list[Outcome] = []
            for outcome in outcomes(work, prepare):
                batch.append(outcome)
                if len(batch) == BATCH:
                    tally += self._commit(info, batch, embedder, rows)
                    batch = []
            tally += self._commit(info, batch, embedder, rows)
        finally:
            rows.close()
        self.database.finish_source(info.id)
        self._list_failures()
        return replace(tally, unchanged=tally.unchanged + self._unchanged)

    def _work(self, source: Source, reread: bool) -> Iterator[tuple[Candidate, Known | None]]:
        self._unchanged = 0
        for page in pages(source.candidates()):
            known = self.database.known([candidate.record.image_id for candidate in page])
            for plain in page:
                candidate = replace(plain, fingerprint=_fingerprint(plain))
                before = known.get(candidate.record.image_id)
                if before is None or (reread and before.fingerprint != candidate.fingerprint):
                    yield candidate, before
                else:
                    self._unchanged += 1
                    self.progress.advance(added=0, skipped=0, failed=0, unchanged=1)

    def _commit(
        self,
        info: SourceInfo,
        batch: Sequence[Outcome],
        embedder: "DescriptorModel",
        rows: DescriptorFile,
    ) -> Tally:
        prepared = [outcome for outcome in batch if isinstance(outcome, Prepared)]
        problems = [outcome for outcome in batch if isinstance(outcome, Problem)]
        same = [outcome for outcome in batch if isinstance(outcome, Unchanged)]
        images = self._store(info, prepared, embedder, rows) if prepared else []
        if images or problems:
            self.database.commit_batch(info.id, images, problems)
        if same:
            self.database.touch({outcome.image_id: outcome.fingerprint for outcome in same})
        failed = sum(problem.kind == "failed" for problem in problems)
        tally = Tally(
            added=len(images), skipped=len(problems) - failed, failed=failed, unchanged=len(same)
        )
        self.progress.advance(
            added=tally.added,
            skipped=tally.skipped,
            failed=tally.failed,
            unchanged=tally.unchanged,
        )
        return tally

    def _store(
        self,
        info: SourceInfo,
        prepared: Sequence[Prepared],
        embedder: "DescriptorModel",
        rows: DescriptorFile,
    ) -> list[StoredImage]:
        descriptors_ND = embedder.embed_pixels(np.stack([item.pixels_3SS for item in prepared]))
        first = self.row.next_slot
        crcs = rows.write(first, descriptors_ND)
        return [
            StoredImage(
                record=item.record,
                slot=first + position,
                source_id=info.id,
                fingerprint=item.fingerprint,
                picture_sha256=item.picture_sha256,
                descriptor_crc32=crc,
            )
            for position, (item, crc) in enumerate(zip(prepared, crcs, strict=True))
        ]

    def _list_failures(self) -> None:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(("image_id", "location", "reason"))
        for problem in self.database.problems():
            if problem.kind == "failed":
                lines.writerow((problem.image_id, problem.location, problem.reason))
        write_atomically(self.folder.failed_csv, text.getvalue().encode())

    def publish(self, keep: int = KEEP) -> str:
        """Publish what is stored, unless it is published already; returns the version's name."""
        row, before = self.row, published(self.folder)
        if before is not None and before.revision == row.revision:
            return before.version
        return publish(self.folder, self.database, row, keep)


@contextmanager
def open_writer(store: Path, name: str, progress: Progress) -> Iterator[Writer]:
    """Hold a gallery for writing; created where it does not exist.

    Raises:
        GalleryBusyError: another process writes it.
        StoreFullError: the disk ran full; what was committed before stays.
    """
    folder = gallery_folder(store, name)
    with disk_full_named(folder), writer_lock(folder.lock):
        folder.work.mkdir(parents=True, exist_ok=True)
        folder.versions.mkdir(exist_ok=True)
        clear_partial(folder)
        database = WriterDatabase.open_for_writing(folder.database)
        try:
            _clear_generations(folder, database)
            yield Writer(folder, database, progress)
        finally:
            database.close()


def _clear_generations(folder: GalleryFolder, database: WriterDatabase) -> None:
    row = database.gallery()
    kept = None if row is None else folder.descriptors(row.generation)
    for path in folder.work.glob("descriptors-*.f16"):
        if path != kept:
            path.unlink()


@contextmanager
def disk_full_named(folder: GalleryFolder) -> Iterator[None]:
    """Give a full disk its own error."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise StoreFullError(_full(folder)) from error
    except (OperationalError, sqlite3.OperationalError) as error:
        if "full" not in str(error):
            raise
        raise StoreFullError(_full(folder)) from error
    except RuntimeError as error:
        if "No space left" not in str(error):
            raise
        raise StoreFullError(_full(folder)) from error


def _full(folder: GalleryFolder) -> str:
    return (
        f"the disk under gallery {folder.root.name!r} is full; what was stored stays: "
        "make room and run this again"
    )


def _fingerprint(candidate: Candidate) -> str:
    return f"{candidate.fingerprint}-{zlib.crc32(repr(candidate.record).encode()):08x}"


def pages(candidates: Iterator[Candidate], size: int = _PAGE) -> Iterator[list[Candidate]]:
    """Candidates in lists of a bounded length."""
    page: list[Candidate] = []
    for candidate in candidates:
        page.append(candidate)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
