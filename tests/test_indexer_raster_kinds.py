"""Rasters as tools write them: turned grids, odd samples, control points, absurd sizes."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from indexer_samples import picture
from pyproj import Geod
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC

from indexer.building import operations
from indexer.errors import (
    EmptySourceError,
    NoPictureError,
    NotGeoreferencedError,
    SourceError,
    TooManyTilesError,
    UnknownSourceError,
)
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.reading import SkippedImage

UTM33, SIDE = "EPSG:32633", 400
NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000)


def rgb() -> np.ndarray:
    return np.asarray(picture(1, SIDE)).transpose(2, 0, 1)


def write(
    path: Path, bands: np.ndarray, transform: Affine | None = NORTH_UP, crs=UTM33, **more
) -> Path:
    place = {} if transform is None else {"transform": transform}
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=crs, **place, **more,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return path


def tiles(path: Path, **options):
    wanted = {"tile_m": (100.0,), "overlap": 0.0, **options}
    return list(open_source(path, SourceOptions(**wanted)).candidates())


def only_tile(path: Path) -> np.ndarray:
    (tile,) = tiles(path, tile_m=(200.0,))
    return np.asarray(tile.read().image).astype(int)


@pytest.mark.parametrize(
    ("bands", "transform"),
    [
        (rgb()[:, ::-1], Affine(0.5, 0, 500_000, 0, 0.5, 5_499_800)),
        (rgb()[:, :, ::-1], Affine(-0.5, 0, 500_200, 0, -0.5, 5_500_000)),
        (rgb().transpose(0, 2, 1), Affine(0, 0.5, 500_000, -0.5, 0, 5_500_000)),
        (rgb()[:, ::-1, ::-1].transpose(0, 2, 1), Affine(0, -0.5, 500_200, 0.5, 0, 5_499_800)),
    ],
    ids=["rows from the south", "columns from the east", "exchanged", "exchanged, both turned"],
)
def test_a_mirrored_grid_gives_the_tiles_of_the_map_that_is_north_up(
    tmp_path, bands, transform
) -> None:
    plain = tiles(write(tmp_path / "map.tif", rgb(), photometric="RGB"))
    (tmp_path / "b").mkdir()
    turned = tiles(write(tmp_path / "b" / "map.tif", bands.copy(), transform, photometric="RGB"))
    assert len(turned) == 4
    for a, b in zip(plain, turned, strict=True):
        assert b.record.image_id == a.record.image_id
        np.testing.assert_allclose(b.record.corners, a.record.corners, atol=1e-9)
        np.testing.assert_allclose(np.asarray(b.read().image), np.asarray(a.read().image), atol=1)


def test_a_turned_grid_that_is_not_mirrored_stays_as_it_is(tmp_path) -> None:
    turned = Affine.translation(500_000, 5_500_000) @ Affine.rotation(-30) @ Affine.scale(0.5, -0.5)
    record = tiles(write(tmp_path / "map.tif", rgb(), turned))[0].record
    (top_left, _, _, bottom_left) = record.corners
    heading, _, _ = Geod(ellps="WGS84").inv(*bottom_left[::-1], *top_left[::-1])
    assert heading == pytest.approx(30.0, abs=0.2)


@pytest.mark.parametrize("sentinel", [-3.4028234663852886e38, -9999.0, np.inf, 1e20])
def test_an_undeclared_sentinel_is_no_data_and_leaves_the_stretch_alone(tmp_path, sentinel) -> None:
    samples = rgb().astype("float32") / 255
    declared = only_tile(write(tmp_path / "a.tif", samples, photometric="RGB"))
    samples[:, :, :100] = sentinel
    found = only_tile(write(tmp_path / "b.tif", samples, photometric="RGB"))
    assert found[:, :99].max() == 0
    assert np.abs(found[:, 101:] - declared[:, 101:]).mean() < 12


def test_the_lowest_value_of_a_plain_map_is_no_sentinel(tmp_path) -> None:
    samples = (rgb().astype("uint16") * 12) + 600
    samples[:, :50] = 0
    assert only_tile(write(tmp_path / "a.tif", samples, photometric="RGB"))[60:].min() > 0


def test_white_is_zero_ink_and_few_bits_keep_their_colours(tmp_path) -> None:
    grey = rgb()[:1]
    plain = only_tile(write(tmp_path / "grey.tif", grey))
    inverse = only_tile(write(tmp_path / "white.tif", 255 - grey, photometric="MINISWHITE"))
    np.testing.assert_allclose(inverse, plain, atol=3)
    ink = np.concatenate([255 - rgb(), np.zeros((1, SIDE, SIDE), np.uint8)])
    printed = only_tile(write(tmp_path / "ink.tif", ink, photometric="CMYK"))
    np.testing.assert_allclose(printed, rgb().transpose(1, 2, 0), atol=3)
    bits = only_tile(write(tmp_path / "bits.tif", (grey > 120).astype(np.uint8), nbits=1))
    assert set(np.unique(bits)) == {0, 255}
    wide = write(tmp_path / "wide.tif", grey.astype("uint16"), photometric="palette")
    with rasterio.open(wide, "r+") as dataset:
        dataset.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})
    np.testing.assert_allclose(only_tile(wide)[..., 0], grey[0], atol=30)


def test_bands_are_taken_by_their_colour_not_by_their_place(tmp_path) -> None:
    path = write(tmp_path / "bgr.tif", rgb()[::-1].copy())
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    np.testing.assert_allclose(only_tile(path), rgb().transpose(1, 2, 0), atol=3)


def test_a_complex_raster_is_refused_and_does_not_stop_a_folder(tmp_path, embedder) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    bad = write(folder / "a_slc.tif", rgb()[:1].astype("complex64"))
    with pytest.raises(NoPictureError, match=r"^a_slc\.tif holds complex samples"):
        tiles(bad)
    write(folder / "b.tif", rgb(), photometric="RGB")
    source = open_source(folder, SourceOptions(tile_m=(100.0,), overlap=0.0))
    outcome = operations.build(tmp_path / "s", "map", source, embedder)
    assert (outcome.size, outcome.tally.failed) == (4, 1)


def test_tiles_of_one_colour_are_skipped(tmp_path, embedder) -> None:
    bands = rgb().copy()
    bands[:, :200, :200] = 77
    path = write(tmp_path / "sea.tif", bands, photometric="RGB")
    first, *_ = tiles(path)
    with pytest.raises(SkippedImage, match="of one colour"):
        first.read()
    source = open_source(path, SourceOptions(tile_m=(100.0,), overlap=0.0))
    outcome = operations.build(tmp_path / "s", "map", source, embedder)
    assert (outcome.size, outcome.tally.skipped) == (3, 1)
    constant = write(tmp_path / "flat.tif", np.full((3, SIDE, SIDE), 9, np.uint8))
    with pytest.raises(EmptySourceError, match="of one colour"):
        operations.build(
            tmp_path / "s", "flat", open_source(constant, SourceOptions(tile_m=(100.0,))), embedder
        )


def test_ground_control_points_place_a_map(tmp_path) -> None:
    ends = {(0, 0): (15.0, 50.0), (0, SIDE): (15.01, 50.001), (SIDE, 0): (14.999, 49.994)}
    points = [GroundControlPoint(row, col, *place) for (row, col), place in ends.items()]
    ramp = np.linspace(20, 220, SIDE, dtype=np.float32)
    bands = np.stack([np.broadcast_to(ramp, (SIDE, SIDE)), np.broadcast_to(ramp, (SIDE, SIDE)).T])
    path = tmp_path / "points.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=SIDE, width=SIDE, dtype="uint8", gcps=points,
        crs="EPSG:4326", photometric="RGB",
    ) as dataset:  # fmt: skip
        dataset.write(np.concatenate([bands, bands[:1]]).astype(np.uint8))
    found = tiles(path, tile_m=(100.0,), min_opaque=1.0)
    checked = 0
    for tile in found:
        try:
            shown = np.asarray(tile.read().image).astype(float)
        except SkippedImage:
            continue
        # Where the points put the tile's centre in the picture, in parts of its sides.
        offset = tile.record.longitude - 15.0, tile.record.latitude - 50.0
        across, down = np.linalg.solve([[0.01, -0.001], [0.001, -0.006]], offset)
        middle = len(shown) // 2
        assert shown[middle, middle, 0] == pytest.approx(20 + 200 * across, abs=2)
        assert shown[middle, middle, 1] == pytest.approx(20 + 200 * down, abs=2)
        checked += 1
    assert checked >= 10


def test_control_points_on_one_line_are_refused_in_one_line(tmp_path) -> None:
    points = [GroundControlPoint(at, at, 15.0 + at / 1e4, 50.0 + at / 1e4) for at in (0, 200, 400)]
    path = tmp_path / "line.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=SIDE, width=SIDE, dtype="uint8", gcps=points,
        crs="EPSG:4326", photometric="RGB",
    ) as dataset:  # fmt: skip
        dataset.write(rgb())
    with pytest.raises(SourceError, match=r"^line\.tif "):
        tiles(path)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_the_refusal_of_a_map_with_rpc_only_names_orthorectification(tmp_path) -> None:
    path = write(tmp_path / "scene.tif", rgb(), None, None)
    with rasterio.open(path, "r+") as dataset:
        dataset.rpcs = RPC(
            err_bias=1.0, err_rand=1.0, height_off=100, height_scale=100, lat_off=50,
            lat_scale=0.1, long_off=15, long_scale=0.1, line_off=200, line_scale=200,
            samp_off=200, samp_scale=200, line_den_coeff=[1.0] + [0.0] * 19,
            line_num_coeff=[0.0, 0.0, -1.0] + [0.0] * 17, samp_den_coeff=[1.0] + [0.0] * 19,
            samp_num_coeff=[0.0, 1.0] + [0.0] * 18,
        )  # fmt: skip
    with pytest.raises(NotGeoreferencedError, match=r"\(RPC\) only.*gdalwarp -rpc"):
        tiles(path)


def sparse(path: Path, side: int, gsd: float) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=side, width=side, dtype="uint8", crs=UTM33,
        transform=Affine(gsd, 0, 399_960, 0, -gsd, 5_600_040), tiled=True, SPARSE_OK="TRUE",
        compress="deflate", photometric="RGB",
    ):  # fmt: skip
        pass
    return path


def test_tiles_of_a_few_pixels_are_refused_with_a_size_that_fits(tmp_path, embedder) -> None:
    source = open_source(sparse(tmp_path / "coarse.tif", 10_980, 10.0), SourceOptions())
    with pytest.raises(TooManyTilesError, match=r"would have 15 pixels.*--tile-m 2600"):
        operations.build(tmp_path / "s", "map", source, embedder)
    assert not (tmp_path / "s").exists()


def test_too_many_tiles_are_counted_and_refused_at_once(tmp_path, embedder) -> None:
    source = open_source(sparse(tmp_path / "vast.tif", 300_000, 0.5), SourceOptions())
    began = time.process_time()
    with pytest.raises(TooManyTilesError, match=r"about 1\d,\d{3},\d{3} tiles.*--bbox"):
        operations.build(tmp_path / "s", "map", source, embedder)
    assert time.process_time() - began < 5.0, "counted, not enumerated"


@pytest.mark.parametrize(
    "area",
    [
        {},
        {"bounds": (15.0004, 49.651, 15.0016, 49.6521)},
        {"mask": (((49.6524, 15.0002), (49.6518, 15.0026), (49.6508, 15.0001)),)},
    ],
    ids=["all", "box", "mask"],
)
def test_the_count_is_that_of_the_candidates(tmp_path, area) -> None:
    source = open_source(
        write(tmp_path / "map.tif", rgb()), SourceOptions(tile_m=(16.0, 30.0), **area)
    )
    found = [candidate.record for candidate in source.candidates()]
    every = [candidate.record for candidate in source.everything()]
    held = [one for one in every if source.options.hold(one.latitude, one.longitude)]
    assert found == held
    assert source.count().number == len(found) > 0
    assert source.count().exact
    assert all(a != b for a, b in pairwise(found))


def test_a_sample_of_the_rows_counts_a_vast_map_within_a_percent(tmp_path) -> None:
    path = sparse(tmp_path / "long.tif", 20_000, 10.0)
    source = open_source(path, SourceOptions(tile_m=(330.0,), overlap=0.75))
    exact = sum(len(row.lefts_N) for rows in source.cuts() for row in rows.all())
    assert not source.count().exact
    assert source.count().number == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("name", "driver"), [("a.jp2", "JP2OpenJPEG"), ("a.img", "HFA"), ("a.gpkg", "GPKG"),
                         ("a.vrt", "VRT")],
)  # fmt: skip
def test_other_raster_formats_give_the_tiles_of_the_geotiff(tmp_path, name, driver) -> None:
    tif = write(tmp_path / "a.tif", rgb(), photometric="RGB")
    other = tmp_path / "other" / name
    other.parent.mkdir()
    lossless = {
        "JP2OpenJPEG": {"QUALITY": "100", "REVERSIBLE": "YES"},
        "GPKG": {"TILE_FORMAT": "PNG"},
    }
    rasterio.shutil.copy(tif, other, driver=driver, **lossless.get(driver, {}))
    expected, found = tiles(tif), tiles(other)
    assert [one.record.corners for one in found] == [one.record.corners for one in expected]
    difference = only_tile(other) - only_tile(tif)
    assert np.abs(difference).max() <= 1
    assert open_source(other, SourceOptions()).kind == "raster map"


def test_jpeg_2000_maps_of_a_folder_are_read_and_a_virtual_mosaic_is_no_second_map(
    tmp_path,
) -> None:
    tif = write(tmp_path / "a.tif", rgb(), photometric="RGB")
    rasterio.shutil.copy(tif, tmp_path / "b.jp2", driver="JP2OpenJPEG")
    rasterio.shutil.copy(tif, tmp_path / "all.vrt", driver="VRT")
    names = {one.record.source for one in tiles(tmp_path)}
    assert names == {"a.tif", "b.jp2"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("map.ecw", "map.ecw needs a licensed reader"),
        ("photos.zip", "photos.zip is an archive; unpack it"),
        ("cache.tpkx", "cache.tpkx is an ArcGIS tile package"),
        ("DJI_0001.DNG", "DJI_0001.DNG is a raw photo"),
        ("flight.MP4", "flight.MP4 is a video"),
        ("model.obj", "model.obj is a model; safenet-world fly"),
        ("roads.shp", "roads.shp holds vectors"),
        ("a.jgw", "a.jgw is a world file, .* gdal_translate -a_srs"),
        ("a.xyzzy", "give a GeoTIFF"),
    ],
)
def test_a_file_that_no_reader_knows_is_named_with_what_to_do(tmp_path, name, why) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / name
    file.write_bytes(b"anything")
    for given in (file, file.parent):
        with pytest.raises(UnknownSourceError, match=why):
            open_source(given, SourceOptions())


def test_the_refusal_of_an_image_with_a_world_file_names_gdal_translate(tmp_path) -> None:
    picture(1).save(tmp_path / "a.jpg")
    with pytest.raises(UnknownSourceError, match=r"a\.jpg is one image; give the folder"):
        open_source(tmp_path / "a.jpg", SourceOptions())
    (tmp_path / "a.jgw").write_text("0.5\n0\n0\n-0.5\n500000\n5500000\n")
    with pytest.raises(UnknownSourceError, match=r"gdal_translate -a_srs"):
        open_source(tmp_path / "a.jpg", SourceOptions())
    with pytest.raises(UnknownSourceError, match=r"nothing says where .* gdal_translate -a_srs"):
        open_source(tmp_path, SourceOptions())
