"""Tiles whose files are not named {z}/{x}/{y}: each layout read, or named with what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from indexer_samples import FIRST_X, FIRST_Y, ZOOM, picture, tile_folder

from indexer.errors import SourceError, UnknownSourceError
from indexer.geo import tile_corner
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.tiles.quadkeys import address_of, quadkey

LEVEL = ZOOM - 3
CONF_XML = """<CacheInfo><TileCacheInfo><SpatialReference><WKID>{wkid}</WKID></SpatialReference>
<TileOrigin><X>{x}</X><Y>20037508.342787</Y></TileOrigin><TileCols>{side}</TileCols><LODInfos>
<LODInfo><LevelID>{level}</LevelID><Scale>1128.5</Scale><Resolution>{resolution}</Resolution>
</LODInfo></LODInfos></TileCacheInfo></CacheInfo>"""
MERCATOR = {"wkid": 102100, "x": -20037508.342787, "side": 256, "level": LEVEL,
            "resolution": 0.29858214164761665}  # fmt: skip


def tile_cache(x: int, y: int) -> str:
    """The TileCache name of an address, whose rows count from the south."""
    y = 2**ZOOM - 1 - y
    parts = [f"{value:09d}" for value in (x, y)]
    return "/".join([f"{ZOOM:02d}", *(part[at : at + 3] for part in parts for at in (0, 3, 6))])


NAMES: dict[str, Callable[[int, int], str]] = {
    "arcgis": lambda x, y: f"L{ZOOM:02d}/R{y:08x}/C{x:08x}.png",
    "arcgis_all_layers": lambda x, y: f"_alllayers/L{ZOOM:02d}/R{y:08X}/C{x:08X}.png",
    "arcgis_hex_level": lambda x, y: f"L{ZOOM:02x}/R{y:08x}/C{x:08x}.png",
    "underscores": lambda x, y: f"{ZOOM}_{x}_{y}.png",
    "dashes": lambda x, y: f"{ZOOM}-{x}-{y}.png",
    "dots": lambda x, y: f"{ZOOM}.{x}.{y}.png",
    "prefix": lambda x, y: f"tile_{ZOOM}_{x}_{y}.PNG",
    "flat_in_folders": lambda x, y: f"{ZOOM}/{ZOOM}_{x}_{y}.png",
    "quadkeys": lambda x, y: f"{quadkey(ZOOM, x, y)}.png",
    "sas_planet": lambda x, y: f"z{ZOOM + 1}/{x // 1024}/x{x}/{y // 1024}/y{y}.png",
    "tile_cache": lambda x, y: f"{tile_cache(x, y)}.png",
}


def renamed(folder: Path, name: Callable[[int, int], str]) -> Path:
    plain = tile_folder(folder.with_name("plain"), 2, 3)
    for file in plain.rglob("*.png"):
        target = folder / name(int(file.parent.name), int(file.stem))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return folder


def places(path: Path) -> dict[str, tuple[float, float]]:
    source = open_source(path, SourceOptions())
    return {
        one.record.image_id: (one.record.latitude, one.record.longitude)
        for one in source.candidates()
    }


EXPECTED = {
    f"{ZOOM}-{x}-{y}": pytest.approx(tile_corner(ZOOM, x + 0.5, y + 0.5), abs=1e-9)
    for x in (FIRST_X, FIRST_X + 1)
    for y in (FIRST_Y, FIRST_Y + 1, FIRST_Y + 2)
}


@pytest.mark.parametrize("layout", NAMES)
def test_tiles_of_every_layout_lie_where_they_belong(tmp_path, layout) -> None:
    folder = renamed(tmp_path / "tiles", NAMES[layout])
    assert places(folder) == EXPECTED
    first = next(open_source(folder, SourceOptions()).candidates())
    assert first.read().image.getpixel((30, 30)) == picture(0).getpixel((30, 30))


def test_levels_of_an_arcgis_cache_are_what_its_conf_xml_says(tmp_path) -> None:
    folder = renamed(
        tmp_path / "Layers", lambda x, y: f"_alllayers/L{LEVEL:02d}/R{y:08x}/C{x:08x}.png"
    )
    (folder / "conf.xml").write_text(CONF_XML.format(**MERCATOR))
    assert places(folder) == EXPECTED
    assert places(folder / "_alllayers") == EXPECTED
    assert not any("levels" in note for note in open_source(folder, SourceOptions()).notes)


def test_larger_tiles_of_an_arcgis_cache_have_the_zoom_of_their_side(tmp_path) -> None:
    folder = renamed(tmp_path / "c", lambda x, y: f"L{LEVEL:02d}/R{y:08x}/C{x:08x}.png")
    half = MERCATOR | {"side": 512, "resolution": 0.29858214164761665 / 2}
    (folder / "conf.xml").write_text(CONF_XML.format(**half))
    assert places(folder) == EXPECTED


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"wkid": 5514}, "EPSG:5514"),
        ({"x": -400}, "another origin"),
        ({"resolution": 0.5}, "0.5 m a pixel"),
        ({"resolution": "much"}, "much m a pixel"),
    ],
)
def test_an_arcgis_cache_in_another_scheme_is_refused(tmp_path, change, named) -> None:
    folder = renamed(tmp_path / "c", lambda x, y: f"L{LEVEL:02d}/R{y:08x}/C{x:08x}.png")
    (folder / "conf.xml").write_text(CONF_XML.format(**(MERCATOR | change)))
    with pytest.raises(SourceError, match=rf"c/conf\.xml: its tiles are in .*{named}.*GeoTIFF"):
        open_source(folder, SourceOptions())


def test_an_arcgis_cache_without_conf_xml_is_read_with_a_note(tmp_path) -> None:
    source = open_source(renamed(tmp_path / "c", NAMES["arcgis"]), SourceOptions())
    assert source.kind == "ArcGIS tile cache"
    assert any("no conf.xml" in note for note in source.notes)


@pytest.mark.parametrize("place", ["_alllayers/L05/R0080C0080.bundle", "L05/R0080C0080.bundle"])
def test_a_compact_arcgis_cache_is_named_with_what_to_do(tmp_path, place) -> None:
    file = tmp_path / "c" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(b"bundle")
    (tmp_path / "c/conf.xml").write_text(CONF_XML.format(**MERCATOR))
    with pytest.raises(UnknownSourceError, match=r"compact cache .*gdal_translate"):
        open_source(tmp_path / "c", SourceOptions())


def test_previews_beside_tiles_are_left_aside_with_a_note(tmp_path) -> None:
    folder = renamed(tmp_path / "c", NAMES["arcgis"])
    for x in range(9):
        shutil.copy(next(folder.rglob("*.png")), folder / f"L{ZOOM}" / f"R{5:08x}C{x}.png")
    with pytest.raises(UnknownSourceError):
        open_source(folder, SourceOptions())
    for file in folder.rglob("R*C*.png"):
        file.unlink()
    for x in range(20):
        target = folder / f"L{ZOOM}" / f"R{FIRST_Y:08x}" / f"C{x:08x}.png"
        shutil.copy(next(folder.rglob("C*.png")), target)
    (folder / "esriinfo").mkdir()
    picture(1).save(folder / "esriinfo/thumbnail.png")
    assert any("1 images with other names" in n for n in open_source(folder, SourceOptions()).notes)


@pytest.mark.parametrize("names", ["12_05_2024.jpg", "0000000012.jpg", "DJI_20_04_0012.jpg"])
def test_photos_whose_names_resemble_tiles_are_no_tiles(tmp_path, names) -> None:
    picture(1).resize((80, 60)).save(tmp_path / names)
    with pytest.raises(UnknownSourceError, match="nothing says where they are"):
        open_source(tmp_path, SourceOptions())


def test_a_table_counts_before_the_names_of_its_images(tmp_path) -> None:
    folder = renamed(tmp_path / "t", NAMES["underscores"])
    name = f"{ZOOM}_{FIRST_X}_{FIRST_Y}.png"
    (folder / "places.csv").write_text(f"path,latitude,longitude\n{name},1,2\n")
    assert places(folder) == {name.removesuffix(".png"): (1.0, 2.0)}


@pytest.mark.parametrize(
    ("key", "address"), [("213", (3, 3, 5)), ("0", (1, 0, 0)), ("120200", (6, 32, 20))]
)
def test_quadkeys_are_those_of_bing_maps(key, address) -> None:
    assert address_of(key) == address
    assert quadkey(*address) == key
