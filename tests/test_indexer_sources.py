"""Tile archives, tables, photos and data sets."""

import json
import math
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from indexer_samples import FIRST_X, FIRST_Y, ZOOM, picture, table_folder, tile_folder
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from indexer.building import operations
from indexer.errors import BadTableError, EmptySourceError, SourceError, UnknownSourceError
from indexer.gallery.gallery import Gallery
from indexer.geo import tile_corner
from indexer.sources.candidate import SourceOptions, options_from_text, options_text
from indexer.sources.detect import open_source
from indexer.sources.photos.metadata import read_photo_metadata
from indexer.sources.tables.table import read_positions

DATA = Path(__file__).parents[2] / "shared" / "data"
BRIGHTON, MORAVA = DATA / "brighton", DATA / "morava" / "tiles"
needs_brighton = pytest.mark.skipif(not BRIGHTON.is_dir(), reason="no real drone photos here")
needs_morava = pytest.mark.skipif(not MORAVA.is_dir(), reason="no real tile folder here")


def records(path: Path, **options):
    return [c.record for c in open_source(path, SourceOptions(**options)).candidates()]


def pixels(path: Path, **options) -> list[bytes]:
    found = open_source(path, SourceOptions(**options)).candidates()
    return [candidate.read().image.tobytes() for candidate in found]


def mbtiles(path: Path, folder: Path, image_format: str = "png") -> Path:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
    database.execute("INSERT INTO metadata VALUES ('format', ?)", (image_format,))
    database.execute(
        "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER,"
        " tile_data BLOB)"
    )
    for file in folder.rglob("*.png"):
        z, x, y = int(file.parts[-3]), int(file.parts[-2]), int(file.stem)
        row = (z, x, 2**z - 1 - y, file.read_bytes())
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", row)
    database.commit()
    database.close()
    return path


def pm_tiles(path: Path, folder: Path, tile_type: TileType = TileType.PNG) -> Path:
    tiles = {
        zxy_to_tileid(int(f.parts[-3]), int(f.parts[-2]), int(f.stem)): f.read_bytes()
        for f in folder.rglob("*.png")
    }
    with path.open("wb") as stream:
        writer = Writer(stream)
        for tile_id in sorted(tiles):
            writer.write_tile(tile_id, tiles[tile_id])
        header = {
            "tile_type": tile_type, "tile_compression": Compression.NONE,
            "min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1, "max_lat_e7": 1,
            "center_lon_e7": 0, "center_lat_e7": 0, "center_zoom": ZOOM,
        }  # fmt: skip
        writer.finalize(header, {})
    return path


def test_mbtiles_pmtiles_and_tms_say_the_same_as_the_xyz_folder(tmp_path) -> None:
    folder = tile_folder(tmp_path / "tiles", 3, 2)
    tms = tmp_path / "tms"
    for file in folder.rglob("*.png"):
        row = 2**ZOOM - 1 - int(file.stem)
        target = tms / str(ZOOM) / file.parts[-2] / f"{row}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    plain = [(r.image_id, r.latitude, r.longitude, r.corners) for r in records(folder)]
    assert len(plain) == 6
    for path, options in [
        (mbtiles(tmp_path / "a.mbtiles", folder), {}),
        (pm_tiles(tmp_path / "a.pmtiles", folder), {}),
        (tms, {"tms": True}),
    ]:
        same = [(r.image_id, r.latitude, r.longitude, r.corners) for r in records(path, **options)]
        assert same == plain, path
        assert pixels(path, **options) == pixels(folder), path
    (tms / "tilemapresource.xml").write_text("<TileMap/>")
    assert [r.image_id for r in records(tms)] == [row[0] for row in plain]


