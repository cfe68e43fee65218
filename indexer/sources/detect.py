"""Which reader fits a path: the file's kind, or what a folder holds."""

from pathlib import Path

from indexer.errors import EmptySourceError, UnknownSourceError
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.cutting.cut_into_tiles import CutSource
from indexer.sources.folder import open_folder
from indexer.sources.listing import IMAGE_SUFFIXES, RASTER_SUFFIXES, image_files
from indexer.sources.rasters.geotiff import RasterGrid
from indexer.sources.tables.datasets import (
    DENSE_TABLES,
    TABLE_NAME,
    DatasetSource,
    find_table,
    looks_like_dataset,
)
from indexer.sources.tables.lines import why_no_table
from indexer.sources.tables.table import TableSource
from indexer.sources.tiles.folder_tiles import FolderTiles, looks_like_tiles, part_of_tiles
from indexer.sources.tiles.mbtiles import MbTiles
from indexer.sources.tiles.pmtiles import PmTiles
from indexer.sources.tiles.rows import choose_rows
from indexer.sources.tiles.store import TileStore
from indexer.sources.tiles.tile_grid import TileGrid
from indexer.sources.tiles.tile_source import TileSource, choose_zoom, first_tile_px

KNOWN = (
    "GeoTIFF, folder of GeoTIFFs, {z}/{x}/{y} tiles, .mbtiles, .pmtiles, folder of images with a "
    ".csv or .geojson, folder of drone photos, or a data set with gps.csv"
)


def open_source(path: Path, options: SourceOptions) -> Source:
    """The reader for a path, found from what lies there.

    Raises:
        UnknownSourceError: nothing is there, or nothing that a reader knows.
        EmptySourceError: an empty folder.
        SourceError: the reader that fits cannot read it.
    """
    if not path.exists():
        raise UnknownSourceError(f"{path} does not exist; check the path")
    return _from_file(path, options) if path.is_file() else _from_folder(path, options)


def _from_file(path: Path, options: SourceOptions) -> Source:
    suffix = path.suffix.lower()
    if suffix in RASTER_SUFFIXES:
        return CutSource(RasterGrid(path), options)
    if suffix == ".mbtiles":
        return _tiles(MbTiles(path), options)
    if suffix == ".pmtiles":
        return _tiles(PmTiles(path), options)
    if path.name in (TABLE_NAME, *DENSE_TABLES) and looks_like_dataset(path.parent):
        return DatasetSource(path.parent, path, options)
    if suffix in (".csv", ".geojson", ".json"):
        return TableSource(path, path, options)
    raise UnknownSourceError(f"{path.name} is nothing that can be indexed; give a {KNOWN}")


def _from_folder(path: Path, options: SourceOptions) -> Source:
    if not any(path.iterdir()):
        raise EmptySourceError(f"{path} is empty; check the path")
    if looks_like_tiles(path):
        return _tiles(FolderTiles(path), options)
    table = find_table(path)
    if table is not None and looks_like_dataset(path):
        return DatasetSource(path, table, options)
    inner = _only_tile_folder(path)
    if inner is not None:
        source = _tiles(FolderTiles(inner), options)
        source.notes.append(f"tiles are read from {inner.name}/")
        return source
    tables = sorted(file for file in path.iterdir() if file.suffix.lower() in (".csv", ".geojson"))
    lacks = {file: why_no_table(file) for file in tables}
    useful = [file for file in tables if lacks[file] is None]
    other = None if useful else open_folder(path, options)
    if other is not None:
        other.notes += [f"left aside: {why}" for why in lacks.values()]
        return other
    if not tables:
        raise UnknownSourceError(_why_unknown(path))
    chosen, *others = useful or tables
    if others:
        names = ", ".join(file.name for file in (chosen, *others))
        raise UnknownSourceError(f"{path} holds several tables ({names}); name one of them")
    return TableSource(path, chosen, options)


def _only_tile_folder(path: Path) -> Path | None:
    """The one subfolder that holds tiles, where nothing else that can be indexed lies beside."""
    parts = sorted(path.iterdir())
    found = [part for part in parts if part.is_dir() and looks_like_tiles(part)]
    beside = any(part.is_file() and part.suffix.lower() in IMAGE_SUFFIXES for part in parts)
    return found[0] if len(found) == 1 and not beside else None


def _why_unknown(path: Path) -> str:
    above = part_of_tiles(path)
    if above is not None:
        return f"{path} is a part of a tile folder; give the whole one: {above}"
    if next(image_files(path), None) is None:
        return f"{path} holds nothing that can be indexed; give a {KNOWN}"
    suffixes = "|".join(suffix[1:] for suffix in IMAGE_SUFFIXES[:4])
    return (
        f"{path} holds images ({suffixes}) and nothing says where they are: no CSV, no GeoJSON, "
        "no GPS in the photos; add a CSV with path, latitude, longitude"
    )


def _tiles(store: TileStore, options: SourceOptions) -> Source:
    zoom, notes = choose_zoom(store, options.zoom)
    store, notes_on_rows = choose_rows(store, zoom, options.wanted_rows)
    if not options.tile_m and options.gsd_m is None:
        source: Source = TileSource(store, zoom, options)
    else:
        source = CutSource(TileGrid(store, zoom, first_tile_px(store, zoom)), options)
    source.notes = [*notes, *source.notes, *notes_on_rows]
    return source
