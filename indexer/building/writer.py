"""Exclusive write access to a gallery; reports a full disk as StoreFullError."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from indexer.building.lock import writer_lock
from indexer.building.progress import Progress
from indexer.building.publish import KEEP, clear_partial, publish, published
from indexer.building.work_folder import lost, name_damage, refuse_lost
from indexer.building.writer_database import WriterDatabase
from indexer.errors import GalleryMismatchError, StoreFullError, UnknownGalleryError
from indexer.gallery.layout import GalleryFolder, gallery_folder
from indexer.gallery.manifest import Manifest
from indexer.gallery.pictures import PictureStore
from indexer.gallery.schema import GalleryRow

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk or quota; FAISS repeats their texts."""


class Writer:
    """Exclusive write access to one gallery."""

    def __init__(self, folder: GalleryFolder, database: WriterDatabase, progress: Progress) -> None:
        self.folder = folder
        self.database = database
        self.progress = progress
        self.pictures = PictureStore(folder.pictures)

    @property
    def row(self) -> GalleryRow:
        """The gallery's own row in its present state."""
        row = self.database.gallery()
        if row is not None:
            return row
        if self.folder.current.exists():
            raise lost(self.folder)
        raise UnknownGalleryError(
            f"gallery {self.folder.root.name!r} was never built; run: safenet-index build"
        )

    def publish(self, keep: int = KEEP) -> str:
        """Publish what is stored unless it is published already; return the version's name."""
        row, before = self.row, self._before()
        if before is not None and before.revision == row.revision:
            return before.version
        return publish(self.folder, self.database, row, keep)

    def _before(self) -> Manifest | None:
        try:
            return published(self.folder)
        except GalleryMismatchError:
            return None  # the published version is damaged: a new one repairs it


@contextmanager
def open_writer(
    store: Path,
    name: str,
    progress: Progress,
    prepare: Callable[[GalleryFolder], None] = refuse_lost,
) -> Iterator[Writer]:
    """Open a gallery for writing; it is created if it does not exist.

    Args:
        store: folder of the galleries.
        name: the gallery's name.
        progress: where to report.
        prepare: handles a lost database before it is opened.

    Raises:
        GalleryBusyError: another process writes it.
        GalleryMismatchError: its database is lost, damaged or a newer release's.
        StoreFullError: the disk is full; what was committed before stays.
    """
    folder = gallery_folder(store, name)
    with disk_full_named(folder), writer_lock(folder.lock):
        folder.work.mkdir(parents=True, exist_ok=True)
        folder.versions.mkdir(exist_ok=True)
        clear_partial(folder)
        prepare(folder)
        database = WriterDatabase.open_for_writing(folder.database)
        try:
            _clear_generations(folder, database)
            yield Writer(folder, database, progress)
        finally:
            database.close()


def _clear_generations(folder: GalleryFolder, database: WriterDatabase) -> None:
    row = database.gallery()
    kept = None if row is None else folder.descriptors(row.generation)
    for path in folder.work.glob("descriptors-*.f16"):
        if path != kept:
            path.unlink()


@contextmanager
def disk_full_named(folder: GalleryFolder) -> Iterator[None]:
    """Raise a full disk and a damaged database as errors of their own."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise StoreFullError(_full(folder)) from error
    except (OperationalError, sqlite3.OperationalError) as error:
        # SQLite reports a full disk under its shared memory, or a quota, as an I/O error.
        if not any(text in str(error) for text in ("full", "disk I/O error")):
            raise
        raise StoreFullError(_full(folder)) from error
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if type(getattr(error, "orig", error)) is not sqlite3.DatabaseError:
            raise
        raise name_damage(folder, error) from error
    except RuntimeError as error:
        if not any(os.strerror(number) in str(error) for number in FULL):
            raise
        raise StoreFullError(_full(folder)) from error


def _full(folder: GalleryFolder) -> str:
    return (
        f"the disk under gallery {folder.root.name!r} is full (or over a quota); what was "
        "stored stays: make room and run this again"
    )
