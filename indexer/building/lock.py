"""Lock that lets one process at a time write a gallery."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import GalleryBusyError


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a gallery; the kernel releases it when the process ends, however it ends.

    Raises:
        GalleryBusyError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise GalleryBusyError(
                f"gallery {path.parent.name!r} is being written by process {holder}; "
                "wait until it ends, then run this again"
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
