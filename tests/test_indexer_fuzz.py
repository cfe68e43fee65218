"""Damaged headers of everything that is read: an answer or one line, no traceback and no hang.

The suite tries a few examples of each kind. `FUZZ_SECONDS=600 pytest tests/test_indexer_fuzz.py`
goes on for ten minutes, shared among the kinds.
"""

import io
import json
import os
import sqlite3
import tempfile
import time
import warnings
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from indexer_samples import FIRST_X, FIRST_Y, picture, tile_folder
from photo_samples import DJI, HEIC, SOUTH_EAST, photo, xmp
from pmtiles.tile import Compression
from rasterio.control import GroundControlPoint
from test_indexer_tile_kinds import BOUNDS_TEXT, PACKERS, mbtiles, pm_tiles, repacked
from test_indexer_tile_layouts import CONF_XML, LEVEL, MERCATOR

from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.photos.metadata import photo_position
from indexer.sources.photos.xmp import read_xmp
from indexer.sources.reading import SkippedImage
from indexer.sources.tables.areas import read_polygons
from model.errors import SafeNetError

EXPECTED = (SafeNetError, SkippedImage, OSError)
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
SLOWEST_S = 30.0
"""CPU seconds after which an example counts as a hang, so that a busy machine makes none."""


def geotiff(path: Path, **more) -> bytes:
    bands = np.asarray(picture(5)).transpose(2, 0, 1)
    place = {} if "gcps" in more else {"transform": Affine(0.5, 0, 5e5, 0, -0.5, 5.5e6)}
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=64, width=64, crs="EPSG:32633",
        **{"dtype": "uint8", **place, **more},
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return path.read_bytes()


def jp2(path: Path, tif: Path) -> bytes:
    rasterio.shutil.copy(tif, path, driver="JP2OpenJPEG")
    return path.read_bytes()


def packed(path: Path, tiles: Path, how: Compression) -> bytes:
    return repacked(pm_tiles(path, tiles), how, PACKERS[how]).read_bytes()


POINTS = [GroundControlPoint(r, c, 5e5 + c, 5.5e6 - r) for r, c in ((0, 0), (0, 64), (64, 0))]
FEATURE = {
    "type": "Feature", "properties": {"path": "a.jpg", "captured_at": "2024-05-31"},
    "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [2, 2], [2, 1], [1, 1], [1, 2]]]},
}  # fmt: skip
COLLECTION = {
    "type": "FeatureCollection", "features": [FEATURE],
    "crs": {"type": "name", "properties": {"name": "EPSG:4326"}},
}  # fmt: skip
CSV = b"path,id,latitude,longitude,ground_m,captured_at\na.jpg,one,50.1 N,14.4,100,2024-05-31\n"


