"""GeoTIFFs of many kinds, made with rasterio on the spot."""

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from indexer_samples import picture, tile_folder
from pyproj import Geod, Transformer
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from indexer.building import operations
from indexer.errors import EmptySourceError, NotGeoreferencedError, SourceError
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source

GEOD = Geod(ellps="WGS84")
UTM33 = "EPSG:32633"
SIDE = 400


def rgb(side: int = SIDE, seed: int = 1) -> np.ndarray:
    return np.asarray(picture(seed, side)).transpose(2, 0, 1)


def write(path: Path, bands: np.ndarray, crs: str | None, transform: Affine, **more) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=crs, transform=transform, **more,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return path


def utm(tmp_path: Path, bands: np.ndarray | None = None, **more) -> Path:
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000)
    return write(
        tmp_path / "ortho.tif", rgb() if bands is None else bands, UTM33, transform, **more
    )


def tiles(path: Path, **options):
    """Side by side unless told otherwise, to be counted easily."""
    return list(open_source(path, SourceOptions(**{"overlap": 0.0, **options})).candidates())


def metres(a, b) -> float:
    return GEOD.inv(a[1], a[0], b[1], b[0])[2]


def test_tiles_have_the_ground_size_asked_for_and_cover_the_map(tmp_path) -> None:
    found = tiles(utm(tmp_path), tile_m=(50.0, 100.0))
    assert len(found) == 16 + 4
    for candidate in found:
        wanted = 100.0 if "-100m-" in candidate.record.image_id else 50.0
        a, b, c, _ = candidate.record.corners
        assert metres(a, b) == pytest.approx(wanted, rel=1e-3)
        assert metres(b, c) == pytest.approx(wanted, rel=1e-3)
    there = Transformer.from_crs(UTM33, 4326, always_xy=True)
    lon, lat = there.transform(500_025, 5_499_975)
    assert metres((lat, lon), (found[0].record.latitude, found[0].record.longitude)) < 0.1


def test_overlap_one_half_halves_the_step(tmp_path) -> None:
    found = tiles(utm(tmp_path), tile_m=(100.0,), overlap=0.5)
    usual = list(open_source(utm(tmp_path), SourceOptions(tile_m=(100.0,))).candidates())
    assert len(found) == 9
    assert len(usual) == 25  # quarter steps
    assert {tile.record.image_id for tile in found} < {tile.record.image_id for tile in usual}
    a, b = found[0].record, found[1].record
    assert metres((a.latitude, a.longitude), (b.latitude, b.longitude)) == pytest.approx(
        50, rel=0.01
    )


@pytest.mark.parametrize(
    ("crs", "x", "y", "step"),
    [
        ("EPSG:3857", 1_922_000.0, 6_360_000.0, 0.5),
        ("EPSG:4326", 17.26, 49.52, 5e-6),
        ("EPSG:2056", 2_600_000.0, 1_200_000.0, 0.5),
        ("EPSG:3031", 1_000.0, 2_000.0, 0.5),
        ("EPSG:3413", -500.0, 300.0, 0.5),
        ("EPSG:32760", 829_000.0, 8_000_000.0, 0.5),
    ],
)
def test_corners_are_right_under_any_projection(tmp_path, crs, x, y, step) -> None:
    path = write(tmp_path / "map.tif", rgb(), crs, Affine(step, 0, x, 0, -step, y))
    there = Transformer.from_crs(crs, 4326, always_xy=True)
    found = tiles(path, tile_m=(60.0,))
    assert found
    lon, lat = there.transform(x, y)
    assert metres((lat, lon), found[0].record.corners[0]) < 0.01, "the first corner is the map's"
    for candidate in found:
        corners = candidate.record.corners
        assert metres(corners[0], corners[1]) == pytest.approx(60.0, rel=0.01)
        assert all(-180 <= longitude < 180 for _, longitude in corners)
        half = max(
            metres((candidate.record.latitude, candidate.record.longitude), c) for c in corners
        )
        assert half == pytest.approx(60.0 / math.sqrt(2), rel=0.02)


def test_a_map_across_the_antimeridian_has_boxes_with_west_above_east(tmp_path) -> None:
    path = write(
        tmp_path / "fiji.tif", rgb(), "EPSG:4326", Affine(1e-5, 0, 179.998, 0, -1e-5, -17.0)
    )
    boxes = [candidate.record.bounds for candidate in tiles(path, tile_m=(100.0,))]
    crossing = [box for box in boxes if box[0] > box[2]]
    assert crossing
    assert all(box[0] > 179 and box[2] < -179 for box in crossing)


