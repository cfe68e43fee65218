"""Which reader fits a path: the file's kind, or what a folder holds."""

from pathlib import Path

from indexer.errors import EmptySourceError, UnknownSourceError
from indexer.sources.advice import WORLD_FILES, advice_for, first_advice
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.cutting.cut_into_tiles import CutSource
from indexer.sources.folder import open_folder
from indexer.sources.listing import IMAGE_SUFFIXES, RASTER_FILES, image_files, may_be_map
from indexer.sources.names import shown, url_of
from indexer.sources.rasters.geotiff import RasterGrid
from indexer.sources.rasters.opening import is_georeferenced
from indexer.sources.rasters.remote import check_url
from indexer.sources.tables.datasets import (
    DENSE_TABLES,
    TABLE_NAME,
    DatasetSource,
    find_table,
    looks_like_dataset,
)
from indexer.sources.tables.geo_txt import NAME as GEO_TXT
from indexer.sources.tables.geo_txt import is_geo_txt
from indexer.sources.tables.table import TableSource, why_no_table
from indexer.sources.tiles.arcgis_scheme import is_compact
from indexer.sources.tiles.folder_tiles import FolderTiles, looks_like_tiles, part_of_tiles
from indexer.sources.tiles.mbtiles import MbTiles
from indexer.sources.tiles.named_tiles import find_named_tiles
from indexer.sources.tiles.pmtiles import PmTiles
from indexer.sources.tiles.rows import choose_rows
from indexer.sources.tiles.store import TileStore
from indexer.sources.tiles.tile_grid import TileGrid
from indexer.sources.tiles.tile_source import TileSource, choose_zoom, first_tile_px

KNOWN = (
    "GeoTIFF or other raster map, folder of GeoTIFFs, {z}/{x}/{y} tiles, .mbtiles, .pmtiles, "
    "folder of images with a "
    ".csv or .geojson, folder of drone photos, or a data set with gps.csv"
)


def open_source(path: Path, options: SourceOptions) -> Source:
    """Return the reader for a path, found from what lies there.

    Raises:
        UnknownSourceError: nothing is there, or nothing that a reader knows.
        EmptySourceError: an empty folder.
        SourceError: the reader that fits cannot read it.
    """
    url = url_of(path)
    if url is not None:
        check_url(url)
        return CutSource(RasterGrid(path), options)
    if not path.exists():
        raise UnknownSourceError(f"{path} does not exist; check the path")
    return _from_file(path, options) if path.is_file() else _from_folder(path, options)


def _from_file(path: Path, options: SourceOptions) -> Source:
    suffix = path.suffix.lower()
    if suffix in RASTER_FILES or (may_be_map(path) and is_georeferenced(path)):
        return CutSource(RasterGrid(path), options)
    if suffix == ".mbtiles":
        return _tiles(MbTiles(path), options)
    if suffix == ".pmtiles":
        return _tiles(PmTiles(path), options)
    if path.name in (TABLE_NAME, *DENSE_TABLES) and looks_like_dataset(path.parent):
        return DatasetSource(path.parent, path, options)
    if suffix in (".csv", ".geojson", ".json") or is_geo_txt(path):
        return TableSource(path, path, options)
    raise UnknownSourceError(_why_unknown_file(path))


def _from_folder(path: Path, options: SourceOptions) -> Source:
    if not any(path.iterdir()):
        raise EmptySourceError(f"{path} is empty; check the path")
    if looks_like_tiles(path):
        return _tiles(FolderTiles(path), options)
    table = find_table(path)
    if table is not None and looks_like_dataset(path):
        return DatasetSource(path, table, options)
    if is_compact(path):
        raise UnknownSourceError(
            f"{path} is an ArcGIS compact cache (.bundle files); make a GeoTIFF of the area: "
            "gdal_translate -projwin WEST NORTH EAST SOUTH conf.xml map.tif, or export the cache "
            "as exploded"
        )
    inner = _only_tile_folder(path)
    if inner is not None:
        source = _tiles(FolderTiles(inner), options)
        source.notes.append(f"tiles are read from {inner.name}/")
        return source
    tables = sorted(file for file in path.iterdir() if _may_be_table(file))
    lacks = {file: why_no_table(file) for file in tables}
    useful = [file for file in tables if lacks[file] is None]
    named = None if useful else find_named_tiles(path)
    if named is not None:
        source = _tiles(named, options)
        source.notes += named.notes
        return source
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


def _may_be_table(file: Path) -> bool:
    return file.suffix.lower() in (".csv", ".geojson") or file.name.lower() == GEO_TXT


def _only_tile_folder(path: Path) -> Path | None:
    """Return the only subfolder of tiles, if nothing else here can be indexed."""
    parts = sorted(path.iterdir())
    found = [part for part in parts if part.is_dir() and looks_like_tiles(part)]
    beside = any(part.is_file() and part.suffix.lower() in IMAGE_SUFFIXES for part in parts)
    return found[0] if len(found) == 1 and not beside else None


def _why_unknown(path: Path) -> str:
    above = part_of_tiles(path)
    if above is not None:
        return f"{path} is a part of a tile folder; give the whole one: {above}"
    advice = first_advice(sorted(file for file in path.iterdir() if file.is_file()))
    advice = f"; {advice}" if advice else ""
    if next(image_files(path), None) is None:
        return f"{path} holds nothing that can be indexed{advice or f'; give a {KNOWN}'}"
    suffixes = "|".join(suffix[1:] for suffix in IMAGE_SUFFIXES[:4])
    return (
        f"{path} holds images ({suffixes}) and nothing says where they are: no CSV, no GeoJSON, "
        f"no GPS in the photos{advice or '; add a CSV with path, latitude, longitude'}"
    )


def _why_unknown_file(path: Path) -> str:
    name, suffix = shown(path.name), path.suffix.lower()
    world_files = (path.with_suffix(suffix) for suffix in WORLD_FILES)
    if suffix in IMAGE_SUFFIXES and not any(file.is_file() for file in world_files):
        return f"{name} is one image; give the folder that holds it, with GPS or a table"
    advice = advice_for(".wld" if suffix in IMAGE_SUFFIXES else suffix)
    return f"{name} {advice or f'is nothing that can be indexed; give a {KNOWN}'}"


def _tiles(store: TileStore, options: SourceOptions) -> Source:
    zoom, notes = choose_zoom(store, options.zoom)
    store, notes_on_rows = choose_rows(store, zoom, options.wanted_rows)
    if not options.tile_m and options.gsd_m is None:
        source: Source = TileSource(store, zoom, options)
    else:
        source = CutSource(TileGrid(store, zoom, first_tile_px(store, zoom)), options)
    source.notes = [*notes, *source.notes, *notes_on_rows]
    return source
