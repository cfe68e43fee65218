"""Frees the space of removed images: descriptor rows, pictures, versions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.building.checks import changing
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP
from indexer.building.writer import Writer
from indexer.gallery.database import Database
from indexer.gallery.descriptors import DescriptorFile, bytes_of_row
from indexer.gallery.layout import GalleryFolder


@dataclass(frozen=True, kw_only=True)
class Compaction:
    """Number of freed descriptor rows and picture files, and their bytes together."""

    rows: int
    pictures: int
    freed_bytes: int
    version: str


def compact(
    store: Path, name: str, *, keep: int = KEEP, progress: Progress | None = None
) -> Compaction:
    """Rewrite the descriptors without holes and delete pictures that no kept version uses.

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: the writer's files are damaged.
        GalleryBusyError: a replacing build waits to be finished.
    """
    with changing(store, name, progress or Silent()) as writer:
        holes = _close_holes(writer)
        version = writer.publish(keep)
        pictures, picture_bytes = _drop_pictures(writer)
        row_bytes = bytes_of_row(writer.row.descriptor_dim, writer.row.local_bytes)
        return Compaction(
            rows=holes,
            pictures=pictures,
            freed_bytes=holes * row_bytes + picture_bytes,
            version=version,
        )


def _close_holes(writer: Writer) -> int:
    row = writer.row
    slots = writer.database.slots()
    holes = row.next_slot - len(slots)
    if holes == 0:
        return 0
    path = writer.folder.descriptors(row.generation)
    old = DescriptorFile(path, row.descriptor_dim, row.local_bytes)
    path = writer.folder.descriptors(row.generation + 1)
    new = DescriptorFile(path, row.descriptor_dim, row.local_bytes, writable=True)
    new.copy_from(old, slots)
    old.close()
    new.close()
    pairs = zip(slots.tolist(), np.arange(len(slots)).tolist(), strict=True)
    writer.database.renumber(pairs, generation=row.generation + 1, rows=len(slots))
    return holes


def _drop_pictures(writer: Writer) -> tuple[int, int]:
    shown = set(writer.database.picture_names())
    for database in _version_databases(writer.folder):
        shown.update(database.picture_names())
        database.close()
    unused = [writer.pictures.path(name) for name in writer.pictures.names() if name not in shown]
    unused += [
        path
        for name in writer.pictures.names()
        if name not in shown
        for path in writer.pictures.rows(name)
    ]
    unused += writer.pictures.leftovers()
    freed = sum(path.stat().st_size for path in unused)
    for path in unused:
        path.unlink()
    return sum(path.suffix != ".row" for path in unused), freed


def _version_databases(folder: GalleryFolder) -> Iterator[Database]:
    for path in sorted(folder.versions.glob("*/gallery.sqlite")):
        yield Database.open_snapshot(path)
