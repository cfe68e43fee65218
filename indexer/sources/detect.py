"""Which reader fits a path."""

from pathlib import Path

from indexer.errors import EmptySourceError, UnknownSourceError
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.datasets import UniversitySource, find_table, looks_like_university
from indexer.sources.table import TableSource
from indexer.sources.tile_folder import TileFolderSource, looks_like_tiles


def open_source(path: Path, options: SourceOptions) -> Source:
    """The reader for a path, found from what lies there.

    Raises:
        UnknownSourceError: nothing is there, or nothing that a reader knows.
        EmptySourceError: an empty folder.
    """
    if not path.exists():
        raise UnknownSourceError(f"{path} does not exist; check the path")
    if path.is_file():
        return _from_file(path, options)
    return _from_folder(path, options)


def _from_file(path: Path, options: SourceOptions) -> Source:
    if path.suffix.lower() == ".csv":
        if path.name == "gps.csv" and looks_like_university(path.parent):
            return UniversitySource(path.parent, path, options)
        return TableSource(path, path, options)
    raise UnknownSourceError(
        f"{path.name} is of no kind that can be indexed; see docs/galleries.md"
    )


def _from_folder(path: Path, options: SourceOptions) -> Source:
    if not any(path.iterdir()):
        raise EmptySourceError(f"{path} is empty; check the path")
    table = find_table(path)
    if table is not None and looks_like_university(path):
        return UniversitySource(path, table, options)
    if looks_like_tiles(path):
        return TileFolderSource(path, options)
    tables = sorted(path.glob("*.csv"))
    if len(tables) == 1:
        return TableSource(path, tables[0], options)
    if tables:
        names = ", ".join(table.name for table in tables)
        raise UnknownSourceError(f"{path} holds several CSV files ({names}); name one of them")
    raise UnknownSourceError(f"{path} holds nothing that can be indexed; see docs/galleries.md")
