"""Checks before a gallery is modified: existence, weights, view, unfinished builds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.building.progress import Progress
from indexer.building.publish import newest_revision, refuse_missing_rows
from indexer.building.work_folder import lost
from indexer.building.writer import Writer, open_writer
from indexer.errors import (
    EmptySourceError,
    GalleryBusyError,
    GalleryExistsError,
    GalleryMismatchError,
    UnknownGalleryError,
)
from indexer.gallery.layout import gallery_folder
from indexer.gallery.schema import DONE, REPLACING, RUNNING, GalleryRow, SourceRow
from indexer.sources.candidate import Source, identity
from indexer.sources.names import path_of, shown
from indexer.sources.reading import SkippedImage
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError


def require(store: Path, name: str) -> None:
    """Refuse to work on a gallery that does not exist.

    Raises:
        UnknownGalleryError: it was never built.
    """
    folder = gallery_folder(store, name)
    if not folder.database.exists() and not folder.current.exists():
        raise UnknownGalleryError(
            f"no gallery {name!r} is here; build it with: safenet-index build"
        )


@contextmanager
def changing(store: Path, name: str, progress: Progress) -> Iterator[Writer]:
    """Open an existing gallery for writing.

    Raises:
        UnknownGalleryError: it was never built, or its first build stored no image.
        GalleryMismatchError: the writer's files are lost or damaged.
        GalleryBusyError: another process writes it, or a replacing build is unfinished.
    """
    require(store, name)
    with open_writer(store, name, progress) as writer:
        refuse_unfinished(writer)
        refuse_missing_rows(writer.folder, writer.row)
        yield writer


def refuse_unfinished(writer: Writer) -> None:
    """Refuse to change a gallery whose replacing or first build is unfinished.

    Raises:
        UnknownGalleryError: the first build stored nothing.
        GalleryBusyError: a replacing build was interrupted.
    """
    name = writer.folder.root.name
    if not writer.folder.current.exists() and not writer.database.count():
        raise UnknownGalleryError(
            f"gallery {name!r} holds no image yet: its build stopped before the first; "
            "run again: safenet-index build"
        )
    for info in writer.database.sources():
        if info.state == REPLACING:
            raise GalleryBusyError(
                f"gallery {name!r} is half replaced by {info.location}; finish with: safenet-index "
                f"build --replace (to keep the published version instead, delete "
                f"{writer.folder.work} and run: safenet-index rebuild {name})"
            )


def refuse_unusable(source: Source, name: str) -> None:
    """Refuse to replace a gallery by a source of which no image can be read.

    Raises:
        EmptySourceError: no image can be read.
    """
    reasons: list[str] = []
    for candidate in source.candidates():
        try:
            candidate.read()
            return
        except (SkippedImage, SafeNetError, OSError) as reason:
            reasons.append(str(reason))
    raise EmptySourceError(
        f"none of the {len(reasons)} images of {source.path.name} could be used (the first: "
        f"{reasons[0]}); gallery {name!r} stays as it is"
    )


def new_row(name: str, source: Source, embedder: DescriptorModel, index_kind: str) -> GalleryRow:
    """Return the row of a new gallery."""
    return GalleryRow(
        id=1,
        name=name,
        view=source.view,
        weights_name=embedder.name,
        weights_sha256=embedder.sha256,
        descriptor_dim=embedder.descriptor_dim,
        local_bytes=embedder.local_bytes,
        index_kind=index_kind,
        next_slot=0,
        generation=0,
        revision=0,
    )


def check_fits(row: GalleryRow, source: Source, embedder: DescriptorModel) -> None:
    """Refuse weights or a view other than the gallery's.

    Raises:
        GalleryMismatchError: they differ.
    """
    if row.weights_sha256 != embedder.sha256:
        raise GalleryMismatchError(
            f"gallery {row.name!r} was made with weights {row.weights_name} "
            f"({row.weights_sha256[:8]}, {row.descriptor_dim}-d), these are {embedder.name} "
            f"({embedder.sha256[:8]}, {embedder.descriptor_dim}-d); "
            "use those, or: safenet-index build --replace"
        )
    if row.view != source.view:
        raise GalleryMismatchError(
            f"gallery {row.name!r} holds {row.view} images, {source.path.name} gives "
            f"{source.view} ones; put them into a gallery of their own"
        )


def must_start_over(
    writer: Writer, source: Source, embedder: DescriptorModel, start_over: bool
) -> bool:
    """Return whether a build has to delete what the gallery holds.

    Raises:
        GalleryExistsError: it holds another source and `start_over` is False.
        GalleryMismatchError: the writer's files are lost and `start_over` is False.
    """
    row, sources = writer.database.gallery(), writer.database.sources()
    if row is None:
        if writer.folder.current.exists() and not start_over:
            raise lost(writer.folder)
        return True
    own = identity(source)
    others = [info for info in sources if (info.location, info.options) != own]
    if start_over:
        fits = (row.weights_sha256, row.view) == (embedder.sha256, source.view)
        return bool(others) or not (fits and any(info.state != DONE for info in sources))
    if len(others) == len(sources) > 0:
        if not writer.database.count() and not writer.folder.current.exists():
            return True
        raise GalleryExistsError(
            f"gallery {writer.folder.root.name!r} already holds "
            f"{shown(path_of(others[0].location).name)!r} (cut as {others[0].options}); "
            "use: safenet-index add, or build --replace"
        )
    return False


def begin_over(writer: Writer, source: Source, row: GalleryRow) -> None:
    """Delete the writer's rows; the source fills them again beside the published version."""
    location, options = identity(source)
    state = REPLACING if writer.folder.current.exists() else RUNNING
    row.revision = newest_revision(writer.folder)
    entry = SourceRow(location=location, options=options, kind=source.kind, state=state)
    writer.database.begin(row, entry)
