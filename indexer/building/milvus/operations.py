"""Operations on a gallery in a Milvus store: build, add, remove.

Each fills a new collection beside the published one. `add` and `remove` copy the rows that stay,
without embedding anything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexer.building.embedding import Embed
from indexer.building.ingest import Tally
from indexer.building.milvus.ingest import Ingest
from indexer.building.milvus.versions import copy_rows, drop, publish, start_version, unfinished
from indexer.building.operations import Outcome
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP
from indexer.building.survey import survey
from indexer.errors import (
    EmptySourceError,
    GalleryExistsError,
    GalleryMismatchError,
    UnknownImageError,
)
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import FORMAT, Facts, slot_of, version_of
from indexer.gallery.milvus.filters import expression
from indexer.gallery.milvus.store import MilvusStore
from indexer.gallery.objects import ObjectStore
from indexer.records import Filters, View
from indexer.sources.candidate import Source, identity
from indexer.sources.names import shown
from model.dense import DenseTiles
from model.descriptor_model import DescriptorModel


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How a gallery is built in Milvus.

    `objects` is where pictures and local features go; `start_over` replaces what is published,
    which readers keep until then; `keep` counts the versions that stay, each in the server's
    memory; `dense` computes the ground of overlapping tiles once.
    """

    objects: str
    index_kind: str = "auto"
    start_over: bool = False
    keep: int = KEEP
    dense: DenseTiles | None = None


def build(
    store: MilvusStore,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    options: BuildOptions,
    progress: Progress | None = None,
    workers: Embed | None = None,
) -> Outcome:
    """Build a gallery of one source, or continue an interrupted build.

    `workers` embeds instead of this process.

    Raises:
        GalleryExistsError: the gallery is published, or half built from another source.
        GalleryMismatchError: it is half built with other weights.
        BadStoreError: the server does not know the index type, or built another one.
        StoreUnavailableError: the server does not answer; what was written stays.
        SourceError: the source is not usable; nothing was changed.
    """
    source.check()
    total = survey(source).count
    current = store.published(name)
    if current is not None and not options.start_over and not unfinished(store, name):
        raise GalleryExistsError(
            f"gallery {name!r} is published in {store} (version {version_of(current)}); "
            "use: safenet-index add, or build --replace"
        )
    wanted = Facts(
        format=FORMAT,
        gallery=name,
        view=source.view,
        descriptor_dim=embedder.descriptor_dim,
        local_bytes=embedder.local_bytes,
        weights_name=embedder.name,
        weights_sha256=embedder.sha256,
        index_type=index_types.choose(options.index_kind, total, store.server).type,
        sources=(identity(source),),
        change="build",
        objects=ObjectStore(options.objects, name).url,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    collection = start_version(store, wanted, start_over=options.start_over)
    progress = progress or Silent()
    ingest = Ingest(store, collection, wanted, embedder, progress, workers, options.dense)
    ingest.everything(source, total)
    if store.count(collection) == 0:
        drop(store, collection)
        tally = ingest.tally
        raise EmptySourceError(
            f"none of the {total} images of {shown(source.path.name)} could be used "
            f"({tally.skipped} skipped, {tally.failed} failed; the first: {ingest.first_problem})"
        )
    return _outcome(store, collection, options.keep, ingest, source.view)


def add(
    store: MilvusStore,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
    dense: DenseTiles | None = None,
) -> Outcome:
    """Add another source, or the new images of a known one; failed images are tried again.

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: it was built with other weights or holds the other view.
        GalleryExistsError: another change of it is unfinished.
        DuplicateIdError: an id is taken by another source; readers notice nothing.
        StoreUnavailableError: the server does not answer; what was written stays.
    """
    source.check()
    total = survey(source).count
    before = store.open(name, embedder=embedder)
    if before.view != source.view:
        raise GalleryMismatchError(
            f"gallery {name!r} holds {before.view} images, {source.path.name} gives "
            f"{source.view} ones; put them into a gallery of their own"
        )
    own, sources = identity(source), before.facts.sources
    sources = sources if own in sources else (*sources, own)
    wanted = replace(before.facts, sources=sources, change="add", extent=None)
    collection = start_version(store, wanted, start_over=False)
    copy_rows(store, before, collection, without=set())
    ingest = Ingest(store, collection, wanted, embedder, progress or Silent(), dense=dense)
    ingest.everything(source, total)
    return _outcome(store, collection, keep, ingest, source.view)


def remove(
    store: MilvusStore,
    name: str,
    image_ids: Sequence[str],
    filters: Filters | None = None,
    *,
    keep: int = KEEP,
) -> Outcome:
    """Remove images by id, and those that satisfy the filters.

    Raises:
        UnknownGalleryError: there is no such gallery.
        UnknownImageError: nothing in the gallery is meant.
        BadFilterError: a filter is out of its range.
        GalleryExistsError: another change of the gallery is unfinished.
    """
    before = store.open(name, embedder=None)
    slots = {slot_of(each) for each in image_ids}
    found = {row["slot"] for row in before.rows(f"slot in {sorted(slots)}", [])} if slots else set()
    if filters is not None:
        found |= {row["slot"] for row in before.rows(expression(filters, None), [])}
    if not found:
        raise UnknownImageError(
            f"gallery {name!r} holds no image that is to be removed; list them with: "
            "safenet-index export"
        )
    wanted = replace(before.facts, change="remove", extent=None)
    collection = start_version(store, wanted, start_over=False)
    copy_rows(store, before, collection, without=found)
    facts = publish(store, collection, keep)
    return Outcome(
        tally=Tally(added=-len(found)),
        version=version_of(collection),
        size=store.count(collection),
        extent=facts.extent,
        view=before.view,
    )


def _outcome(store: MilvusStore, collection: str, keep: int, ingest: Ingest, view: View) -> Outcome:
    facts = publish(store, collection, keep)
    return Outcome(
        tally=ingest.tally,
        version=version_of(collection),
        size=store.count(collection),
        reasons=ingest.reasons,
        extent=facts.extent,
        view=view,
    )