def test_vector_tiles_and_foreign_files_are_refused(tmp_path) -> None:
    folder = tile_folder(tmp_path / "tiles", 1, 1)
    with pytest.raises(SourceError, match="vector"):
        records(mbtiles(tmp_path / "v.mbtiles", folder, "pbf"))
    with pytest.raises(SourceError, match="MVT"):
        records(pm_tiles(tmp_path / "v.pmtiles", folder, TileType.MVT))
    for name in ("bad.mbtiles", "bad.pmtiles", "bad.tif", "bad.xyz"):
        (tmp_path / name).write_bytes(b"this is no map" * 40)
        with pytest.raises(SourceError, match=r"bad\."):
            records(tmp_path / name)
    with pytest.raises(UnknownSourceError, match="does not exist"):
        records(tmp_path / "nowhere")


def test_a_damaged_mbtiles_is_refused_by_name_and_its_empty_tiles_are_missing(tmp_path) -> None:
    whole = mbtiles(tmp_path / "a.mbtiles", tile_folder(tmp_path / "tiles", 12, 12))
    data = whole.read_bytes()
    (tmp_path / "half.mbtiles").write_bytes(data[: len(data) // 2])
    middle = len(data) * 3 // 4 // 4096 * 4096
    (tmp_path / "rot.mbtiles").write_bytes(data[:middle] + b"\xa5" * 8192 + data[middle + 8192 :])
    for name in ("half.mbtiles", "rot.mbtiles"):
        with pytest.raises(SourceError, match=f"^{name} is no whole MBTiles file .*; make it"):
            pixels(tmp_path / name)
    database = sqlite3.connect(whole)
    database.execute("UPDATE tiles SET tile_data = NULL WHERE rowid = 5")
    database.commit()
    database.close()
    source = open_source(whole, SourceOptions())
    source.check()
    assert len(list(source.candidates())) == 143


def test_a_damaged_pmtiles_is_refused_by_name(tmp_path) -> None:
    data = pm_tiles(tmp_path / "a.pmtiles", tile_folder(tmp_path / "tiles", 3, 3)).read_bytes()
    for name, damaged in (
        ("rot.pmtiles", data[:130] + b"\xff" * 30 + data[160:]),
        ("root.pmtiles", data[:127] + b"\xff" * 40 + data[167:]),
        ("short.pmtiles", data[:100]),
        ("empty.pmtiles", b""),
    ):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(SourceError, match=f"^{name} is no whole PMTiles file .*; make it"):
            pixels(tmp_path / name)
    (tmp_path / "half.pmtiles").write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"^half.pmtiles is cut off: .*; copy it again"):
        pixels(tmp_path / "half.pmtiles")


def test_the_deepest_zoom_is_used_and_the_others_are_named(tmp_path) -> None:
    folder = tile_folder(tmp_path / "tiles", 2, 2)
    (folder / "18" / "1").mkdir(parents=True)
    picture(1).save(folder / "18" / "1" / "1.png")
    source = open_source(folder, SourceOptions())
    whole, chosen = source.notes[1], source.notes[0]
    assert chosen == "zoom 19 is used, the deepest; also there: 18 (choose with --zoom)"
    assert "--tile-m cuts overlapping ones" in whole
    assert [r.image_id for r in records(folder, zoom=18)] == ["18-1-1"]
    with pytest.raises(EmptySourceError, match="it has: 18, 19"):
        records(folder, zoom=7)


def test_tiles_cut_to_a_ground_size_show_what_the_tiles_show(tmp_path) -> None:
    folder = tile_folder(tmp_path / "tiles", 4, 4)
    found = list(open_source(folder, SourceOptions(tile_m=(49.61,))).candidates())
    nearest = min(
        found, key=lambda c: abs(c.record.latitude - tile_corner(ZOOM, 0, FIRST_Y + 0.5)[0])
        + abs(c.record.longitude - tile_corner(ZOOM, FIRST_X + 0.5, 0)[1])
    )  # fmt: skip
    cut = nearest.read().image.resize((8, 8), Image.Resampling.BOX)
    own = picture(0).resize((8, 8), Image.Resampling.BOX)
    difference = [abs(a - b) for a, b in zip(cut.tobytes(), own.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 6


@needs_morava
def test_the_real_map_skips_its_transparent_border(tmp_path, embedder) -> None:
    source = open_source(MORAVA, SourceOptions())
    outcome = operations.build(tmp_path, "morava", source, embedder)
    assert (outcome.size, outcome.tally.skipped, outcome.tally.failed) == (128, 21, 0)
    gallery = Gallery.open(tmp_path, "morava", embedder=embedder)
    record = next(iter(gallery.records()))
    assert record.gsd_m == pytest.approx(0.194, abs=0.001)
    gallery.close()


@needs_brighton
def test_real_drone_photos_give_position_height_and_gimbal(tmp_path) -> None:
    for file in BRIGHTON.glob("*.JPG"):
        (tmp_path / file.name).symlink_to(file)
    found = {record.image_id: record for record in records(tmp_path)}
    assert len(found) == 4
    record = found["DJI_0018"]
    assert record.view == "drone"
    assert (record.latitude, record.longitude) == pytest.approx((46.8426071, -91.9945599), abs=1e-7)
    assert (record.altitude_m, record.altitude_datum) == (39.8, "takeoff")
    assert (record.heading_deg, record.gimbal_pitch_deg) == (45.0, -89.9)
    assert found["DJI_0024"].heading_deg == 220.0
    assert record.captured_at == datetime(2016, 6, 23, 16, 31, 59)
    # 39.8 m up; 20 mm equivalent of a 4:3 sensor whose full width the 16:9 photo keeps.
    width_m = 39.8 * math.hypot(36, 24) * 0.8 / 20
    assert record.ground_m == pytest.approx(width_m * (1 + 9 / 16) / 2, abs=0.5)


@pytest.mark.parametrize(
    ("ref", "datum", "height"), [(0, "msl", 120.5), (1, "msl", -120.5), (2, "ellipsoid", 120.5)]
)
def test_south_west_and_the_altitude_datum_of_exif_are_kept(tmp_path, ref, datum, height) -> None:
    exif = Image.Exif()
    gps = exif.get_ifd(0x8825)
    gps.update({1: "S", 2: (33.0, 54.0, 36.0), 3: "W", 4: (70.0, 30.0, 0.0)})
    gps.update({5: bytes([ref]), 6: 120.5})
    picture(1).save(tmp_path / "p.jpg", exif=exif)
    read = read_photo_metadata(tmp_path / "p.jpg")
    assert read.position == pytest.approx((-33.91, -70.5))
    assert (read.altitude_m, read.altitude_datum) == (height, datum)


CLOCK, NOON = "2024:05:31 14:30:05", (12.0, 30.0, 4.5)


@pytest.mark.parametrize(
    ("clock", "offset", "gps_date", "gps_time", "expected"),
    [
        (CLOCK, "+02:00", None, None, "2024-05-31T12:30:05+00:00"),
        (CLOCK, "-03:30", "2024:05:31", NOON, "2024-05-31T18:00:05+00:00"),
        (CLOCK, None, "2024:05:31", NOON, "2024-05-31T12:30:04.500000+00:00"),
        (CLOCK, "   :  ", "2024:05:31", NOON, "2024-05-31T12:30:04.500000+00:00"),
        ("2024:06:01 00:30:00", None, "2024:05:31", NOON, "2024-05-31T12:30:04.500000+00:00"),
        (None, None, "2024:05:31", NOON, "2024-05-31T12:30:04.500000+00:00"),
        (CLOCK, None, "1980:01:06", NOON, "2024-05-31T14:30:05"),
        (CLOCK, None, "2024:05:31", (25.0, 0.0, 0.0), "2024-05-31T14:30:05"),
        (CLOCK, None, "2024:05:31", None, "2024-05-31T14:30:05"),
        (CLOCK, "   :  ", None, NOON, "2024-05-31T14:30:05"),
        (None, "+02:00", None, NOON, None),
    ],
)
def test_the_moment_of_capture_has_a_zone_where_the_photo_tells_one(
    tmp_path, clock, offset, gps_date, gps_time, expected
) -> None:
    exif = Image.Exif()
    gps, details = exif.get_ifd(0x8825), exif.get_ifd(0x8769)
    gps.update({1: "N", 2: (49.0, 0.0, 0.0), 3: "E", 4: (17.0, 0.0, 0.0)})
    gps.update({tag: value for tag, value in ((29, gps_date), (7, gps_time)) if value})
    details.update({tag: value for tag, value in ((0x9003, clock), (0x9011, offset)) if value})
    picture(1).save(tmp_path / "p.jpg", exif=exif)
    moment = read_photo_metadata(tmp_path / "p.jpg").captured_at
    wanted = None if expected is None else datetime.fromisoformat(expected)
    assert moment == wanted
    assert moment is None or (moment.tzinfo is None) == (wanted.tzinfo is None)


def test_a_photo_without_position_is_counted_and_named(tmp_path, embedder) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)})
    picture(1).save(folder / "a.jpg", exif=exif)
    picture(2).save(folder / "b.jpg")
    outcome = operations.build(tmp_path, "p", open_source(folder, SourceOptions()), embedder)
    assert (outcome.size, outcome.tally.failed) == (1, 1)
    assert "b.jpg has no GPS position" in (tmp_path / "p" / "failed.csv").read_text()


