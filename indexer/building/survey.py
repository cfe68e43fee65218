"""One walk over a source before anything is changed: how many images, and are their ids unique?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import DuplicateIdError, EmptySourceError
from indexer.gallery.database import Database
from indexer.sources.candidate import Candidate, Source, identity, pages
from indexer.sources.names import shown


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What the walk found; handed along so that the source is not walked again for it."""

    count: int


def survey(source: Source) -> Survey:
    """Look at every candidate's metadata; a source whose ids are unique by its making is counted.

    Raises:
        EmptySourceError: there is none.
        DuplicateIdError: an id comes twice.
    """
    if source.ids_are_unique:
        count = source.count(budget_s=float("inf"))
        if count.number or next(source.candidates(), None) is not None:
            return Survey(count=max(1, count.number))
        raise EmptySourceError(why_empty(source))
    ids: set[str] = set()
    for candidate in source.candidates():
        refuse_twice(candidate, ids, source)
    if not ids:
        raise EmptySourceError(why_empty(source))
    return Survey(count=len(ids))


def refuse_twice(candidate: Candidate, ids: set[str], source: Source) -> None:
    """Add a candidate's id to those that were there.

    Raises:
        DuplicateIdError: it is among them.
    """
    image_id = candidate.record.image_id
    if image_id in ids:
        raise DuplicateIdError(
            f"{shown(source.path.name)}: id {image_id!r} comes twice (again at "
            f"{Path(candidate.location).name}); make the ids unique"
        )
    ids.add(image_id)


def refuse_taken(source: Source, database: Database) -> None:
    """Compare a source's ids with those that other sources brought into the gallery.

    Raises:
        DuplicateIdError: one belongs to another source.
    """
    location = identity(source)[0]
    stored = database.sources()
    own = {info.id for info in stored if info.location == location}
    if len(own) == len(stored):
        return
    for page in pages(source.candidates()):
        _refuse_page(page, database, own, shown(source.path.name))


def _refuse_page(page: Sequence[Candidate], database: Database, own: set[int], name: str) -> None:
    known = database.known([candidate.record.image_id for candidate in page])
    for image_id, stored in known.items():
        if stored.source_id not in own:
            raise DuplicateIdError(
                f"{name}: id {image_id!r} is taken by another source of the gallery; "
                "choose a prefix with --id-prefix"
            )


def why_empty(source: Source) -> str:
    """Return why a source gives no candidate: nothing is there, or nothing in the wanted area."""
    if source.options.bounds is not None or source.options.mask:
        extent = source.extent()
        if extent is not None:
            where = ",".join(f"{value:.6f}" for value in extent)
            return (
                f"none of the images of {shown(source.path)} lies in --bbox or --mask; "
                f"they lie in {where} (west,south,east,north)"
            )
    aside = ", ".join(f"{what} {count}" for what, count in source.left_aside.most_common())
    more = f" (left aside: {aside})" if aside else ""
    return (
        f"{shown(source.path)} ({source.kind}) holds no {source.view} image{more}; "
        "check path and options"
    )
