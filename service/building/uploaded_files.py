"""Files of a map, written to disk as they arrive, within bounds and of known kinds only."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from service.building.job import Job
from service.errors import BodyTooLargeError, StorageFullError, UnsupportedTypeError

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
KINDS: dict[str, tuple[bytes, ...]] = {
    ".tif": TIFF,
    ".tiff": TIFF,
    ".mbtiles": (b"SQLite format 3\0",),
    ".pmtiles": (b"PMTiles",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".webp": (b"RIFF",),
    ".csv": (),
    ".geojson": (),
}
"""Accepted kinds, and how their files begin. Our choice: GDAL opens a file by its content, and
some of its formats name other files (VRT) or addresses, so that only these may arrive."""

MAX_FILES = 20_000
RESERVED_BYTES = 2**30
"""Our choice: what stays free on the disk."""

_NAME = re.compile(r"[^\x00-\x1f/\\.][^\x00-\x1f/\\]{0,199}")


def checked_name(name: str, job: Job) -> str:
    """Return a file name that may be written.

    Raises:
        UnsupportedTypeError: it is a path, hidden, of no accepted kind, or one too many.
    """
    if not _NAME.fullmatch(name) or Path(name).suffix.lower() not in KINDS:
        raise UnsupportedTypeError(
            f"file {name[:80]!r} is not accepted; send {', '.join(sorted(KINDS))}, without a folder"
        )
    if name not in job.files and len(job.files) >= MAX_FILES:
        raise UnsupportedTypeError(
            f"{MAX_FILES} files have arrived, no more are accepted; build from parts"
        )
    return name


async def receive_file(
    job: Job, name: str, chunks: AsyncIterator[bytes], *, max_bytes: int, idle_s: float
) -> None:
    """Write one file of a job; a file that is refused or broken off leaves nothing behind.

    Args:
        job: whose folder it is written to.
        name: of `checked_name`.
        chunks: the body.
        max_bytes: most bytes of all files of the job.
        idle_s: longest wait for the next part, s.

    Raises:
        BodyTooLargeError: the job would have more bytes than it may.
        StorageFullError: the disk would have too little room left.
        UnsupportedTypeError: the content is not of the kind that the name says.
        TimeoutError: the next part did not come.
    """
    partial = job.folder / f".{name}.part"
    job.files[name] = 0
    try:
        with partial.open("wb") as stream:
            iterator = aiter(chunks)
            while True:
                async with asyncio.timeout(idle_s):
                    chunk = await anext(iterator, None)
                if chunk is None:
                    break
                job.files[name] += len(chunk)
                _refuse_beyond(job.bytes, max_bytes, job.folder)
                await asyncio.to_thread(stream.write, chunk)
        _check_kind(partial, name)
        partial.rename(job.folder / name)
    except BaseException:
        job.files.pop(name, None)
        partial.unlink(missing_ok=True)
        raise


def _refuse_beyond(total: int, max_bytes: int, folder: Path) -> None:
    if total > max_bytes:
        raise BodyTooLargeError(
            f"the map is larger than {max_bytes >> 20} MiB (SAFENET_MAX_MAP_MIB); build it with "
            "safenet-index on the server"
        )
    if shutil.disk_usage(folder).free < RESERVED_BYTES:
        raise StorageFullError("the server's disk has too little room; ask its operator")


def _check_kind(path: Path, name: str) -> None:
    begins = KINDS[Path(name).suffix.lower()]
    with path.open("rb") as stream:
        head = stream.read(16)
    if begins and not head.startswith(begins):
        raise UnsupportedTypeError(
            f"file {name[:80]!r} does not begin as a {Path(name).suffix} does; send another"
        )