def test_a_geojson_gives_points_and_footprints(tmp_path) -> None:
    folder = tmp_path / "pics"
    folder.mkdir()
    for name in "ab":
        picture(ord(name)).save(folder / f"{name}.png")
    ring = [[17.0, 49.0], [17.002, 49.0], [17.002, 49.001], [17.0, 49.001], [17.0, 49.0]]
    point = {"type": "Point", "coordinates": [17.5, 49.5, 300]}
    features = [
        {"type": "Feature", "geometry": point, "properties": {"file": "a.png", "heading_deg": 12}},
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"file": "b.png"},
        },
    ]
    document = {"type": "FeatureCollection", "features": features}
    (folder / "places.geojson").write_text(json.dumps(document))
    a, b = records(folder)
    assert (a.latitude, a.longitude, a.heading_deg) == (49.5, 17.5, 12.0)
    assert (b.latitude, b.longitude) == pytest.approx((49.0005, 17.001))
    assert b.bounds == pytest.approx((17.0, 49.0, 17.002, 49.001))


def test_simple_tables_need_only_file_lat_lon_or_id(tmp_path) -> None:
    rows = [{"path": "a.png", "lat": 1.0, "lon": 2.0}]
    (record,) = records(table_folder(tmp_path / "one", rows))
    assert (record.image_id, record.latitude, record.longitude) == ("a", 1.0, 2.0)
    folder = table_folder(tmp_path / "two", [{"path": "x7.jpg", "lat": 0, "lon": 0}])
    (folder / "places.csv").write_text("id,lat,lon\nx7,3.0,4.0\n")
    (candidate,) = open_source(folder, SourceOptions()).candidates()
    assert candidate.location.endswith("x7.jpg")
    assert candidate.record.place_id == "x7"


