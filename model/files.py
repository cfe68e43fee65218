"""Files that are whole or not there: hashing, atomic writing, syncing to disk."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def file_sha256(path: Path, size: int | None = None) -> str:
    """Return the hex SHA-256 of a file's first `size` bytes (None: all), read in pieces."""
    digest = hashlib.sha256()
    left = path.stat().st_size if size is None else size
    with path.open("rb") as stream:
        while left > 0 and (piece := stream.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make a file's bytes survive a power cut."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def atomic_file(path: Path, *, sync: bool = False, one_writer: bool = False) -> Iterator[Path]:
    """Give a temporary path to write; it becomes `path` when the block ends without an error.

    Readers see the old file or the new one.

    Args:
        path: the file to replace; its folder exists.
        sync: make bytes and name survive a power cut.
        one_writer: nothing else writes this path now, so that the temporary file can have a fixed
            name and that of a killed run is overwritten. False: each thread has one of its own.
    """
    owner = "" if one_writer else f"{os.getpid()}-{threading.get_ident()}."
    partial = path.with_name(f".{path.name}.{owner}partial")
    try:
        yield partial
        if sync:
            sync_file(partial)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    if sync:
        sync_folder(path.parent)


def write_atomically(
    path: Path, data: bytes, *, sync: bool = True, one_writer: bool = False
) -> None:
    """Replace a file whole, as `atomic_file` does: readers see the old bytes or the new ones."""
    with atomic_file(path, sync=sync, one_writer=one_writer) as partial:
        partial.write_bytes(data)
