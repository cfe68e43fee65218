"""Operations on a gallery's images: build, add, update, remove."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from indexer.building.checks import (
    begin_over,
    changing,
    check_fits,
    must_start_over,
    new_row,
    refuse_unusable,
    require,
)
from indexer.building.embedding import Embed
from indexer.building.heights import check_surface_model, keep_heights
from indexer.building.ingest import Tally, ingest
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP, published
from indexer.building.selection import selected_ids
from indexer.building.summary import Reasons
from indexer.building.survey import refuse_taken, survey
from indexer.building.work_folder import drop_unreadable, refuse_lost
from indexer.building.writer import Writer, open_writer
from indexer.errors import EmptySourceError, SourceError, UnknownImageError
from indexer.gallery.metadata_search import extent
from indexer.records import Bounds, Filters, View
from indexer.sources.candidate import Source, options_from_text
from indexer.sources.detect import open_source
from indexer.sources.names import is_there, path_of, shown
from model.dense import DenseTiles
from model.descriptor_model import DescriptorModel


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of an operation; `size` is the number of images in the gallery after it.

    `reasons` counts by cause what was skipped, failed or left aside; `extent` is the box of the
    gallery's images. `with_height` is the number of images whose middle the surface model covers;
    None without one.
    """

    tally: Tally
    version: str
    size: int
    reasons: Reasons = field(default_factory=Reasons)
    extent: Bounds | None = None
    view: View = "satellite"
    with_height: int | None = None


def build(
    store: Path,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    *,
    index_kind: str = "auto",
    start_over: bool = False,
    keep: int = KEEP,
    surface_model: Path | None = None,
    progress: Progress | None = None,
    dense: DenseTiles | None = None,
    workers: Embed | None = None,
) -> Outcome:
    """Build a gallery of one source, or continue an interrupted build.

    Args:
        store: folder of the galleries.
        name: the gallery's name.
        source: where the images come from.
        embedder: the weights.
        index_kind: one of `vectors.INDEX_KINDS`.
        start_over: delete what the gallery holds, whatever it is; readers keep the old version
            until the new one is published.
        keep: number of versions to keep.
        surface_model: a GeoTIFF of heights of the same ground, for camera poses.
        progress: receives the reports.
        dense: computes the ground of a map's overlapping tiles once; None: each tile alone.
        workers: embeds instead of this process; not with `dense`.

    Raises:
        GalleryExistsError: the gallery was built from another source.
        GalleryMismatchError: it was built with other weights.
        DuplicateIdError: two images of the source claim one id; nothing was changed.
        SourceError: the source is not usable; nothing was changed.
    """
    source.check()
    if surface_model is not None:
        check_surface_model(surface_model)
    total = survey(source).count
    prepare = drop_unreadable if start_over else refuse_lost
    with open_writer(store, name, progress or Silent(), prepare) as writer:
        if must_start_over(writer, source, embedder, start_over):
            if writer.folder.current.exists():
                refuse_unusable(source, name)
            begin_over(writer, source, new_row(name, source, embedder, index_kind))
        else:
            check_fits(writer.row, source, embedder)
        outcome = _bring_in(
            writer, source, embedder, total=total, reread=False, keep=keep, dense=dense,
            workers=workers,
        )  # fmt: skip
        if surface_model is not None:
            return replace(outcome, with_height=_keep_heights(writer, surface_model, outcome))
        if start_over:
            writer.folder.heights.unlink(missing_ok=True)
        return outcome


def _keep_heights(writer: Writer, surface_model: Path, outcome: Outcome) -> int:
    assert outcome.extent is not None
    centres = [
        (image.record.latitude, image.record.longitude) for image in writer.database.stored()
    ]
    return keep_heights(surface_model, writer.folder, outcome.extent, centres)


