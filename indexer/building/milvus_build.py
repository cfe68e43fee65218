"""Builds a gallery in a Milvus store: a new collection beside the published one, then its alias.

Order within a batch: pictures and local features, then the rows in one request. A row's key comes
from its image's id, so a batch that is written twice changes nothing: a build that is interrupted,
or whose server is killed, goes on where it was when the same command is run again.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np

from indexer.building.decoding import Outcome as Prepared
from indexer.building.decoding import Prepared as Image
from indexer.building.decoding import Preparer, outcomes
from indexer.building.ingest import BATCH, Tally
from indexer.building.operations import Outcome
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP
from indexer.building.summary import Reasons
from indexer.building.survey import survey
from indexer.errors import (
    EmptySourceError,
    GalleryExistsError,
    GalleryMismatchError,
    StoreUnavailableError,
)
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import (
    FORMAT,
    Facts,
    alias_of,
    collection_of,
    create_collection,
    read_facts,
    row_of,
    slot_of,
    version_of,
    write_facts,
)
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.server import LOAD_S
from indexer.gallery.milvus.store import MilvusStore
from indexer.gallery.objects import ObjectStore
from indexer.gallery.rows import Known, Problem, StoredImage
from indexer.polygons import box_around
from indexer.sources.candidate import Candidate, Source, identity, pages
from indexer.sources.names import shown
from model.descriptor_model import DescriptorModel

WRITE_S = 120.0
"""Longest wait for a batch to be written, seconds. Our choice."""

INDEX_S = 24 * 3600.0
"""Longest wait for the server to finish an index, seconds. Our choice: a day."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How a gallery is built in Milvus.

    `objects` is where pictures and local features go; `start_over` replaces what is published,
    which readers keep until then; `keep` counts the versions that stay, each in the server's
    memory.
    """

    objects: str
    index_kind: str = "auto"
    start_over: bool = False
    keep: int = KEEP


def build(
    store: MilvusStore,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    options: BuildOptions,
    progress: Progress | None = None,
) -> Outcome:
    """Build a gallery of one source, or continue an interrupted build.

    Raises:
        GalleryExistsError: the gallery is published, or half built from another source.
        GalleryMismatchError: it is half built with other weights.
        BadStoreError: the server does not know the index type, or built another one.
        StoreUnavailableError: the server does not answer; what was written stays.
        SourceError: the source is not usable; nothing was changed.
    """
    source.check()
    total = survey(source).count
    collection, facts = _begin(store, name, source, embedder, options, total)
    run = _Run(store, collection, facts, embedder, progress or Silent())
    tally, reasons = run.everything(source, total)
    size = store.count(collection)
    if size == 0:
        with store.server.client() as client:
            client.drop_collection(collection, timeout=WRITE_S)
        raise EmptySourceError(
            f"none of the {total} images of {shown(source.path.name)} could be used "
            f"({tally.skipped} skipped, {tally.failed} failed; the first: {run.first_problem})"
        )
    published = publish(store, name, collection, options.keep)
    reasons.left_aside.update(source.left_aside)
    return Outcome(
        tally=tally,
        version=version_of(collection),
        size=size,
        reasons=reasons,
        extent=published.extent,
        view=source.view,
    )


def _begin(
    store: MilvusStore,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    options: BuildOptions,
    total: int,
) -> tuple[str, Facts]:
    """Return the collection to fill: that of an interrupted build, or a new one."""
    current = store.published(name)
    unfinished = [each for each in store.collections(name) if current is None or each > current]
    location, cut = identity(source)
    for collection in unfinished:
        facts = read_facts(store.describe(collection))
        same = (facts.location, facts.options, facts.view) == (location, cut, source.view)
        if same and facts.weights_sha256 == embedder.sha256:
            _load(store, collection)
            return collection, facts
        if not options.start_over:
            raise _other(name, facts, embedder, same)
        with store.server.client() as client:
            client.drop_collection(collection, timeout=WRITE_S)
    if current is not None and not options.start_over:
        raise GalleryExistsError(
            f"gallery {name!r} is published in {store} (version {version_of(current)}); "
            "use: safenet-index build --replace"
        )
    index = index_types.choose(options.index_kind, total, store.server)
    facts = Facts(
        format=FORMAT,
        gallery=name,
        view=source.view,
        descriptor_dim=embedder.descriptor_dim,
        local_bytes=embedder.local_bytes,
        weights_name=embedder.name,
        weights_sha256=embedder.sha256,
        index_type=index.type,
        location=location,
        options=cut,
        objects=ObjectStore(options.objects, name).url,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    collection = collection_of(name, 1 if current is None else int(version_of(current)) + 1)
    create_collection(store.server, collection, facts)
    index_types.create_index(store.server, collection, index)
    _load(store, collection)
    return collection, facts


def _other(name: str, facts: Facts, embedder: DescriptorModel, same_source: bool) -> Exception:
    if same_source:
        return GalleryMismatchError(
            f"gallery {name!r} is half built with weights {facts.weights_name} "
            f"({facts.weights_sha256[:8]}), these are {embedder.name} ({embedder.sha256[:8]}); "
            "use those, or: safenet-index build --replace"
        )
    return GalleryExistsError(
        f"gallery {name!r} is half built from {shown(facts.location)} (cut as {facts.options}); "
        "finish that, or start over with: safenet-index build --replace"
    )


def _load(store: MilvusStore, collection: str) -> None:
    with store.server.client() as client:
        client.load_collection(collection, timeout=LOAD_S)


class _Run:
    """One pass over the source."""

    def __init__(
        self,
        store: MilvusStore,
        collection: str,
        facts: Facts,
        embedder: DescriptorModel,
        progress: Progress,
    ) -> None:
        self._store, self._collection, self._facts = store, collection, facts
        self._embedder, self._progress = embedder, progress
        self._objects = ObjectStore(facts.objects, facts.gallery)
        self._tally, self._reasons = Tally(), Reasons()
        self._failures: list[Problem] = []
        self.first_problem = "none is new"

    def everything(self, source: Source, total: int) -> tuple[Tally, Reasons]:
        """Bring in every candidate that is not there yet."""
        for note in source.notes:
            self._progress.note(note)
        self._progress.start(total)
        try:
            batch: list[Prepared] = []
            for outcome in outcomes(self._work(source), Preparer(self._embedder, self._objects)):
                batch.append(outcome)
                if len(batch) == BATCH:
                    self._commit(batch)
                    batch = []
            self._commit(batch)
        finally:
            self._progress.stop()
        lines = [f"{each.image_id}\t{each.location}\t{each.reason}\n" for each in self._failures]
        self._objects.write_text("failed.tsv", "".join(lines))
        return self._tally, self._reasons

    def _work(self, source: Source) -> Iterator[tuple[Candidate, Known | None]]:
        reader = MilvusGallery(self._store.server, self._collection, self._facts, 0)
        for page in pages(source.candidates()):
            slots = {slot_of(each.record.image_id): each for each in page}
            there = f"slot in [{', '.join(map(str, slots))}]"
            known = {row["slot"] for row in reader.rows(there, ["image_id"])}
            for slot, candidate in slots.items():
                if slot in known:
                    self._count(Tally(unchanged=1))
                else:
                    yield candidate, None

    def _commit(self, batch: Sequence[Prepared]) -> None:
        images = [outcome for outcome in batch if isinstance(outcome, Image)]
        problems = [outcome for outcome in batch if isinstance(outcome, Problem)]
        if images:
            self._store_images(images)
        for problem in problems:
            is_failure = problem.kind == "failed"
            causes = self._reasons.failed if is_failure else self._reasons.skipped
            causes[problem.cause] += 1
            self._failures += [problem] if is_failure else []
            if self.first_problem == "none is new":
                self.first_problem = problem.reason
        failed = sum(problem.kind == "failed" for problem in problems)
        self._count(Tally(added=len(images), failed=failed, skipped=len(problems) - failed))

    def _store_images(self, images: Sequence[Image]) -> None:
        pixels_N3SS = np.stack([item.pixels_3SS for item in images])
        rows = self._embedder.embed_gallery_pixels(pixels_N3SS)
        matcher = self._embedder.matcher
        if matcher is not None:
            for item, row_B in zip(images, matcher.describe(pixels_N3SS), strict=True):
                self._objects.add_row(item.picture_sha256, matcher.row_format, row_B)
        lite, written = self._store.server.is_lite, []
        halves_ND = rows.descriptors_ND.astype(np.float16)
        for item, half_D, local_L in zip(images, halves_ND, rows.local_NL, strict=True):
            if self._facts.local_bytes:
                weights = self._facts.weights_sha256
                self._objects.add_local(item.picture_sha256, weights, local_L)
            stored = StoredImage(
                record=item.record,
                slot=slot_of(item.record.image_id),
                source_id=1,
                fingerprint=item.fingerprint,
                picture_sha256=item.picture_sha256,
                descriptor_crc32=zlib.crc32(half_D.tobytes()),
            )
            written.append(row_of(stored, half_D, lite=lite))
        with self._store.server.client() as client:
            client.upsert(self._collection, written, timeout=WRITE_S)

    def _count(self, part: Tally) -> None:
        self._tally += part
        self._progress.advance(**asdict(part))


def publish(store: MilvusStore, name: str, collection: str, keep: int) -> Facts:
    """Wait for the index, check its type, and let the alias name the collection.

    Raises:
        BadStoreError: the server built another index type.
        StoreUnavailableError: it does not answer, or does not finish the index.
    """
    facts = read_facts(store.describe(collection))
    with store.server.client() as client:
        client.flush(collection, timeout=LOAD_S)
    _wait_for_index(store, collection)
    index_types.refuse_other_type(store.server, collection, facts.index_type)
    _load(store, collection)
    reader = MilvusGallery(store.server, collection, facts, 0)
    rows = reader.rows("", ["latitude", "longitude"])
    places = [(row["latitude"], row["longitude"]) for row in rows]
    facts = replace(facts, extent=box_around(places))
    write_facts(store.server, collection, facts)
    before = store.published(name)
    with store.server.client() as client:
        change = client.create_alias if before is None else client.alter_alias
        change(collection, alias_of(name), timeout=WRITE_S)
        for old in store.collections(name)[: -max(1, keep)]:
            client.drop_collection(old, timeout=WRITE_S)
    return facts


def _wait_for_index(store: MilvusStore, collection: str) -> None:
    until = time.monotonic() + INDEX_S
    while time.monotonic() < until:
        found = index_types.built(store.server, collection)
        if not int(found.get("pending_index_rows", 0)) and found.get("state") == "Finished":
            return
        time.sleep(0.2)
    raise StoreUnavailableError(
        f"the server did not finish the index of {collection} in {INDEX_S / 3600:.0f} hours; "
        "run the same command again"
    )
