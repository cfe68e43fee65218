"""Adds a source's images to a gallery in batches.

Order within a batch: pictures, then descriptors, then one database transaction. A process that
dies in between leaves rows without a committed slot; the next run overwrites them.
"""

import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from indexer.building.decoding import Prepared, Preparer, Unchanged, outcomes
from indexer.building.dense import groups
from indexer.building.embedding import Batch, Embed, Embedded, batches_of, embed_here, prepared_in
from indexer.building.publish import refuse_missing_rows
from indexer.building.summary import Reasons
from indexer.building.writer import Writer
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.rows import Known, Problem, SourceInfo, StoredImage
from indexer.sources.candidate import Candidate, Source, identity, pages
from model.dense import DenseTiles
from model.descriptor_model import DescriptorModel
from model.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Number of images of a run by outcome."""

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


def ingest(
    writer: Writer,
    source: Source,
    embedder: DescriptorModel,
    *,
    total: int,
    reread: bool,
    dense: DenseTiles | None = None,
    workers: Embed | None = None,
) -> tuple[Tally, Reasons]:
    """Bring every candidate of a source in; return the counts, and why images are missing.

    Args:
        writer: the gallery.
        source: where the images come from.
        embedder: the gallery's weights.
        total: how many candidates will come, for the progress.
        reread: look again at images whose files changed.
        dense: what computes the ground of overlapping tiles once; None: each tile alone.
        workers: embeds instead of this process.
    """
    info = writer.database.enter_source(*identity(source), source.kind)
    for note in source.notes:
        writer.progress.note(note)
    writer.progress.start(total)
    try:
        run = _Run(writer, info, embedder, dense, workers)
        tally = run.everything(source, reread)
    finally:
        writer.progress.stop()
    run.reasons.left_aside.update(source.left_aside)
    return tally, run.reasons


class _Run:
    """One pass over one source."""

    def __init__(
        self,
        writer: Writer,
        info: SourceInfo,
        embedder: DescriptorModel,
        dense: DenseTiles | None,
        workers: Embed | None,
    ) -> None:
        self._writer = writer
        self._info = info
        self._embedder = embedder
        self._dense = dense
        self._workers = workers
        self._tally = Tally()
        self.reasons = Reasons()

    def everything(self, source: Source, reread: bool) -> Tally:
        row = self._writer.row
        refuse_missing_rows(self._writer.folder, row)
        path = self._writer.folder.descriptors(row.generation)
        rows = DescriptorFile(path, row.descriptor_dim, row.local_bytes, writable=True)
        try:
            prepare = Preparer(self._embedder, self._writer.pictures)
            for candidates, rows_of in groups(source, self._embedder, self._dense):
                embed = self._workers or embed_here(self._embedder, rows_of)
                batches = batches_of(outcomes(self._work(candidates, reread), prepare))
                for batch, embedded in embed(batches):
                    self._commit(batch, rows, embedded)
        finally:
            rows.close()
        if self._writer.database.count():
            self._writer.database.finish_source(self._info.id)
        self._list_failures()
        return self._tally

    def _work(
        self, candidates: Iterator[Candidate], reread: bool
    ) -> Iterator[tuple[Candidate, Known | None]]:
        for page in pages(candidates):
            ids = [candidate.record.image_id for candidate in page]
            known = self._writer.database.known(ids)
            removed = self._writer.database.removed(self._info.id, ids) if reread else set()
            for plain in page:
                candidate = with_metadata(plain)
                before = known.get(candidate.record.image_id)
                if candidate.record.image_id not in removed and (
                    before is None or (reread and self._differs(candidate, before))
                ):
                    yield candidate, before
                else:
                    self._count(Tally(unchanged=1))

    def _differs(self, candidate: Candidate, before: Known) -> bool:
        # The same map cut another way shares images; the source that brought them looks at them.
        own = before.source_id == self._info.id
        return own and before.fingerprint != candidate.fingerprint

    def _commit(self, batch: Batch, rows: DescriptorFile, embedded: Embedded | None) -> None:
        problems = [outcome for outcome in batch if isinstance(outcome, Problem)]
        same = [outcome for outcome in batch if isinstance(outcome, Unchanged)]
        images = [] if embedded is None else self._store(prepared_in(batch), rows, embedded)
        if images or problems:
            self._writer.database.commit_batch(self._info.id, images, problems)
        if same:
            marks = {outcome.image_id: outcome.fingerprint for outcome in same}
            self._writer.database.touch(marks)
        for problem in problems:
            causes = self.reasons.failed if problem.kind == "failed" else self.reasons.skipped
            causes[problem.cause] += 1
        failed = sum(problem.kind == "failed" for problem in problems)
        skipped = len(problems) - failed
        self._count(Tally(added=len(images), skipped=skipped, failed=failed, unchanged=len(same)))

    def _store(
        self, prepared: list[Prepared], rows: DescriptorFile, embedded: Embedded
    ) -> list[StoredImage]:
        first = self._writer.row.next_slot
        crcs = rows.write(first, embedded.rows)
        matcher, rows_NB = self._embedder.matcher, embedded.matcher_NB
        if matcher is not None and rows_NB is not None:
            for item, row_B in zip(prepared, rows_NB, strict=True):
                self._writer.pictures.add_row(item.picture_sha256, matcher.row_format, row_B)
        return [
            StoredImage(
                record=item.record,
                slot=first + position,
                source_id=self._info.id,
                fingerprint=item.fingerprint,
                picture_sha256=item.picture_sha256,
                descriptor_crc32=crc,
            )
            for position, (item, crc) in enumerate(zip(prepared, crcs, strict=True))
        ]

    def _count(self, part: Tally) -> None:
        self._tally += part
        self._writer.progress.advance(**asdict(part))

    def _list_failures(self) -> None:
        text = failures_csv(self._writer.database.problems())
        write_atomically(self._writer.folder.failed_csv, text.encode())


def failures_csv(problems: Iterable[Problem]) -> str:
    """Return the text of failed.csv: a header, and a line for each image that failed."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("image_id", "location", "reason"))
    for problem in problems:
        if problem.kind == "failed":
            lines.writerow((problem.image_id, problem.location, problem.reason))
    return text.getvalue()


def with_metadata(candidate: Candidate) -> Candidate:
    """Return a candidate whose fingerprint changes with its metadata too."""
    metadata = zlib.crc32(repr(candidate.record).encode())
    return replace(candidate, fingerprint=f"{candidate.fingerprint}-{metadata:08x}")
