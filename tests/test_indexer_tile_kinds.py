"""Tiles as tools write them: rows from either end, odd file names, archives of many kinds."""

import gzip
import json
import shutil
import sqlite3
from pathlib import Path

import brotli
import numpy as np
import pytest
import zstandard
from indexer_samples import FIRST_X, FIRST_Y, ZOOM, picture, tile_folder
from pmtiles.tile import (
    Compression,
    TileType,
    deserialize_directory,
    deserialize_header,
    serialize_directory,
    serialize_header,
    zxy_to_tileid,
)
from pmtiles.writer import Writer

from indexer.errors import SourceError
from indexer.geo import tile_corner
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source

SIDE = 2**ZOOM


def true_bounds() -> list[float]:
    north, west = tile_corner(ZOOM, FIRST_X, FIRST_Y)
    south, east = tile_corner(ZOOM, FIRST_X + 2, FIRST_Y + 3)
    return [west, south, east, north]


BOUNDS = true_bounds()
BOUNDS_TEXT = ",".join(map(str, BOUNDS))


@pytest.fixture
def tiles(tmp_path) -> Path:
    return tile_folder(tmp_path / "plain", 2, 3)


def ids(path: Path, **options) -> list[str]:
    found = [c.record.image_id for c in open_source(path, SourceOptions(**options)).candidates()]
    return sorted(found)


def notes(path: Path, **options) -> str:
    return " | ".join(open_source(path, SourceOptions(**options)).notes)


def renamed(tiles: Path, target: Path, name, flip: bool = False) -> Path:
    """The tiles under other names; `name` makes a path of zoom, column and row."""
    for file in tiles.rglob("*.png"):
        x, y = int(file.parent.name), int(file.stem)
        copy = target / name(ZOOM, x, SIDE - 1 - y if flip else y)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return target


def mbtiles(path: Path, tiles: Path, *, tms: bool = True, metadata=(), wrap=bytes) -> Path:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
    database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata)
    database.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data BLOB)")
    for file in tiles.rglob("*.png"):
        x, y = int(file.parent.name), int(file.stem)
        row = SIDE - 1 - y if tms else y
        data = wrap(file.read_bytes())
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (ZOOM, x, row, data))
    database.commit()
    database.close()
    return path


PLAIN, OTHER = "{}/{}/{}.png", "rows are counted from"


def plain(z: int, x: int, y: int) -> str:
    return PLAIN.format(z, x, y)


@pytest.mark.parametrize(
    ("tms", "metadata", "noted"),
    [
        (True, (), "--rows xyz"),
        (True, (("bounds", BOUNDS_TEXT),), ""),
        (False, (("bounds", BOUNDS_TEXT),), OTHER),
        (False, (("bounds", BOUNDS_TEXT), ("scheme", "xyz")), ""),
        (False, (("bounds", BOUNDS_TEXT), ("scheme", "tms")), OTHER),
        (True, (("bounds", BOUNDS_TEXT), ("scheme", "xyz")), OTHER),
        (False, (("scheme", "xyz"),), "--rows tms"),
        (True, (("bounds", "-180,-85,180,85"),), "--rows xyz"),
        (True, (("bounds", "nonsense"),), "--rows xyz"),
        (True, (("bounds", "10,10,11,11"),), "check which is right"),
    ],
)
def test_rows_of_an_archive_are_read_so_that_tiles_lie_in_its_bounds(
    tmp_path, tiles, tms, metadata, noted
) -> None:
    path = mbtiles(tmp_path / "a.mbtiles", tiles, tms=tms, metadata=metadata)
    assert ids(path) == ids(tiles)
    said = notes(path)
    assert noted in said
    if not noted:
        assert "rows" not in said


@pytest.mark.parametrize(
    ("flip", "document", "noted"),
    [
        (False, None, "--rows tms"),
        (True, {"scheme": "tms"}, "--rows xyz"),
        (True, {"scheme": "tms", "bounds": BOUNDS}, ""),
        (True, {"bounds": BOUNDS}, OTHER),
        (False, {"scheme": "tms", "bounds": BOUNDS_TEXT}, OTHER),
        (False, {"scheme": "xyz", "bounds": BOUNDS}, ""),
    ],
)
@pytest.mark.parametrize("name", ["metadata.json", "tiles.json"])
def test_rows_of_a_folder_are_read_so_that_tiles_lie_in_its_bounds(
    tmp_path, tiles, flip, document, noted, name
) -> None:
    folder = renamed(tiles, tmp_path / "copy", plain, flip)
    if document is not None:
        (folder / name).write_text(json.dumps(document))
    assert ids(folder) == ids(tiles)
    assert noted in notes(folder)
    if not noted:
        assert "rows" not in notes(folder)