def university(root: Path) -> Path:
    rows = []
    for view, parts in {
        "satellite": ("gallery_satellite", "query_satellite"),
        "drone": ("gallery_drone", "query_drone"),
    }.items():
        for part in parts:
            for place in ("0001", "0002"):
                name = f"{place}.jpg" if view == "satellite" else "image-01.jpeg"
                path = f"test/{part}/{place}/{name}"
                where = {"latitude": 10 + int(place) / 100, "longitude": 20.0}
                rows.append({"path": path, "id": place, "view": view, **where, "gsd_m": 0.5})
    return table_folder(root, rows, name="gps.csv")


def test_university_1652_gives_each_place_once_by_view(tmp_path) -> None:
    root = university(tmp_path / "world")
    found = records(root, view="satellite")
    assert [r.image_id for r in found] == [
        "test~gallery_satellite~0001~0001",
        "test~gallery_satellite~0002~0002",
    ]
    assert [r.place_id for r in found] == ["0001", "0002"]
    assert len(records(root / "test", view="drone")) == 2
    assert len(records(root / "test" / "query_drone")) == 2
    with pytest.raises(SourceError, match="--view"):
        records(root)


def test_a_satellite_image_gets_its_corners_from_its_ground_sampling_distance(
    tmp_path, embedder
) -> None:
    source = open_source(university(tmp_path / "world"), SourceOptions(view="satellite"))
    operations.build(tmp_path, "sat", source, embedder)
    gallery = Gallery.open(tmp_path, "sat", embedder=embedder)
    for record in gallery.records():
        assert record.ground_m == pytest.approx(32.0, abs=0.01), "64 px of 0.5 m"
    gallery.close()


