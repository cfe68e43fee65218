"""File names as text: for people, for ids and for the database, also where they are not UTF-8.

A map may also be named by a URL. A `Path` keeps it with one slash after the scheme.

A zip packed on Windows and unpacked on Linux leaves names in the packer's code page; Python holds
such bytes as lone surrogates, which neither a database nor JSON takes.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

_MARK = "file-bytes:"
_URL = re.compile(r"(https?|s3|gs|az):/{1,2}(?!/)(.+)", re.DOTALL)


def url_of(path: str | Path) -> str | None:
    """Return the URL that a path stands for; None for a path of this machine."""
    found = _URL.fullmatch(str(path))
    return None if found is None else f"{found[1]}://{found[2]}"


def is_there(path: Path) -> bool:
    """Return whether something lies at a path; of a URL, opening it tells."""
    return url_of(path) is not None or path.exists()


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
        for char in url_of(text) or str(text)
    )


def location_text(path: Path) -> str:
    """Return an absolute path, or a URL, as text for a database; `path_of` gives it again."""
    url = url_of(path)
    if url is not None:
        return url
    path = path.resolve()
    return str(path) if is_utf8(path) else _MARK + quote(os.fsencode(path))


def path_of(location: str) -> Path:
    """Return the path that `location_text` wrote."""
    if not location.startswith(_MARK):
        return Path(location)
    return Path(os.fsdecode(unquote(location.removeprefix(_MARK), errors="surrogateescape")))