@pytest.mark.parametrize("tile_m", [(), (40.0,)])
def test_the_user_decides_how_rows_count(tmp_path, tiles, tile_m) -> None:
    south = renamed(tiles, tmp_path / "tms", plain, flip=True)
    archive = mbtiles(tmp_path / "a.mbtiles", tiles, tms=False)
    expected = ids(tiles, tile_m=tile_m, rows="xyz")
    if not tile_m:
        assert ids(south, rows="tms") == ids(south, tms=True) == expected
        assert ids(archive, rows="xyz") == expected
    for path, rows in ((south, "tms"), (archive, "xyz")):
        found = list(open_source(path, SourceOptions(rows=rows, tile_m=tile_m)).candidates())
        assert all(49.4 < one.record.latitude < 49.6 for one in found)
        first = min(found, key=lambda one: one.record.image_id)
        assert first.read().image.getextrema() != ((0, 0),) * 3
    assert all(one.startswith("19-") for one in ids(archive, rows="tms"))
    assert ids(archive, rows="tms") != expected
    with pytest.raises(SourceError, match=r"--rows 'up' is unknown; say xyz"):
        SourceOptions(rows="up")


@pytest.mark.parametrize(
    "name",
    [
        "{:02d}/{:07d}/{:08d}.png",
        "{}/{}/{}.PNG",
        "{}/{}/{}@2x.png",
    ],
)
def test_padded_capital_and_doubled_names_are_tiles(tmp_path, tiles, name) -> None:
    folder = renamed(tiles, tmp_path / "copy", lambda *at: name.format(*at))
    assert ids(folder) == ids(tiles)
    for candidate in open_source(folder, SourceOptions()).candidates():
        assert candidate.read().image.size == (64, 64)
        assert candidate.fingerprint != "missing"


def test_a_plain_tile_counts_before_its_double(tmp_path, tiles) -> None:
    for file in list(tiles.rglob("*.png")):
        picture(1, 128).save(file.with_name(f"{file.stem}@2x.png"))
    source = open_source(tiles, SourceOptions())
    source.check()
    assert [c.read().image.size for c in source.candidates()] == [(64, 64)] * 6


def test_a_folder_of_days_is_no_tile_folder(tmp_path) -> None:
    day = tmp_path / "2024" / "05"
    day.mkdir(parents=True)
    picture(1).save(day / "12.jpg")
    with pytest.raises(SourceError, match="nothing says where they are"):
        open_source(tmp_path, SourceOptions())


def test_archives_without_metadata_with_text_columns_or_packed_tiles_are_read(
    tmp_path, tiles
) -> None:
    expected = ids(tiles)
    bare = mbtiles(tmp_path / "bare.mbtiles", tiles)
    text = mbtiles(tmp_path / "text.mbtiles", tiles)
    packed = mbtiles(tmp_path / "packed.mbtiles", tiles, wrap=gzip.compress)
    for path, statement in (
        (bare, "DROP TABLE metadata"),
        (text, "UPDATE tiles SET tile_row = CAST(tile_row AS TEXT), tile_column = "
               "CAST(tile_column AS TEXT), zoom_level = CAST(zoom_level AS TEXT)"),
    ):  # fmt: skip
        database = sqlite3.connect(path)
        database.execute(statement)
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (ZOOM, None, None, b"x"))
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", ("deep", "a", "b", b"x"))
        database.commit()
        database.close()
    for path in (bare, text, packed):
        assert ids(path) == expected
        for candidate in open_source(path, SourceOptions()).candidates():
            assert candidate.read().image.size == (64, 64)


def vector_tile() -> bytes:
    """One layer named "roads" of version 2, as protocol buffer."""
    layer = b"\x0a\x05roads\x78\x02"
    return b"\x1a" + bytes([len(layer)]) + layer


def test_vector_tiles_are_named_whatever_the_archive_declares(tmp_path, tiles) -> None:
    for wrap in (lambda data: vector_tile(), lambda data: gzip.compress(vector_tile())):
        path = mbtiles(tmp_path / "v.mbtiles", tiles, wrap=wrap)
        with pytest.raises(SourceError, match="holds vector tiles"):
            open_source(path, SourceOptions())
        path.unlink()


def test_tiles_without_a_suffix_are_known_by_their_first_bytes(tmp_path, tiles) -> None:
    bare = renamed(tiles, tmp_path / "bare", "{}/{}/{}".format)
    assert ids(bare) == ids(tiles)
    text = tmp_path / "text" / str(ZOOM) / "1" / "2"
    text.parent.mkdir(parents=True)
    text.write_text("no image")
    with pytest.raises(SourceError, match="holds nothing that can be indexed"):
        open_source(tmp_path / "text", SourceOptions())