def test_pixels_come_from_their_place(tmp_path) -> None:
    bands = np.zeros((3, 200, 200), dtype=np.uint8)
    bands[0, :100, :100], bands[1, :100, 100:] = 250, 250
    bands[2, 100:, :100], bands[:, 100:, 100:] = 250, 120
    bands[:, ::100, ::100] = 128  # a tile of one colour would be skipped
    found = tiles(utm(tmp_path, bands), tile_m=(50.0,), min_opaque=0.0)
    seen = [np.asarray(c.read().image).mean(axis=(0, 1)).round().tolist() for c in found]
    assert seen == [[250, 0, 0], [0, 250, 0], [0, 0, 250], [120, 120, 120]]


def test_nodata_is_skipped_by_its_share_and_drawn_black(tmp_path, embedder) -> None:
    bands = rgb() // 2 + 100
    bands[:, :, 250:] = 0
    path = utm(tmp_path, bands, nodata=0)
    outcome = operations.build(
        tmp_path, "map", open_source(path, SourceOptions(tile_m=(100.0,), overlap=0.0)), embedder
    )
    assert (outcome.size, outcome.tally.skipped) == (2, 2)


def test_one_band_four_bands_alpha_palette_and_16_bit_all_work(tmp_path) -> None:
    grey = utm(tmp_path, rgb()[:1])
    assert tiles(grey, tile_m=(200.0,))[0].read().image.mode == "RGB"
    with_infrared = np.concatenate([rgb(), rgb(seed=9)[:1]])
    four = utm(tmp_path, with_infrared, photometric="RGB", alpha="NO")
    np.testing.assert_allclose(
        np.asarray(tiles(four, tile_m=(200.0,))[0].read().image), rgb().transpose(1, 2, 0), atol=1
    )
    alpha = np.concatenate([rgb(), np.zeros((1, SIDE, SIDE), np.uint8)])
    alpha[3, :, :300] = 255
    transparent = utm(tmp_path, alpha)
    with rasterio.open(transparent, "r+") as dataset:
        dataset.colorinterp = [
            ColorInterp.red,
            ColorInterp.green,
            ColorInterp.blue,
            ColorInterp.alpha,
        ]
    seen = np.asarray(tiles(transparent, tile_m=(200.0,))[0].read().image)
    assert seen[:, 301:].max() == 0
    assert seen[:, :299].max() > 0
    palette = utm(tmp_path, np.full((1, SIDE, SIDE), 7, np.uint8), photometric="palette")
    with rasterio.open(palette, "r+") as dataset:
        dataset.write_colormap(1, {0: (9, 9, 9, 255), 7: (10, 200, 30, 255)})
        dataset.write(np.zeros((1, 1, 1), np.uint8), window=Window(0, 0, 1, 1))
    assert tiles(palette, tile_m=(200.0,))[0].read().image.getpixel((50, 50)) == (10, 200, 30)


def test_16_bit_is_stretched_over_the_whole_map_alike(tmp_path) -> None:
    ramp = np.linspace(1000, 3000, SIDE, dtype=np.uint16)
    bands = np.broadcast_to(ramp, (3, SIDE, SIDE)).copy()
    found = tiles(utm(tmp_path, bands), tile_m=(100.0,))
    left, right = (np.asarray(found[i].read().image).mean() for i in (0, 1))
    assert left == pytest.approx(63, abs=8)
    assert right == pytest.approx(191, abs=8)


def test_a_cog_with_overviews_is_read_and_resampled_to_the_gsd(tmp_path) -> None:
    plain = utm(tmp_path, rgb(1200))
    cog = tmp_path / "cog.tif"
    from rasterio.shutil import copy

    copy(plain, cog, driver="COG", blocksize=256)
    (tile,) = tiles(cog, tile_m=(600.0,), gsd_m=4.0)
    picture = tile.read()
    assert (picture.width_px, picture.height_px) == (150, 150)
    assert tile.record.gsd_m == pytest.approx(4.0)


def test_bounds_and_mask_keep_only_tiles_whose_centre_is_inside(tmp_path) -> None:
    path = utm(tmp_path)
    first = tiles(path, tile_m=(50.0,))[0].record
    west, south, east, north = first.bounds
    inside = tiles(path, tile_m=(50.0,), bounds=(west, south, east, north))
    assert [candidate.record.image_id for candidate in inside] == [first.image_id]
    ring = ((north, west), (north, east), (south, east), (south, west))
    masked = tiles(path, tile_m=(50.0,), mask=(ring,))
    assert [candidate.record.image_id for candidate in masked] == [first.image_id]


