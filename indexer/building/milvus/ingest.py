"""Adds a source's images to a collection in batches.

Order within a batch: pictures and local features, then the rows in one request. A row's key comes
from its image's id, so a batch that is written twice changes nothing: what is interrupted, or whose
server is killed, goes on where it was when the same command is run again.
"""

import zlib
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from indexer.building.decoding import Prepared, Preparer, Unchanged, outcomes
from indexer.building.dense import groups
from indexer.building.embedding import Batch, Embed, Embedded, batches_of, embed_here, prepared_in
from indexer.building.ingest import Tally, failures_csv, with_metadata
from indexer.building.milvus.versions import write_rows
from indexer.building.progress import Progress
from indexer.building.summary import Reasons
from indexer.errors import DuplicateIdError
from indexer.gallery.milvus.collection import Facts, known_in, row_of, slot_of
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.store import MilvusStore
from indexer.gallery.objects import ObjectStore
from indexer.gallery.rows import Known, Problem, StoredImage
from indexer.sources.candidate import Candidate, Source, identity, pages
from indexer.sources.names import shown
from model.dense import DenseTiles
from model.descriptor_model import DescriptorModel


class Ingest:
    """One pass over a source of a collection."""

    def __init__(
        self,
        store: MilvusStore,
        collection: str,
        facts: Facts,
        embedder: DescriptorModel,
        progress: Progress,
        workers: Embed | None = None,
        dense: DenseTiles | None = None,
    ) -> None:
        self._workers, self._dense = workers, dense
        self._store, self._collection, self._facts = store, collection, facts
        self._embedder, self._progress = embedder, progress
        self._objects = ObjectStore(facts.objects, facts.gallery)
        self._failures: list[Problem] = []
        self._source_id = 0
        self.tally, self.reasons = Tally(), Reasons()
        self.first_problem = "none is new"

    def everything(self, source: Source, total: int, *, reread: bool = False) -> None:
        """Bring in every candidate that is not there yet; with `reread`, those that changed too.

        Raises:
            DuplicateIdError: an id belongs to another source of the gallery.
        """
        self._source_id = self._facts.sources.index(identity(source)) + 1
        for note in source.notes:
            self._progress.note(note)
        self._progress.start(total)
        try:
            prepare = Preparer(self._embedder, self._objects)
            for candidates, rows_of in groups(source, self._embedder, self._dense):
                embed = self._workers or embed_here(self._embedder, rows_of)
                work = self._work(candidates, shown(source.path.name), reread)
                for batch, embedded in embed(batches_of(outcomes(work, prepare))):
                    self._commit(batch, embedded)
        finally:
            self._progress.stop()
        self.reasons.left_aside.update(source.left_aside)
        self._objects.write_text("failed.csv", failures_csv(self._failures))

    def _work(
        self, candidates: Iterator[Candidate], source_name: str, reread: bool
    ) -> Iterator[tuple[Candidate, Known | None]]:
        reader = MilvusGallery(self._store.server, self._collection, self._facts, 0)
        for page in pages(candidates):
            slots = {slot_of(each.record.image_id): with_metadata(each) for each in page}
            there = f"slot in [{', '.join(map(str, slots))}]"
            known = {row["slot"]: known_in(row) for row in reader.rows(there, ["details"])}
            for slot, candidate in slots.items():
                before = known.get(slot)
                own = before is not None and before.source_id == self._source_id
                if before is None or (
                    reread and own and before.fingerprint != candidate.fingerprint
                ):
                    yield candidate, before
                elif own:
                    self._count(Tally(unchanged=1))
                else:
                    raise DuplicateIdError(
                        f"{source_name}: id {candidate.record.image_id!r} is taken by "
                        "another source of the gallery; choose a prefix with --id-prefix"
                    )

    def _commit(self, batch: Batch, embedded: Embedded | None) -> None:
        images = prepared_in(batch)
        problems = [outcome for outcome in batch if isinstance(outcome, Problem)]
        same = sum(isinstance(outcome, Unchanged) for outcome in batch)
        if embedded is not None:
            self._store_images(images, embedded)
        for problem in problems:
            is_failure = problem.kind == "failed"
            causes = self.reasons.failed if is_failure else self.reasons.skipped
            causes[problem.cause] += 1
            self._failures += [problem] if is_failure else []
            if self.first_problem == "none is new":
                self.first_problem = problem.reason
        failed = sum(problem.kind == "failed" for problem in problems)
        skipped = len(problems) - failed
        self._count(Tally(added=len(images), failed=failed, skipped=skipped, unchanged=same))

    def _store_images(self, images: list[Prepared], embedded: Embedded) -> None:
        rows, rows_NB = embedded.rows, embedded.matcher_NB
        matcher = self._embedder.matcher
        if matcher is not None and rows_NB is not None:
            for item, row_B in zip(images, rows_NB, strict=True):
                self._objects.add_row(item.picture_sha256, matcher.row_format, row_B)
        server, written = self._store.server, []
        halves_ND = rows.descriptors_ND.astype(np.float16)
        for item, half_D, local_L in zip(images, halves_ND, rows.local_NL, strict=True):
            if self._facts.local_bytes:
                weights = self._facts.weights_sha256
                self._objects.add_local(item.picture_sha256, weights, local_L)
            stored = StoredImage(
                record=item.record,
                slot=slot_of(item.record.image_id),
                source_id=self._source_id,
                fingerprint=item.fingerprint,
                picture_sha256=item.picture_sha256,
                descriptor_crc32=zlib.crc32(half_D.tobytes()),
            )
            written.append(row_of(stored, half_D.astype(server.descriptor_type)))
        write_rows(self._store, self._collection, written)

    def _count(self, part: Tally) -> None:
        self.tally += part
        self._progress.advance(**asdict(part))
