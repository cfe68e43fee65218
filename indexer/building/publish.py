"""Publishes the writer's state as a version that readers open, all of it at once."""

import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import GalleryMismatchError
from indexer.gallery import vectors
from indexer.gallery.database import Database
from indexer.gallery.descriptors import DescriptorFile, bytes_of_row
from indexer.gallery.layout import GalleryFolder
from indexer.gallery.manifest import FORMAT, Manifest, read_manifest
from indexer.gallery.schema import GalleryRow
from model.files import file_sha256, sync_file, sync_folder, write_atomically

KEEP = 3
"""Number of versions that are kept after publishing, including the new one."""

PARTIAL = ".partial-"
"""Suffix of a version's folder until it is complete."""


def published(folder: GalleryFolder) -> Manifest | None:
    """Return the manifest of the version that readers open; None before the first."""
    try:
        version = folder.current.read_text().strip()
    except OSError:
        return None
    return read_manifest(folder.version(version) / "manifest.json")


def newest_revision(folder: GalleryFolder) -> int:
    """Return the highest published revision; 0 before the first."""
    numbers = [path.name.partition("-")[0] for path in folder.versions.glob("*-*")]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def missing_rows(folder: GalleryFolder, row: GalleryRow) -> str | None:
    """Return an error text if the descriptor file has fewer rows than the database expects."""
    path = folder.descriptors(row.generation)
    size = path.stat().st_size if path.is_file() else 0
    rows = size // bytes_of_row(row.descriptor_dim, row.local_bytes)
    return None if rows >= row.next_slot else f"{path} holds {rows} of {row.next_slot} descriptors"


def refuse_missing_rows(folder: GalleryFolder, row: GalleryRow) -> None:
    """Refuse to write or publish while descriptors are missing.

    Raises:
        GalleryMismatchError: the writer's descriptor file is too short.
    """
    found = missing_rows(folder, row)
    if found is not None:
        raise GalleryMismatchError(f"{found}; run: safenet-index rebuild {row.name}")


def publish(folder: GalleryFolder, database: Database, row: GalleryRow, keep: int = KEEP) -> str:
    """Write a new version beside the old ones, point CURRENT to it and return its name.

    Raises:
        GalleryMismatchError: the writer's descriptor file is too short.
    """
    refuse_missing_rows(folder, row)
    partial = folder.versions / f"{PARTIAL}{row.revision}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    manifest = _write_version(folder, partial, database, row)
    for file in partial.iterdir():
        sync_file(file)
    sync_folder(partial)
    final = folder.version(manifest.version)
    shutil.rmtree(final, ignore_errors=True)
    partial.replace(final)
    sync_folder(folder.versions)
    write_atomically(folder.current, f"{manifest.version}\n".encode())
    prune(folder, keep)
    return manifest.version


def _write_version(
    folder: GalleryFolder, partial: Path, database: Database, row: GalleryRow
) -> Manifest:
    database.snapshot(partial / "gallery.sqlite")
    source = folder.descriptors(row.generation)
    link(source, partial / "descriptors.f16")
    slots = database.slots()
    kind = vectors.choose(row.index_kind, len(slots))
    with closing(DescriptorFile(source, row.descriptor_dim, row.local_bytes)) as file:
        write_index(partial / "index.faiss", kind, file, row.descriptor_dim, slots)
        stored_bytes = row.next_slot * file.row_bytes
    database_sha256 = file_sha256(partial / "gallery.sqlite")
    manifest = Manifest(
        format=FORMAT,
        gallery=row.name,
        view=row.view,
        version=f"{row.revision:06d}-{database_sha256[:8]}",
        revision=row.revision,
        size=len(slots),
        rows=row.next_slot,
        descriptor_dim=row.descriptor_dim,
        local_bytes=row.local_bytes,
        weights_name=row.weights_name,
        weights_sha256=row.weights_sha256,
        index_kind=kind,
        index_sha256=file_sha256(partial / "index.faiss"),
        index_bytes=(partial / "index.faiss").stat().st_size,
        database_sha256=database_sha256,
        descriptors_sha256=file_sha256(partial / "descriptors.f16", stored_bytes),
        descriptors_bytes=stored_bytes,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    (partial / "manifest.json").write_bytes(manifest.to_json())
    return manifest


def write_index(
    path: Path, kind: str, file: DescriptorFile, descriptor_dim: int, slots: NDArray[np.int64]
) -> None:
    """Build an index of the given slots from the descriptors on disk."""

    def sample(count: int) -> NDArray[np.float32]:
        picked = slots[np.linspace(0, len(slots) - 1, min(count, len(slots))).astype(int)]
        return np.concatenate([rows_nD for _, rows_nD in file.chunks(picked)])

    vectors.save(vectors.build(kind, descriptor_dim, len(slots), sample, file.chunks(slots)), path)


def link(source: Path, target: Path) -> None:
    """Hard-link a descriptor file, or copy it where the file system has no links."""
    # Rows are only appended, so a version may share the writer's file.
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def prune(folder: GalleryFolder, keep: int) -> None:
    """Delete all but the newest versions; the current one always stays."""
    current = folder.current.read_text().strip()
    names = sorted(path.name for path in folder.versions.iterdir() if path.name[0] != ".")
    for name in names[: -max(1, keep)]:
        if name != current:
            shutil.rmtree(folder.version(name), ignore_errors=True)


def clear_partial(folder: GalleryFolder) -> None:
    """Delete the folder of an interrupted publication."""
    for path in folder.versions.glob(f"{PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)
