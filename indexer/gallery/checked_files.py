"""Remembers which files of a version were checked, so that a start need not read them all again.

The stamp holds size, times and inode of the files that were compared with the manifest, and whose
rows were read. A file that was written, replaced or copied since has others and is checked again.
`safenet-index verify` reads everything whatever the stamp says.
"""

import contextlib
import json
from pathlib import Path

from model.files import write_atomically

STAMP = "checked.json"

CHECKS = 1
"""Number of the checks; it grows when a release checks more, so that old stamps do not count."""

_FILES = ("manifest.json", "gallery.sqlite", "index.faiss")


def is_checked(place: Path) -> bool:
    """Return whether a version's files are those that were checked, unchanged since."""
    stamp = place / STAMP
    try:
        marks = _marks(place)
        same: bool = json.loads(stamp.read_bytes()) == {"checks": CHECKS, "files": marks}
        stamped_ns = stamp.stat().st_mtime_ns
    except (OSError, ValueError):
        return False
    # A file that was written in the same tick of the clock as the stamp may have changed after it.
    return same and all(max(mark[1:3]) < stamped_ns for mark in marks.values())


def remember_checked(place: Path) -> None:
    """Write the stamp; a store that cannot be written is checked at every start."""
    with contextlib.suppress(OSError):
        content = json.dumps({"checks": CHECKS, "files": _marks(place)}).encode()
        write_atomically(place / STAMP, content, sync=False)


def _marks(place: Path) -> dict[str, list[int]]:
    """Return size, times of the last write and change (ns) and inode of each file."""
    found = {name: (place / name).stat() for name in _FILES}
    return {
        name: [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        for name, stat in found.items()
    }