def test_sues_200_takes_places_by_id_and_height_by_folder(tmp_path) -> None:
    root = tmp_path / "sues"
    for path in ("satellite-view/0001/0.png", "drone_view_512/0001/150/0.jpg"):
        (root / path).parent.mkdir(parents=True)
        picture(1).save(root / path)
    (root / "gps.csv").write_text("id,latitude,longitude\n0001,31.0,121.0\n")
    (satellite,) = records(root, view="satellite")
    (drone,) = records(root, view="drone")
    assert (satellite.latitude, satellite.altitude_m) == (31.0, None)
    assert (drone.longitude, drone.altitude_m, drone.altitude_datum) == (121.0, 150.0, "takeoff")


def test_dense_uav_reads_its_own_table(tmp_path) -> None:
    root = tmp_path / "dense"
    file = root / "test" / "gallery_satellite" / "000123" / "H80.tif"
    file.parent.mkdir(parents=True)
    picture(1).save(file)
    line = "/home/someone/data/test/gallery_satellite/000123/H80.tif E120.387 N30.324 95.6\n"
    (root / "Dense_GPS_ALL.txt").write_text(line)
    (record,) = records(root, view="satellite")
    assert (record.latitude, record.longitude, record.altitude_m) == (30.324, 120.387, 95.6)
    assert record.place_id == "000123"


def test_options_survive_their_text() -> None:
    options = SourceOptions(view="drone", tile_m=(150.0, 300.0), mask=(((1.0, 2.0), (3.0, 4.0)),))
    assert options_from_text(options_text(options)) == options
    assert options_text(SourceOptions()) == "{}"


def test_dates_are_kept_in_utc(tmp_path, embedder) -> None:
    rows = [{"path": "a.png", "lat": 1, "lon": 2, "captured_at": "2024-05-01T12:00:00+02:00"}]
    source = open_source(table_folder(tmp_path / "one", rows), SourceOptions())
    operations.build(tmp_path, "g", source, embedder)
    gallery = Gallery.open(tmp_path, "g", embedder=embedder)
    assert gallery.record("a").captured_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    gallery.close()


def test_a_wkt_footprint_gives_the_corners_and_targets_give_the_truth(tmp_path) -> None:
    footprint = "POLYGON((17.0 49.001, 17.002 49.001, 17.002 49.0, 17.0 49.0, 17.0 49.001))"
    seen = {"target_latitude": 49.0005, "target_longitude": 17.001}
    row = {"path": "a.png", "latitude": 48.9, "longitude": 17.0, "footprint": footprint, **seen}
    folder = table_folder(tmp_path / "one", [row])
    (record,) = records(folder)
    assert (record.latitude, record.longitude) == (48.9, 17.0)
    assert record.corners == ((49.001, 17.0), (49.001, 17.002), (49.0, 17.002), (49.0, 17.0))
    by_path, by_name = read_positions(folder / "places.csv")
    assert by_path == {(folder / "a.png").resolve(): (49.0005, 17.001)}
    assert by_name == {"a.png": (49.0005, 17.001)}


FEATURE = {"type": "Feature", "properties": {"file": "a.png"}}
RING_95 = [[2.0, 95.0], [3.0, 95.0], [3.0, 94.0], [2.0, 94.0], [2.0, 95.0]]


