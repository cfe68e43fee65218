"""Checks of a published version: its files are inside the store, its rows are rows of a gallery.

A gallery may come from somebody else, or from a disk that lost bytes: nothing in its files is
trusted before these checks.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from indexer.errors import GalleryMismatchError
from indexer.gallery.database import Database
from indexer.gallery.manifest import Manifest

FILES = ("manifest.json", "gallery.sqlite", "index.faiss", "descriptors.f16")

_BAD_ROW = text("""
SELECT image_id FROM image WHERE NOT (
  typeof(slot) = 'integer' AND slot BETWEEN 0 AND :rows - 1
  AND typeof(image_id) = 'text' AND length(image_id) BETWEEN 1 AND 4096
  AND typeof(latitude) IN ('real', 'integer') AND latitude BETWEEN -90 AND 90
  AND typeof(longitude) IN ('real', 'integer') AND longitude BETWEEN -180 AND 180
  AND view = :view
  AND length(picture_sha256) = 64 AND picture_sha256 NOT GLOB '*[^0-9a-f]*'
  AND (captured_at IS NULL OR julianday(captured_at) IS NOT NULL)
  AND (corners IS NULL OR (json_valid(corners) AND json_array_length(corners) = 4))
) LIMIT 1
""")


def refuse_links(store: Path, place: Path) -> None:
    """Refuse a version whose files are links or lie outside the store.

    Raises:
        GalleryMismatchError: one does.
    """
    root = store.resolve()
    for path in (place, *(place / name for name in FILES)):
        if path.is_symlink() or not path.resolve().is_relative_to(root):
            raise GalleryMismatchError(
                f"gallery version {place.name!r}: {path.name} is a link or lies outside the store; "
                "copy the file itself there"
            )


def refuse_bad_rows(database: Database, manifest: Manifest) -> None:
    """Refuse a database whose rows are not those of the manifest's gallery.

    Raises:
        GalleryMismatchError: the count differs, or a row has a value that no gallery has.
    """
    remedy = f"run: safenet-index rebuild {manifest.gallery}"
    try:
        with database.engine.connect() as connection:
            values = {"rows": manifest.rows, "view": manifest.view}
            bad = connection.execute(_BAD_ROW, values).scalar()
            size = connection.execute(text("SELECT count(*) FROM image")).scalar()
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise GalleryMismatchError(
            f"gallery {manifest.gallery!r}: its database cannot be read; {remedy}"
        ) from error
    if bad is not None:
        raise GalleryMismatchError(
            f"gallery {manifest.gallery!r}: the row of image {str(bad)[:200]!r} has a value that "
            f"no gallery has; {remedy}"
        )
    if size != manifest.size:
        raise GalleryMismatchError(
            f"gallery {manifest.gallery!r}: the database has {size} images, the manifest "
            f"{manifest.size}; {remedy}"
        )


def damage(place: Path, manifest: Manifest, error: Exception) -> str | None:
    """Return what an error while reading says about a version's files; None if they are whole."""
    remedy = f"run: safenet-index rebuild {manifest.gallery}"
    if isinstance(error, SQLAlchemyError | sqlite3.Error):
        return f"gallery {manifest.gallery!r}: its database cannot be read; {remedy}"
    sizes = {"index.faiss": manifest.index_bytes, "descriptors.f16": manifest.descriptors_bytes}
    for name, size in sizes.items():
        try:
            found = (place / name).stat().st_size
        except OSError:
            found = -1
        if found < size:
            return f"gallery {manifest.gallery!r}: {name} is damaged or missing; {remedy}"
    return None
