"""The writer's files of a gallery (`work/`): their faults and their restoration.

A published version holds the same database and rows, so lost files are restored from it.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from indexer.building.publish import link, missing_rows
from indexer.errors import GalleryMismatchError
from indexer.gallery.database import Database
from indexer.gallery.layout import GalleryFolder
from indexer.gallery.manifest import Manifest
from model.files import atomic_file


def faults(folder: GalleryFolder, manifest: Manifest) -> list[str]:
    """Return the faults of the writer's files beside an intact published version; [] means none."""
    if not folder.database.is_file():
        return [f"{folder.database} is missing"]
    database = Database.open_beside_writer(folder.database)
    try:
        row = database.gallery()
        if row is None:
            return [f"{folder.database} holds no gallery"]
        found = database.faults()
        if row.revision == manifest.revision and database.count() != manifest.size:
            found.append(f"it holds {database.count()} images, {manifest.size} are published")
        rows = missing_rows(folder, row)
        return found if rows is None else [*found, rows]
    except (DatabaseError, sqlite3.DatabaseError) as error:
        # A full or read-only disk hides the newest pages, so nothing is known.
        hidden = any(text in str(error) for text in ("disk I/O error", "unable to open", "locked"))
        what = "could not be looked at: is the disk full?" if hidden else "cannot be read"
        return [f"{folder.database} {what} ({_cause(error)})"]
    finally:
        database.close()


def refuse_lost(folder: GalleryFolder) -> None:
    """Refuse to start an empty gallery beside a published version by accident.

    Raises:
        GalleryMismatchError: a version is published and the writer's database is gone.
    """
    if folder.current.exists() and not folder.database.is_file():
        raise lost(folder)


def drop_unreadable(folder: GalleryFolder) -> None:
    """Delete a writer's database that cannot be read: the gallery starts empty."""
    if folder.database.exists() and not _readable(folder.database):
        _delete(folder.database)


def restore_lost(folder: GalleryFolder) -> None:
    """Restore the writer's missing files from the published version.

    Raises:
        GalleryMismatchError: the version's own database cannot be read either.
    """
    if not folder.current.exists():
        return
    place = folder.version(folder.current.read_text().strip())
    if not _readable(folder.database):
        if not _readable(place / "gallery.sqlite"):
            raise GalleryMismatchError(
                f"neither {folder.database} nor the one of version {place.name} can be read; "
                "start over with: safenet-index build --replace"
            )
        with atomic_file(folder.database, sync=True) as partial:
            shutil.copyfile(place / "gallery.sqlite", partial)
            _delete(folder.database)
    rows = folder.descriptors(_generation(folder.database))
    if not rows.exists() and _generation(place / "gallery.sqlite") == _generation(folder.database):
        with contextlib.suppress(FileNotFoundError):
            link(place / "descriptors.f16", rows)


def lost(folder: GalleryFolder) -> GalleryMismatchError:
    """Return the error for a missing writer's database beside a published version."""
    return GalleryMismatchError(
        f"{folder.database} is gone and gallery {folder.root.name!r} is published; bring it back "
        f"with: safenet-index rebuild {folder.root.name} (or start over: build --replace)"
    )


def name_damage(folder: GalleryFolder, error: Exception) -> GalleryMismatchError:
    """Return the error for a writer's database that SQLite cannot use."""
    return GalleryMismatchError(
        f"{folder.database} cannot be read ({_cause(error)}); bring it back with: "
        f"safenet-index rebuild {folder.root.name}"
    )


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)


def _delete(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _readable(path: Path) -> bool:
    """Return whether a database exists, is intact and is a gallery's; a full disk raises."""
    if not path.is_file():
        return False
    try:
        with _raw(path) as database:
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                return False
            tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'gallery'")
            rows = "SELECT 1 FROM gallery"
            return bool(tables.fetchone() and database.execute(rows).fetchone())
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:
            raise
        return False


def _generation(path: Path) -> int:
    with _raw(path) as database:
        return int(database.execute("SELECT generation FROM gallery").fetchone()[0])


@contextlib.contextmanager
def _raw(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        yield database
