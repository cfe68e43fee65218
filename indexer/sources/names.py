"""File names as text: for people, for ids and for the database, also where they are not UTF-8.

A zip packed on Windows and unpacked on Linux leaves names in the packer's code page; Python holds
such bytes as lone surrogates, which neither a database nor JSON takes.
"""

import os
from pathlib import Path
from urllib.parse import quote, unquote

_MARK = "file-bytes:"


def is_utf8(path: Path) -> bool:
    """Return whether a path can be written as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str | Path) -> str:
    """Return a name to show: bytes that are not UTF-8 as percent escapes, such as B%E4ume."""
    return "".join(
        f"%{ord(char) - 0xDC00:02X}" if 0xDC80 <= ord(char) <= 0xDCFF else char
        for char in str(text)
    )


def location_text(path: Path) -> str:
    """Return a path as text for a database; `path_of` gives the path again."""
    return str(path) if is_utf8(path) else _MARK + quote(os.fsencode(path))


def path_of(location: str) -> Path:
    """Return the path that `location_text` wrote."""
    if not location.startswith(_MARK):
        return Path(location)
    return Path(os.fsdecode(unquote(location.removeprefix(_MARK), errors="surrogateescape")))
