"""A gallery held for writing: by one process, under a lock, with a full disk named as such."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError

from indexer.errors import StoreFullError, UnknownGalleryError
from indexer.layout import GalleryFolder, gallery_folder
from indexer.lock import writer_lock
from indexer.pictures import PictureStore
from indexer.progress import Progress
from indexer.publish import KEEP, clear_partial, publish, published
from indexer.schema import GalleryRow
from indexer.writer_database import WriterDatabase


class Writer:
    """A gallery held for writing."""

    def __init__(self, folder: GalleryFolder, database: WriterDatabase, progress: Progress) -> None:
        self.folder = folder
        self.database = database
        self.progress = progress
        self.pictures = PictureStore(folder.pictures)

    @property
    def row(self) -> GalleryRow:
        """The gallery's own row, as it is now."""
        row = self.database.gallery()
        if row is None:
            raise UnknownGalleryError(
                f"gallery {self.folder.root.name!r} was never built; run: safenet-index build"
            )
        return row

    def publish(self, keep: int = KEEP) -> str:
        """Publish what is stored, unless it is published already; returns the version's name."""
        row, before = self.row, published(self.folder)
        if before is not None and before.revision == row.revision:
            return before.version
        return publish(self.folder, self.database, row, keep)


@contextmanager
def open_writer(store: Path, name: str, progress: Progress) -> Iterator[Writer]:
    """Hold a gallery for writing; created where it does not exist.

    Raises:
        GalleryBusyError: another process writes it.
        StoreFullError: the disk ran full; what was committed before stays.
    """
    folder = gallery_folder(store, name)
    with disk_full_named(folder), writer_lock(folder.lock):
        folder.work.mkdir(parents=True, exist_ok=True)
        folder.versions.mkdir(exist_ok=True)
        clear_partial(folder)
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
    """Give a full disk its own error."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise StoreFullError(_full(folder)) from error
    except (OperationalError, sqlite3.OperationalError) as error:
        if "full" not in str(error):
            raise
        raise StoreFullError(_full(folder)) from error
    except RuntimeError as error:
        if "No space left" not in str(error):
            raise
        raise StoreFullError(_full(folder)) from error


def _full(folder: GalleryFolder) -> str:
    return (
        f"the disk under gallery {folder.root.name!r} is full; what was stored stays: "
        "make room and run this again"
    )
