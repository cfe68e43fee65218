"""Which file a table means: names in another case, without suffix, or without leading zeros."""

from functools import lru_cache
from pathlib import Path

from indexer.sources.listing import IMAGE_SUFFIXES

FOLDERS_KEPT = 64
"""Our choice: folders whose file names stay in memory."""


class FileFinder:
    """Files below the folder of a table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = lru_cache(FOLDERS_KEPT)(_names_in)

    def find(self, text: str) -> Path:
        """Return the file that a path or an id names; a path that is not there where none does.

        The name itself counts first, then with an image suffix, then with either slash, then in
        any case, then with any number of leading zeros, which spreadsheets remove.
        """
        path = self._folder / text.replace("\0", "")
        tries = [path.with_name(path.name + suffix) for suffix in ("", *IMAGE_SUFFIXES)]
        for file in tries if path.name else []:
            if _is_file(file):
                return file
        if "\\" in text:
            return self.find(text.replace("\\", "/"))
        by_name, by_number = self._names(path.parent)
        for name in (path.name, path.stem):
            if name.lower() in by_name:
                return by_name[name.lower()]
        number = path.stem.lstrip("0") if path.stem.isdigit() else None
        return by_number.get(number, path) if number is not None else path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _names_in(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return images by lower-case name and stem, and by their number; only what is unambiguous."""
    by_name: dict[str, list[Path]] = {}
    by_number: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()) if _is_folder(folder) else []:
        if file.suffix.lower() in IMAGE_SUFFIXES:
            for name in (file.name.lower(), file.stem.lower()):
                by_name.setdefault(name, []).append(file)
            if file.stem.isdigit():
                by_number.setdefault(file.stem.lstrip("0"), []).append(file)
    return _single(by_name), _single(by_number)


def _single(found: dict[str, list[Path]]) -> dict[str, Path]:
    return {name: files[0] for name, files in found.items() if len(files) == 1}
