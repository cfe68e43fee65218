"""`update` of a gallery in a Milvus store: every source is read again."""

from dataclasses import replace

from indexer.building.ingest import Tally
from indexer.building.milvus.ingest import Ingest
from indexer.building.milvus.versions import copy_rows, drop, publish, start_version
from indexer.building.operations import Outcome
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP
from indexer.building.summary import Reasons
from indexer.building.survey import survey
from indexer.errors import SourceError
from indexer.gallery.milvus.collection import Facts, version_of
from indexer.gallery.milvus.store import MilvusStore
from indexer.sources.candidate import options_from_text
from indexer.sources.detect import open_source
from indexer.sources.names import is_there, path_of
from model.descriptor_model import DescriptorModel


def update(
    store: MilvusStore,
    name: str,
    embedder: DescriptorModel,
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Read every source again: add new images, replace those whose content changed.

    Images whose files are missing stay until `remove`; removed images whose files are there come
    back. A missing source is skipped with a note. Nothing is published where nothing changed.

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: it was built with other weights.
        GalleryExistsError: another change of it is unfinished.
        SourceError: a source cannot be read any more; the others are up to date and published.
        StoreUnavailableError: the server does not answer; what was written stays.
    """
    progress = progress or Silent()
    before = store.open(name, embedder=embedder)
    wanted = replace(before.facts, change="update", extent=None)
    collection = start_version(store, wanted, start_over=False)
    copy_rows(store, before, collection, without=set())
    tally, reasons, faults = _read_all(store, collection, wanted, embedder, progress)
    if tally.added:
        extent = publish(store, collection, keep).extent
    else:
        drop(store, collection)
        collection, extent = before.collection, before.facts.extent
    if faults:
        raise faults[0]
    return Outcome(
        tally=tally,
        version=version_of(collection),
        size=store.count(collection),
        reasons=reasons,
        extent=extent,
        view=before.view,
    )


def _read_all(
    store: MilvusStore,
    collection: str,
    facts: Facts,
    embedder: DescriptorModel,
    progress: Progress,
) -> tuple[Tally, Reasons, list[SourceError]]:
    tally, reasons, faults = Tally(), Reasons(), list[SourceError]()
    for location, options in facts.sources:
        place = path_of(location)
        if not is_there(place):
            progress.note(f"{place} is gone; its images stay until: remove --source {place.name}")
            continue
        ingest = Ingest(store, collection, facts, embedder, progress)
        try:
            source = open_source(place, options_from_text(options))
            source.check()
            ingest.everything(source, survey(source).count, reread=True)
        except SourceError as error:
            faults.append(error)
        tally, reasons = tally + ingest.tally, reasons + ingest.reasons
    return tally, reasons, faults
