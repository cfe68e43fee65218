"""What is looked at before a gallery changes: is it there, and does the source fit into it?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.database import Database
from indexer.errors import (
    DuplicateIdError,
    EmptySourceError,
    GalleryExistsError,
    GalleryMismatchError,
    UnknownGalleryError,
)
from indexer.layout import gallery_folder
from indexer.publish import published
from indexer.schema import GalleryRow
from indexer.sources.candidate import Candidate, Source, identity, pages
from indexer.writer import Writer

if TYPE_CHECKING:
    from model.embedder import DescriptorModel


def require(store: Path, name: str) -> None:
    """Refuse to work on a gallery that is not there.

    Raises:
        UnknownGalleryError: it was never built.
    """
    if not gallery_folder(store, name).database.exists():
        raise UnknownGalleryError(
            f"no gallery {name!r} is here; build it with: safenet-index build"
        )


def survey(source: Source, database: Database | None = None) -> int:
    """Look at every candidate's metadata; returns how many there are.

    Raises:
        EmptySourceError: there is none.
        DuplicateIdError: an id comes twice, or belongs to another source of the gallery.
    """
    seen: set[str] = set()
    location = identity(source)[0]
    stored = [] if database is None else database.sources()
    own = {info.id for info in stored if info.location == location}
    for page in pages(source.candidates()):
        for candidate in page:
            image_id = candidate.record.image_id
            if image_id in seen:
                raise DuplicateIdError(
                    f"{source.path.name}: id {image_id!r} comes twice (again at "
                    f"{Path(candidate.location).name}); make the ids unique"
                )
            seen.add(image_id)
        if database is not None:
            _refuse_taken(page, database, own, source.path.name)
    if not seen:
        raise EmptySourceError(
            f"{source.path} ({source.kind}) holds no {source.view} image; check path and options"
        )
    return len(seen)


def _refuse_taken(page: Sequence[Candidate], database: Database, own: set[int], name: str) -> None:
    known = database.known([candidate.record.image_id for candidate in page])
    for image_id, stored in known.items():
        if stored.source_id not in own:
            raise DuplicateIdError(
                f"{name}: id {image_id!r} is taken by another source of the gallery; "
                "choose a prefix with --id-prefix"
            )


def new_row(name: str, source: Source, embedder: "DescriptorModel", index_kind: str) -> GalleryRow:
    """A new gallery's own row."""
    return GalleryRow(
        id=1,
        name=name,
        view=source.view,
        weights_name=embedder.name,
        weights_sha256=embedder.sha256,
        descriptor_dim=embedder.descriptor_dim,
        index_kind=index_kind,
        next_slot=0,
        generation=0,
        revision=0,
    )


def check_fits(row: GalleryRow, source: Source, embedder: "DescriptorModel") -> None:
    """Refuse weights or a view that the gallery was not made with.

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


def starts_anew(writer: Writer, source: Source, anew: bool) -> bool:
    """Whether a build has to forget what the gallery holds.

    Raises:
        GalleryExistsError: it holds something else, and `anew` does not allow to forget that.
    """
    sources = writer.database.sources()
    own = identity(source)
    others = [info for info in sources if (info.location, info.options) != own]
    if anew:
        return bool(others) or any(info.state == "done" for info in sources)
    if len(others) == len(sources) > 0:
        if not writer.database.count() and published(writer.folder) is None:
            return True
        raise GalleryExistsError(
            f"gallery {writer.folder.root.name!r} already holds "
            f"{Path(others[0].location).name!r} (cut as {others[0].options}); "
            "use: safenet-index add, or build --replace"
        )
    return False