@cache
def samples() -> dict[str, bytes]:
    """A small whole file of each kind, by its file name."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        tiles = tile_folder(folder / "tiles", 2, 2)
        meta = (("bounds", BOUNDS_TEXT), ("scheme", "tms"), ("maxzoom", "19"))
        buffer = io.BytesIO()
        picture(1).save(buffer, "AVIF")
        return {
            "a.tif": geotiff(folder / "a.tif"),
            "tiled.tif": geotiff(
                folder / "b.tif", tiled=True, blockxsize=16, blockysize=16, compress="deflate"
            ),
            "float.tif": geotiff(folder / "c.tif", dtype="float32", nodata=-9999),
            "points.tif": geotiff(folder / "d.tif", gcps=POINTS),
            "a.mbtiles": mbtiles(folder / "a.mbtiles", tiles, metadata=meta).read_bytes(),
            "a.pmtiles": pm_tiles(folder / "a.pmtiles", tiles).read_bytes(),
            "photos/a.jpg": photo(folder / "p.jpg", SOUTH_EAST, xmp(DJI)).read_bytes(),
            "photos/a.png": photo(folder / "p.png", SOUTH_EAST, xmp(DJI)).read_bytes(),
            "photos/a.webp": photo(folder / "p.webp", SOUTH_EAST, xmp(DJI)).read_bytes(),
            "photos/a.tif": photo(folder / "p.tif", SOUTH_EAST, xmp(DJI)).read_bytes(),
            "photos/a.heic": HEIC,
            "photos/a.avif": buffer.getvalue(),
            "t.csv": CSV,
            "t.txt": b"EPSG:32633\na.jpg 500000 5500000 200 1 2 3\n",
            "bare/t.csv": b"# remark\na.jpg,50.1,14.4,200\n",
            "arc/conf.xml": CONF_XML.format(**MERCATOR).encode(),
            "a.jp2": jp2(folder / "a.jp2", folder / "a.tif"),
            "brotli.pmtiles": packed(folder / "b.pmtiles", tiles, Compression.BROTLI),
            "zstd.pmtiles": packed(folder / "z.pmtiles", tiles, Compression.ZSTD),
            "t.geojson": json.dumps(COLLECTION).encode(),
            "set/test/gps.csv": b"id,latitude,longitude\n1,50.1,14.4\n",
            "set/Dense_GPS_ALL.txt": b"x/test/query_drone/1/a.jpg E120.3 N30.3 94.5\n",
            "tiles/tiles.json": json.dumps({"scheme": "tms", "bounds": [1, 2, 3, 4]}).encode(),
        }


KINDS = tuple(samples())


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with a few changes, mostly near the beginning, where headers lie."""
    result = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        reach = draw(st.sampled_from([64, 512, max(1, len(result))]))
        at = draw(st.integers(0, max(0, min(reach, len(result)) - 1)))
        change = draw(st.sampled_from(["set", "flip", "insert", "delete", "cut", "number"]))
        if change == "set":
            result[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
        elif change == "flip" and result:
            result[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "insert":
            result[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif change == "delete":
            del result[at : at + draw(st.integers(1, 16))]
        elif change == "number":
            size = draw(st.sampled_from([2, 4, 8]))
            result[at : at + size] = draw(st.sampled_from([b"\xff", b"\x00", b"\x7f"])) * size
        else:
            del result[at:]
    return bytes(result)


def look_at(folder: Path, name: str, data: bytes) -> None:
    """Write a file among whole ones, open what it belongs to, and read a few of its images."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if name.startswith("t."):
        (folder / "a.jpg").write_bytes(samples()["photos/a.jpg"])
    if name.startswith("bare/"):
        (folder / "bare" / "a.jpg").write_bytes(samples()["photos/a.jpg"])
    if name.startswith("arc/"):
        tile = folder / "arc" / f"L{LEVEL}" / f"R{FIRST_Y:08x}" / f"C{FIRST_X:08x}.png"
        tile.parent.mkdir(parents=True, exist_ok=True)
        picture(1).save(tile)
    if name.startswith("set/"):
        target = folder / "set" / "test" / "query_drone" / "1" / "a.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(samples()["photos/a.jpg"])
    if name.startswith("tiles/"):
        tile_folder(folder / "tiles", 1, 1)
    whole = folder / name.split("/")[0]
    options = SourceOptions(
        view="drone" if name.startswith("set/") else None,
        tile_m=(32.0,) if name.endswith(".tif") else (),
    )
    try:
        source = open_source(whole, options)
        source.check(budget_s=1.0)
        source.count(budget_s=0.5)
        for candidate in islice(source.candidates(), 8):
            try:
                candidate.read()
            except EXPECTED:
                continue
        source.extent()
    except EXPECTED:
        pass
    if name == "t.geojson":
        with suppress(*EXPECTED):
            read_polygons(file)
    photo_position(data)


def fuzz(name: str, data: bytes) -> None:
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        look_at(Path(folder), name, data)
    assert time.process_time() - began < SLOWEST_S, f"{name} hangs"


@pytest.mark.parametrize("name", KINDS)
def test_whole_samples_are_read(tmp_path, name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        look_at(tmp_path, name, samples()[name])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_header_ends_in_an_answer_or_in_one_line(name) -> None:
    run = settings(
        max_examples=12 if not SECONDS else 200,
        deadline=None,
        derandomize=not SECONDS,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(given(damaged(samples()[name]))(lambda data: fuzz(name, data)))
    ends = time.monotonic() + SECONDS / len(KINDS)
    run()
    while time.monotonic() < ends:
        run()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(damaged(xmp(DJI)))
def test_a_damaged_xmp_packet_gives_values_or_none(packet: bytes) -> None:
    assert isinstance(dict(read_xmp(packet)), dict)


def test_a_database_of_nonsense_tiles_is_one_line(tmp_path) -> None:
    path = tmp_path / "a.mbtiles"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        rows = [(2**40, 1, 1, b"x"), (-1, 1, 1, b"x"), ("a", "b", "c", "d"), (3, 1.5, 1, b"x"),
                (3, 2**60, -5, b"x"), (3, 1, 1, 5)]  # fmt: skip
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    database.close()
    fuzz("a.mbtiles", path.read_bytes())
