"""The folders of the public data sets, with the table that gives their coordinates."""

from collections.abc import Mapping
from pathlib import Path

from indexer.errors import BadTableError
from indexer.sources.candidate import SourceOptions
from indexer.sources.table import TableSource

TABLE_NAME = "gps.csv"


class UniversitySource(TableSource):
    """A University-1652 folder (the whole set, its test part or one gallery) with `gps.csv`.

    The test part holds its query images twice; the `query_` folders are left out unless the path
    points into one. The gallery's view (`--view`) says which images are taken.
    """

    kind = "University-1652 folder with gps.csv"

    def __init__(self, path: Path, table: Path, options: SourceOptions) -> None:
        if options.view is None:
            raise BadTableError(
                f"{path.name} holds satellite and drone images; say --view satellite or drone"
            )
        super().__init__(path, table, options)
        inside = path.resolve().relative_to(table.parent.resolve())
        self._prefix = "" if inside == Path() else inside.as_posix() + "/"

    def _wanted(self, row: Mapping[str, str]) -> bool:
        place = row.get("path", "")
        if not place.startswith(self._prefix):
            return False
        return not any(part.startswith("query_") for part in Path(place[len(self._prefix) :]).parts)


def find_table(path: Path) -> Path | None:
    """The gps.csv of a folder: in it or in one of its three parents."""
    for folder in (path, *path.resolve().parents[:3]):
        if (folder / TABLE_NAME).is_file():
            return folder / TABLE_NAME
    return None


def looks_like_university(folder: Path) -> bool:
    """Whether a folder has the names that University-1652 uses."""
    names = ("train", "test", "satellite", "drone", "gallery_satellite", "gallery_drone")
    own = ("query_drone", "query_satellite", "gallery_satellite", "gallery_drone", "satellite")
    return folder.name in (*own, "drone") or any((folder / name).is_dir() for name in names)