def add(
    store: Path,
    name: str,
    source: Source,
    embedder: DescriptorModel,
    *,
    reread: bool = False,
    keep: int = KEEP,
    progress: Progress | None = None,
    dense: DenseTiles | None = None,
) -> Outcome:
    """Add another source, or the new images of a known one; failed images are tried again.

    `reread` also reads files again that changed (update). `dense` is as for `build`.

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: it was built with other weights or holds the other view.
        GalleryBusyError: a replacing build is unfinished.
        DuplicateIdError: an id is taken by another source; nothing was changed.
        SourceError: the source is not usable; nothing was changed.
    """
    require(store, name)
    source.check()
    total = survey(source).count
    with changing(store, name, progress or Silent()) as writer:
        check_fits(writer.row, source, embedder)
        refuse_taken(source, writer.database)
        return _bring_in(
            writer, source, embedder, total=total, reread=reread, keep=keep, dense=dense
        )


def update(
    store: Path,
    name: str,
    embedder: DescriptorModel,
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Read every source again: add new images, replace those whose content changed.

    Images whose files are missing stay until `remove`; removed images stay removed until `add`. A
    missing source is skipped with a note.

    Raises:
        UnknownGalleryError: there is no such gallery.
        EmptySourceError: the gallery has no source left.
        SourceError: a source cannot be read any more; the others are up to date and published.
    """
    progress = progress or Silent()
    with changing(store, name, progress) as writer:
        sources = writer.database.sources()
        outcome = Outcome(
            tally=Tally(),
            version=writer.publish(keep),
            size=writer.database.count(),
            view=cast(View, writer.row.view),
        )
    if not sources:
        raise EmptySourceError(f"gallery {name!r} has no source left; use: safenet-index add")
    faults: list[SourceError] = []
    for info in sources:
        place = path_of(info.location)
        if not is_there(place):
            progress.note(f"{place} is gone; its images stay until: remove --source {place}")
            continue
        try:
            source = open_source(place, options_from_text(info.options))
        except SourceError as error:
            faults.append(error)
            continue
        done = add(store, name, source, embedder, reread=True, keep=keep, progress=progress)
        outcome = replace(
            done, tally=outcome.tally + done.tally, reasons=outcome.reasons + done.reasons
        )
    if faults:
        raise faults[0]
    return outcome


def remove(
    store: Path,
    name: str,
    image_ids: Sequence[str],
    *,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Outcome:
    """Remove images in one transaction; unknown ids are ignored if one is known.

    A source that has no image left is deleted.

    Raises:
        UnknownGalleryError: there is no such gallery.
        UnknownImageError: none of the ids is in the gallery and nothing is unpublished.
        GalleryBusyError: a replacing build is unfinished.
    """
    with changing(store, name, progress or Silent()) as writer:
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
    """Return the ids of the images that satisfy the filters; a source is a name or a path.

    Raises:
        UnknownGalleryError: there is no such gallery.
        BadFilterError: a filter is out of its range.
    """
    require(store, name)
    with open_writer(store, name, Silent()) as writer:
        return selected_ids(writer.database, filters)


def _bring_in(
    writer: Writer,
    source: Source,
    embedder: DescriptorModel,
    *,
    total: int,
    reread: bool,
    keep: int,
    dense: DenseTiles | None,
    workers: Embed | None = None,
) -> Outcome:
    tally, reasons = ingest(
        writer, source, embedder, total=total, reread=reread, dense=dense, workers=workers
    )
    size = writer.database.count()
    if size == 0:
        first = next(writer.database.problems(), None)
        more = f"; see {writer.folder.failed_csv}" if tally.failed else ""
        raise EmptySourceError(
            f"none of the {total} images of {shown(source.path.name)} could be used "
            f"({tally.skipped} skipped, {tally.failed} failed; the first: "
            f"{'none is new' if first is None else first.reason}){more}"
        )
    return Outcome(
        tally=tally,
        version=writer.publish(keep),
        size=size,
        reasons=reasons,
        extent=extent(writer.database),
        view=cast(View, writer.row.view),
    )