def test_a_tiff_without_a_reference_system_is_refused(tmp_path) -> None:
    path = write(tmp_path / "plain.tif", rgb(), None, Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000))
    with pytest.raises(NotGeoreferencedError, match=r"plain\.tif has no coordinate reference"):
        open_source(path, SourceOptions())


@pytest.mark.parametrize("share", [0.5, 0.9, 0.001])
def test_a_tiff_cut_off_is_refused(tmp_path, share) -> None:
    path = utm(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SourceError, match=r"ortho\.tif.*cut off"):
        open_source(path, SourceOptions())


def test_a_folder_of_geotiffs_counts_the_broken_one_and_goes_on(tmp_path, embedder) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    for number in range(2):
        transform = Affine(0.5, 0, 500_000 + 200 * number, 0, -0.5, 5_500_000)
        write(folder / f"m{number}.tif", rgb(seed=number), UTM33, transform)
    write(folder / "m9.tif", rgb(), None, Affine(1, 0, 5, 0, -1, 5))
    source = open_source(folder, SourceOptions(tile_m=(100.0,), overlap=0.0))
    outcome = operations.build(tmp_path / "s", "maps", source, embedder)
    assert (outcome.size, outcome.tally.failed) == (8, 1)
    assert "m9.tif has no coordinate" in (tmp_path / "s" / "maps" / "failed.csv").read_text()
    gallery = Gallery.open(tmp_path / "s", "maps", embedder=embedder)
    assert {record.source for record in gallery.records()} == {"m0.tif", "m1.tif"}
    gallery.close()


def places(path: Path, **options) -> dict[str, tuple[float, float]]:
    return {
        tile.record.image_id: (tile.record.latitude, tile.record.longitude)
        for tile in tiles(path, **options)
    }


def test_an_id_names_one_place_whatever_the_overlap(tmp_path, embedder) -> None:
    path = utm(tmp_path)
    apart, half, most = (
        places(path, tile_m=(50.0,), overlap=overlap) for overlap in (0.0, 0.5, 0.75)
    )
    assert set(apart) < set(half) < set(most)
    assert {"ortho-50m-r0-c0", "ortho-50m-r300-c200"} <= set(apart)
    assert "ortho-50m-r0-c50" in set(half) - set(apart)
    for image_id, place in (*apart.items(), *half.items()):
        assert metres(place, most[image_id]) < 1e-6


def test_a_map_cut_anew_with_another_overlap_brings_in_the_places_between(
    tmp_path, embedder
) -> None:
    path, store = utm(tmp_path), tmp_path / "store"
    apart, half = (
        open_source(path, SourceOptions(tile_m=(50.0,), overlap=overlap)) for overlap in (0.0, 0.5)
    )
    operations.build(store, "map", apart, embedder)
    outcome = operations.add(store, "map", half, embedder)
    assert (outcome.tally.added, outcome.tally.unchanged, outcome.size) == (33, 16, 49)
    again = operations.update(store, "map", embedder)
    assert (again.tally.added, again.tally.unchanged, again.size) == (0, 65, 49)
    gallery = Gallery.open(store, "map", embedder=embedder)
    found = {record.image_id: (record.latitude, record.longitude) for record in gallery.records()}
    gallery.close()
    wanted = places(path, tile_m=(50.0,), overlap=0.5)
    assert found.keys() == wanted.keys()
    assert all(metres(found[image_id], place) < 1e-6 for image_id, place in wanted.items())


def test_tiny_windows_keep_ids_of_their_own(tmp_path) -> None:
    found = places(utm(tmp_path, rgb(40)), tile_m=(1.0,), overlap=0.75)
    assert len(found) == 77 * 77


def test_a_size_given_twice_is_cut_once(tmp_path) -> None:
    path = utm(tmp_path)
    assert places(path, tile_m=(50.0, 50.0, 50.0000001)) == places(path, tile_m=(50.0,))


@pytest.mark.parametrize(
    ("crs", "transform", "reason"),
    [
        ("EPSG:4326", (0.5, 500_000, 5_500_000), "do not fit its CRS EPSG:4326"),
        (UTM33, (0.5, 5e8, 5.5e9), "do not fit its CRS EPSG:32633"),
        ('LOCAL_CS["site",UNIT["metre",1]]', (0.5, 500_000, 5_500_000), "CRS site has no place"),
    ],
)
def test_coordinates_that_lie_nowhere_are_refused_and_do_not_stop_a_folder(
    tmp_path, embedder, crs, transform, reason
) -> None:
    step, x, y = transform
    folder = tmp_path / "maps"
    folder.mkdir()
    bad = write(folder / "a.tif", rgb(), crs, Affine(step, 0, x, 0, -step, y))
    with pytest.raises(NotGeoreferencedError, match=rf"^a\.tif: .*{reason}.*; assign the right"):
        tiles(bad, tile_m=(100.0,))
    utm(folder)
    source = open_source(folder, SourceOptions(tile_m=(100.0,), overlap=0.0))
    outcome = operations.build(tmp_path / "s", "map", source, embedder)
    assert (outcome.size, outcome.tally.failed) == (4, 1)