@pytest.mark.parametrize(
    ("features", "what"),
    [
        (None, "t.geojson is no GeoJSON FeatureCollection"),
        ([1], "t.geojson feature 1 is no GeoJSON feature with properties; correct it"),
        ([{**FEATURE, "properties": [1]}], "feature 1 is no GeoJSON feature with properties"),
        ([{**FEATURE, "geometry": [1]}], "feature 1 is no GeoJSON feature with geometry"),
        ([{**FEATURE, "geometry": {"type": "Polygon", "coordinates": [RING_95]}}], "latitude 9"),
    ],
)
def test_a_bad_feature_is_named(tmp_path, features, what) -> None:
    picture(1).save(tmp_path / "a.png")
    table = {"type": "FeatureCollection", "features": features}
    (tmp_path / "t.geojson").write_text(json.dumps(table))
    with pytest.raises(BadTableError, match=what):
        records(tmp_path / "t.geojson")


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("footprint", "POLYGON((2 95,3 95,3 94,2 94,2 95))", "footprint: latitude 95 is outside"),
        ("gsd_m", "-1", "gsd_m -1 is not above 0; correct it or leave it out"),
        ("ground_m", "-50", "ground_m -50 is not above 0"),
        ("wkt", "x" * 140_000, "field larger than field limit .131072.*; correct it"),
    ],
)
def test_an_impossible_cell_is_refused_with_its_line(tmp_path, column, value, what) -> None:
    rows = [
        {"path": f"{n}.png", "lat": 1, "lon": 2, column: cell} for n, cell in ((1, ""), (2, value))
    ]
    with pytest.raises(BadTableError, match=f"^places.csv .*line [23].*{what}"):
        records(table_folder(tmp_path / "one", rows))


def test_tables_of_spreadsheets_and_columns_of_any_name_are_read(tmp_path) -> None:
    row = {"path": "a.png", "lat": 1.5, "lon": 2.5, "ring": "inner", "view": "Satellite"}
    folder = table_folder(tmp_path / "one", [row])
    (record,) = records(folder)
    assert (record.view, record.corners) == ("satellite", None)
    for text in ("path;lat;lon\na.png;1,5;2,5\n", "path\tlat\tlon\na.png\t1.5\t2.5\n"):
        (folder / "places.csv").write_text(text)
        (record,) = records(folder)
        assert (record.latitude, record.longitude) == (1.5, 2.5)


def small_map(path: Path) -> Path:
    path.parent.mkdir()
    bands = np.asarray(picture(5)).transpose(2, 0, 1)
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=64, width=64, dtype=bands.dtype,
        crs="EPSG:32633", transform=Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000),
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return path


def test_other_files_beside_maps_and_photos_are_left_aside(tmp_path) -> None:
    maps = small_map(tmp_path / "maps" / "ortho.tif").parent
    picture(1).save(maps / "a_preview.jpg")
    assert open_source(maps, SourceOptions()).kind == "folder of GeoTIFFs"
    area = {"type": "Polygon", "coordinates": [[*RING_95[2:4], [2, 1], [3, 1], RING_95[2]]]}
    feature = {"type": "Feature", "properties": {}, "geometry": area}
    table = {"type": "FeatureCollection", "features": [feature]}
    (maps / "area.geojson").write_text(json.dumps(table))
    source = open_source(maps, SourceOptions())
    assert source.kind == "folder of GeoTIFFs"
    assert len(list(source.candidates())) == 1
    assert source.left_aside == {"picture that nothing places": 1, ".geojson file": 1}
    assert source.notes == ["left aside: area.geojson has no feature with path or id; add one"]
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)})
    picture(1).save(photos / "a.jpg", exif=exif)
    (photos / "log.csv").write_text("time,alt\n1,2\n")
    assert open_source(photos, SourceOptions()).kind == "folder of drone photos"
    (photos / "places.csv").write_text("path,lat,lon\na.jpg,5,6\n")
    (record,) = records(photos)
    assert (record.latitude, record.longitude) == (5.0, 6.0)


def test_a_part_of_a_tile_folder_names_the_whole(tmp_path) -> None:
    folder = tile_folder(tmp_path / "tiles", 2, 2)
    for part in (folder / str(ZOOM), folder / str(ZOOM) / str(FIRST_X)):
        with pytest.raises(UnknownSourceError, match=f"give the whole one: {folder}$"):
            open_source(part, SourceOptions())