def test_folders_of_rows_before_columns_are_read_as_their_bounds_or_the_user_say(
    tmp_path, tiles
) -> None:
    expected = ids(tiles)
    exchanged = tmp_path / "zyx"
    for file in tiles.rglob("*.png"):
        target = exchanged / str(ZOOM) / file.stem / f"{file.parent.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    assert "or --rows zyx if names are {z}/{y}/{x}" in notes(exchanged)
    assert ids(exchanged, rows="zyx") == expected
    cut = ids(exchanged, rows="zyx", tile_m=(100.0,))
    assert [one.removeprefix("zyx") for one in cut] == [
        one.removeprefix("plain") for one in ids(tiles, tile_m=(100.0,))
    ]
    (exchanged / "metadata.json").write_text(json.dumps({"bounds": BOUNDS}))
    assert ids(exchanged) == expected
    assert "rows stand before columns (zyx): only so" in notes(exchanged)
    with pytest.raises(SourceError, match=r"--rows zyx is for tile folders; a\.mbtiles"):
        ids(mbtiles(tmp_path / "a.mbtiles", tiles), rows="zyx")


def pm_tiles(
    path: Path, tiles: Path, kind=TileType.PNG, compression=Compression.NONE, pack=bytes
) -> Path:
    data = {
        zxy_to_tileid(ZOOM, int(file.parent.name), int(file.stem)): file.read_bytes()
        for file in tiles.rglob("*.png")
    }
    with path.open("wb") as stream:
        writer = Writer(stream)
        for tile_id in sorted(data):
            writer.write_tile(tile_id, pack(data[tile_id]))
        west, south, east, north = (int(value * 1e7) for value in BOUNDS)
        header = {
            "tile_type": kind, "tile_compression": compression, "min_lon_e7": west,
            "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north, "center_zoom": ZOOM,
            "center_lon_e7": west, "center_lat_e7": south,
        }  # fmt: skip
        writer.finalize(header, {})
    return path


def repacked(path: Path, internal: Compression, pack) -> Path:
    """The same archive with its directory packed another way."""
    data = path.read_bytes()
    header = deserialize_header(data[:127])
    start, length = header["root_offset"], header["root_length"]
    entries = deserialize_directory(data[start : start + length])
    root = pack(gzip.decompress(serialize_directory(entries)))
    tiles = data[header["tile_data_offset"] :]
    header |= {
        "internal_compression": internal, "root_length": len(root), "metadata_length": 0,
        "metadata_offset": 127 + len(root), "leaf_directory_offset": 127 + len(root),
        "tile_data_offset": 127 + len(root),
    }  # fmt: skip
    path.write_bytes(serialize_header(header) + root + tiles)
    return path


def test_pmtiles_with_plain_directories_and_unknown_tiles_are_read(tmp_path, tiles) -> None:
    expected = ids(tiles)
    plain_path = repacked(pm_tiles(tmp_path / "a.pmtiles", tiles), Compression.NONE, bytes)
    unknown = pm_tiles(tmp_path / "b.pmtiles", tiles, TileType.UNKNOWN, Compression.UNKNOWN)
    for path in (plain_path, unknown):
        assert ids(path) == expected
        assert next(open_source(path, SourceOptions()).candidates()).read().image.size == (64, 64)


PACKERS = {
    Compression.GZIP: gzip.compress,
    Compression.BROTLI: brotli.compress,
    Compression.ZSTD: zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("compression", PACKERS)
def test_pmtiles_of_every_compression_are_read(tmp_path, tiles, compression) -> None:
    pack = PACKERS[compression]
    path = pm_tiles(tmp_path / "a.pmtiles", tiles, compression=compression, pack=pack)
    assert ids(repacked(path, compression, pack)) == ids(tiles)
    image = next(open_source(path, SourceOptions()).candidates()).read().image
    expected = next(open_source(tiles, SourceOptions()).candidates()).read().image
    assert np.array_equal(np.asarray(image), np.asarray(expected))


@pytest.mark.parametrize("compression", PACKERS)
def test_pmtiles_whose_directory_unpacks_without_end_are_refused(
    tmp_path, tiles, compression
) -> None:
    pack = PACKERS[compression]
    path = pm_tiles(tmp_path / "a.pmtiles", tiles)
    repacked(path, compression, lambda entries: pack(entries + bytes(65 * 2**20)))
    with pytest.raises(SourceError, match=r"a\.pmtiles is no whole PMTiles file .*too large"):
        open_source(path, SourceOptions())


@pytest.mark.parametrize("compression", PACKERS)
def test_pmtiles_whose_directory_is_damaged_are_refused(tmp_path, tiles, compression) -> None:
    path = pm_tiles(tmp_path / "a.pmtiles", tiles)
    repacked(path, compression, lambda entries: PACKERS[compression](entries)[:-4])
    with pytest.raises(SourceError, match=r"a\.pmtiles is no whole PMTiles file"):
        open_source(path, SourceOptions())


@pytest.mark.parametrize("head", [b"PM\x02\x00\x00\x00\x00\x00", b"PMTiles\x04", b"PMTiles\x02"])
def test_pmtiles_of_another_version_are_named(tmp_path, tiles, head) -> None:
    path = pm_tiles(tmp_path / "a.pmtiles", tiles)
    path.write_bytes(head + path.read_bytes()[8:])
    with pytest.raises(SourceError, match=r"a\.pmtiles is PMTiles version [24], only 3"):
        open_source(path, SourceOptions())