def test_a_tiff_with_a_damaged_part_is_named(tmp_path) -> None:
    noise = np.random.default_rng(0).integers(0, 60_000, (3, SIDE, SIDE), dtype=np.uint16)
    path = utm(tmp_path, noise, compress="deflate")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data) // 3 + 4000):
        data[place] ^= 255
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"^ortho\.tif: a part of it cannot be read"):
        open_source(path, SourceOptions())


def test_a_tiff_of_separate_bands_cut_off_is_refused(tmp_path) -> None:
    path = utm(tmp_path, interleave="band")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"ortho\.tif.*cut off"):
        open_source(path, SourceOptions())


def test_a_map_smaller_than_its_tiles_is_told_so(tmp_path, embedder) -> None:
    source = open_source(utm(tmp_path), SourceOptions(tile_m=(1000.0,)))
    words = r"96 % of it has no data.* smaller --tile-m"
    with pytest.raises(EmptySourceError, match=words) as seen:
        operations.build(tmp_path / "s", "map", source, embedder)
    assert "failed.csv" not in str(seen.value)


def test_an_update_sees_each_changed_tile_of_a_map_cut_from_tiles(tmp_path, embedder) -> None:
    folder = tile_folder(tmp_path / "tiles", 4, 4)
    source = open_source(folder, SourceOptions(tile_m=(60.0,), overlap=0.0))
    size = operations.build(tmp_path / "s", "map", source, embedder).size
    picture(777).save(folder / "19" / "287287" / "178883.png")
    outcome = operations.update(tmp_path / "s", "map", embedder)
    assert 0 < outcome.tally.added < size
    assert outcome.tally.added + outcome.tally.unchanged == size
    assert operations.update(tmp_path / "s", "map", embedder).tally.unchanged == size


def test_an_unreadable_tile_of_a_cut_map_is_listed(tmp_path, embedder) -> None:
    folder = tile_folder(tmp_path / "tiles", 4, 4)
    bad = folder / "19" / "287287" / "178883.png"
    bad.write_bytes(b"nonsense")
    source = open_source(folder, SourceOptions(tile_m=(60.0,), overlap=0.0))
    outcome = operations.build(tmp_path / "s", "map", source, embedder)
    assert (outcome.tally.failed > 0, outcome.size > 0) == (True, True)
    lines = (tmp_path / "s" / "map" / "failed.csv").read_text().splitlines()[1:]
    assert len(lines) == outcome.tally.failed
    assert all(f"{bad} cannot be used" in line for line in lines)


def test_a_tile_of_another_size_is_refused_in_a_cut_map_too(tmp_path, embedder) -> None:
    folder = tile_folder(tmp_path / "tiles", 3, 3)
    picture(1, 100).save(folder / "19" / "287285" / "178881.png")
    source = open_source(folder, SourceOptions(tile_m=(60.0,)))
    with pytest.raises(SourceError, match=r"178881\.png is 100x100 px, most tiles are 64x64"):
        operations.build(tmp_path / "s", "map", source, embedder)


def test_tiles_far_apart_are_cut_without_what_lies_between(tmp_path) -> None:
    for x in (0, 1023):
        column = tmp_path / "tiles" / "10" / str(x)
        column.mkdir(parents=True)
        for y in (550, 551):
            picture(x + y).save(column / f"{y}.png")
    found = tiles(tmp_path / "tiles", tile_m=(30_000.0,), min_opaque=0.01)
    assert len(found) == 2 * 2 * 3
    assert {round(abs(tile.record.longitude)) for tile in found} == {180}
    assert all(tile.read().image.getextrema()[0][1] > 0 for tile in found)


def test_windows_that_touch_a_span_are_those_that_a_full_look_finds() -> None:
    from indexer.sources.cutting.rows import starts

    whole = list(starts(7.0, 100.0, 0.5, [(0.0, 100.0)]))
    spans = [(0.0, 3.0), (20.0, 21.0), (24.0, 40.0), (99.0, 100.0)]
    expected = [x for x in whole if any(x < right and x + 7.0 > left for left, right in spans)]
    assert list(starts(7.0, 100.0, 0.5, spans)) == expected
    assert list(starts(7.0, 100.0, 0.5, [])) == []
