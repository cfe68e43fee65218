"""What a user can do to a gallery's images: build, add, update, remove."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.admission import check_fits, new_row, require, starts_anew, survey
from indexer.errors import EmptySourceError, UnknownImageError
from indexer.ingest import Tally, ingest
from indexer.layout import gallery_folder
from indexer.lookup import slots_within
from indexer.progress import Progress, Silent
from indexer.publish import KEEP, published
from indexer.records import Filters
from indexer.sources.candidate import Source, options_from_text
from indexer.sources.detect import open_source
from indexer.writer import Writer, open_writer
from indexer.writer_database import WriterDatabase

if TYPE_CHECKING:
    from model.embedder import DescriptorModel


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an operation did; `size` counts the gallery's images after it."""

    tally: Tally
    version: str
    size: int


def build(
    store: Path,
    name: str,
    source: Source,
    embedder: "DescriptorModel",
    *,
    index_kind: str = "auto",
    anew: bool = False,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Make a gallery of one source, or go on where an interrupted run stopped.

    Args:
        store: folder of the galleries.
        name: the gallery's name.
        source: where the images come from.
        embedder: the weights.
        index_kind: one of `vectors.INDEX_KINDS`.
        anew: start anew even if the gallery holds something else; readers keep the old
            version until the new one is published.
        keep: how many versions stay.
        progress: where to report.

    Raises:
        GalleryExistsError: the gallery was made of something else.
        GalleryMismatchError: it was made with other weights.
        DuplicateIdError: two images of the source claim one id; nothing was changed.
        SourceError: the source is not usable; nothing was changed.
    """
    source.check()
    total = survey(source)
    fresh = new_row(name, source, embedder, index_kind)
    with open_writer(store, name, progress or Silent()) as writer:
        row = writer.database.gallery()
        if row is None:
            writer.database.create(fresh)
        elif starts_anew(writer, source, anew):
            writer.database.reset(fresh)
        else:
            check_fits(row, source, embedder)
        return _bring_in(writer, source, embedder, total=total, reread=False, keep=keep)


def add(
    store: Path,
    name: str,
    source: Source,
    embedder: "DescriptorModel",
    *,
    reread: bool = False,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Bring another source in, or what is new in a known one; failed images are tried again.

    `reread` also looks again at files that changed since (update).

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: it was made with other weights, or holds the other view.
        DuplicateIdError: an id is taken by another source; nothing was changed.
        SourceError: the source is not usable; nothing was changed.
    """
    require(store, name)
    source.check()
    survey(source)
    with open_writer(store, name, progress or Silent()) as writer:
        check_fits(writer.row, source, embedder)
        total = survey(source, writer.database)
        return _bring_in(writer, source, embedder, total=total, reread=reread, keep=keep)


def update(
    store: Path,
    name: str,
    embedder: "DescriptorModel",
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Look at every source again: new images come in, changed files (by content) replace theirs.

    Images whose files are gone stay until `remove`.

    Raises:
        UnknownGalleryError: there is no such gallery.
        SourceError: a source cannot be read any more; what came before it is published.
    """
    require(store, name)
    database = WriterDatabase.open_for_writing(gallery_folder(store, name).database)
    sources = database.sources()
    database.close()
    tally = Tally()
    for info in sources:
        source = open_source(Path(info.location), options_from_text(info.options))
        outcome = add(store, name, source, embedder, reread=True, keep=keep, progress=progress)
        tally += outcome.tally
    return replace(outcome, tally=tally)


def remove(
    store: Path,
    name: str,
    image_ids: Sequence[str],
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Take images out, all in one transaction; ids that are gone already are no error.

    Raises:
        UnknownGalleryError: there is no such gallery.
        UnknownImageError: none of the ids is in the gallery, and nothing waits to be published.
    """
    require(store, name)
    with open_writer(store, name, progress or Silent()) as writer:
        removed = writer.database.remove(image_ids)
        before = published(writer.folder)
        if not removed and (before is None or before.revision == writer.row.revision):
            raise UnknownImageError(
                f"gallery {name!r} holds none of the {len(image_ids)} ids given "
                f"(first: {image_ids[0] if image_ids else 'none'!r}); list them with: "
                "safenet-index export"
            )
        version = writer.publish(keep)
        return Outcome(tally=Tally(added=-removed), version=version, size=writer.database.count())


def select_ids(store: Path, name: str, filters: Filters) -> list[str]:
    """Ids of the writer's images that satisfy the filters.

    Raises:
        UnknownGalleryError: there is no such gallery.
        BadFilterError: a filter is out of its range.
    """
    require(store, name)
    database = WriterDatabase.open_for_writing(gallery_folder(store, name).database)
    try:
        slots = slots_within(database, filters, None)
        return [] if slots is None else database.image_ids_at(slots.tolist())
    finally:
        database.close()


def _bring_in(
    writer: Writer,
    source: Source,
    embedder: "DescriptorModel",
    *,
    total: int,
    reread: bool,
    keep: int,
) -> Outcome:
    tally = ingest(writer, source, embedder, total=total, reread=reread)
    size = writer.database.count()
    if size == 0:
        raise EmptySourceError(
            f"none of the {total} images of {source.path.name} could be used ({tally.skipped} "
            f"skipped, {tally.failed} failed); see {writer.folder.failed_csv}"
        )
    return Outcome(tally=tally, version=writer.publish(keep), size=size)
