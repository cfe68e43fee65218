"""Tables as spreadsheets and programs write them, and what they do not name."""

import json
from pathlib import Path

import pytest
from indexer_samples import picture

from indexer.building import operations
from indexer.errors import BadTableError, SourceError, UnknownSourceError
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.tables.areas import read_polygons

HEAD = "path,latitude,longitude\n"


def folder(root: Path, table: str | bytes, name: str = "t.csv", files=("a.jpg",)) -> Path:
    for number, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(root / file)
    data = table.encode(errors="surrogateescape") if isinstance(table, str) else table
    (root / name).write_bytes(data)
    return root


def walk(path: Path, **options):
    source = open_source(path, SourceOptions(**options))
    return source, [candidate.record for candidate in source.candidates()]


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("50.5", "14.25", (50.5, 14.25)),
        ("50.5 N", "14.25E", (50.5, 14.25)),
        ("33.5S", "70.5 W", (-33.5, -70.5)),
        ("South 33 30", "West 70 30 0", (-33.5, -70.5)),
        ('50°30\'00""N', '14°15\'0""E', (50.5, 14.25)),
        ("50,5", "14,25", (50.5, 14.25)),
        ("-33:30:00", "+14:15", (-33.5, 14.25)),
    ],
)
def test_degrees_are_read_as_people_write_them(tmp_path, latitude, longitude, expected) -> None:
    path = folder(tmp_path, f'{HEAD}a.jpg,"{latitude}","{longitude}"\n')
    (record,) = walk(path)[1]
    assert (record.latitude, record.longitude) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("latitude", "why"),
    [("14 E", "names the other axis"), ("1.234,5", "is not a number"), ("5 6 7 8", "not a number")],
)
def test_degrees_that_are_none_are_refused_with_their_line(tmp_path, latitude, why) -> None:
    with pytest.raises(BadTableError, match=rf"^t\.csv line 2: latitude .*{why}"):
        walk(folder(tmp_path, f'{HEAD}a.jpg,"{latitude}",14\n'))


@pytest.mark.parametrize(
    "table",
    [
        (HEAD + "a.jpg,50.1,14.4\n").encode("utf-16"),
        "\ufeff" + HEAD + "a.jpg,50.1,14.4\n",
        HEAD + "\n,,\na.jpg,50.1,14.4\n\n",
        HEAD + "A.JPG,50.1,14.4\n",
        HEAD + "a,50.1,14.4\n",
        "filename;lat;long\na.jpg;50,1;14,4\n",
        "#Label,Longitude,Latitude\na.jpg,14.4,50.1\n",
    ],
)
def test_tables_are_read_in_the_shapes_that_programs_write(tmp_path, table) -> None:
    (record,) = walk(folder(tmp_path, table))[1]
    assert (record.latitude, record.longitude) == (50.1, 14.4)
    assert not walk(tmp_path)[0].left_aside


def test_files_are_found_by_backslashes_and_without_leading_zeros(tmp_path) -> None:
    path = folder(
        tmp_path, HEAD + "images\\a.jpg,50.1,14.4\nimages/7,50.2,14.5\n",
        files=("images/a.jpg", "images/0007.jpg"),
    )  # fmt: skip
    source = open_source(path, SourceOptions())
    assert [c.read().image.size for c in source.candidates()] == [(64, 64)] * 2
    assert not source.left_aside


def test_what_no_line_names_is_counted_and_zeros_are_no_position(tmp_path, embedder) -> None:
    table = HEAD + "a.jpg,50.1,14.4\nb.jpg,0,0\n"
    path = folder(tmp_path / "t", table, files=("a.jpg", "b.jpg", "c.jpg"))
    source = open_source(path, SourceOptions())
    outcome = operations.build(tmp_path / "s", "g", source, embedder)
    assert (outcome.size, outcome.tally.failed) == (1, 1)
    assert outcome.reasons.failed == {"no GPS position": 1}
    assert outcome.reasons.left_aside == {"image that no line of the table names": 1}


def test_an_id_column_is_the_images_id_where_it_names_one_image_each(tmp_path) -> None:
    head = "path,id,latitude,longitude\n"
    lines = "a.jpg,north-1,50.1,14.4\nb.jpg,{},50.2,14.5\n"
    files = ("a.jpg", "b.jpg")
    path = folder(tmp_path / "own", head + lines.format("north-2"), files=files)
    assert [r.image_id for r in walk(path)[1]] == ["north-1", "north-2"]
    shared = folder(tmp_path / "shared", head + lines.format("north-1"), files=files)
    records = walk(shared)[1]
    assert [(r.image_id, r.place_id) for r in records] == [("a", "north-1"), ("b", "north-1")]
    plain = folder(tmp_path / "plain", HEAD + "a.jpg,50.1,14.4\n")
    assert [r.image_id for r in walk(plain, id_prefix="x-")[1]] == ["x-a"]


def feature(geometry, name: str = "a.jpg") -> dict:
    return {"type": "Feature", "geometry": geometry, "properties": {"path": name}}


def geojson(*features, **more) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features, **more})


POINT = {"type": "Point", "coordinates": [14.4, 50.1, 210.5]}
BOX = [[14.4, 50.1], [14.41, 50.1], [14.41, 50.11], [14.4, 50.11], [14.4, 50.1]]
ON_A_SIDE = [14.405, 50.1]


def crs(code: str) -> dict:
    return {"crs": {"type": "name", "properties": {"name": code}}}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("\ufeff" + geojson(feature(POINT)), (50.1, 14.4)),
        (json.dumps(feature(POINT)), (50.1, 14.4)),
        (geojson(feature({"type": "MultiPolygon", "coordinates": [[BOX]]})), (50.105, 14.405)),
        (
            geojson(feature({"type": "Polygon", "coordinates": [[BOX[0], ON_A_SIDE, *BOX[1:]]]})),
            (50.105, 14.405),
        ),
        (
            geojson(
                feature({"type": "Point", "coordinates": [458_000.0, 5_550_000.0]}),
                **crs("urn:ogc:def:crs:EPSG::32633"),
            ),
            (50.10077, 14.412727),
        ),
        (
            geojson(feature({"type": "Point", "coordinates": [45.0, 23.0]}), **crs("EPSG:3857")),
            (0.000207, 0.000404),
        ),
        (geojson(feature(POINT), **crs("urn:ogc:def:crs:OGC:1.3:CRS84")), (50.1, 14.4)),
    ],
)  # fmt: skip
def test_geojson_is_read_as_programs_write_it(tmp_path, table, expected) -> None:
    (record,) = walk(folder(tmp_path, table, "t.geojson"))[1]
    assert (record.latitude, record.longitude) == pytest.approx(expected, abs=2e-6)


def test_a_feature_without_geometry_is_left_aside(tmp_path) -> None:
    table = geojson(feature(POINT), feature(None, "b.jpg"))
    source, records = walk(folder(tmp_path, table, "t.geojson", ("a.jpg", "b.jpg")))
    assert [r.image_id for r in records] == ["a"]
    assert source.left_aside["feature without a geometry"] == 1


@pytest.mark.parametrize("name", ["my own", "\ud800", "EPSG:5773"])
def test_an_unknown_reference_system_is_refused(tmp_path, name) -> None:
    table = geojson(feature(POINT), **crs(name))
    with pytest.raises(BadTableError, match="names a reference system that cannot"):
        walk(folder(tmp_path, table, "t.geojson"))


def test_a_mask_may_begin_with_a_byte_order_mark(tmp_path) -> None:
    area = {"type": "Polygon", "coordinates": [BOX]}
    (tmp_path / "m.geojson").write_text("\ufeff" + geojson(feature(area)), encoding="utf-8")
    assert len(read_polygons(tmp_path / "m.geojson")) == 1


def places(root: Path, table: str) -> Path:
    for place in ("0001", "0002"):
        target = root / "test" / "gallery_satellite" / place / f"{place}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        picture(int(place)).save(target)
    (root / "gps.csv").write_text(table)
    return root


def test_places_are_found_without_leading_zeros(tmp_path) -> None:
    root = places(tmp_path, "id,latitude,longitude\n1,50.1,14.4\n2,50.2,14.5\n")
    assert [r.latitude for r in walk(root, view="satellite")[1]] == [50.1, 50.2]


def test_places_without_a_line_are_counted(tmp_path) -> None:
    root = places(tmp_path, "id,latitude,longitude\n0001,50.1,14.4\n")
    source, records = walk(root, view="satellite")
    assert len(records) == 1
    assert source.left_aside["image without a line in gps.csv"] == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_dense_uav_lists_with_blank_lines_and_backslashes_are_read(tmp_path, end) -> None:
    target = tmp_path / "test" / "gallery_satellite" / "000000" / "H80.png"
    target.parent.mkdir(parents=True)
    picture(1).save(target)
    line = r"C:\data\test\gallery_satellite\000000\H80.png E120.3872 N30.3236 94.5"
    (tmp_path / "Dense_GPS_ALL.txt").write_bytes((line + end + end).encode())
    (record,) = walk(tmp_path, view="satellite")[1]
    assert (record.latitude, record.altitude_m) == (30.3236, 94.5)


PLACE = pytest.approx((50.1, 14.4), abs=1e-7)


@pytest.mark.parametrize(
    "table",
    [
        "a.jpg,50.1,14.4,200\n",
        "a.jpg;50,1;14,4;200,5;5;10\n",
        f"sep=;\n{HEAD.replace(',', ';')}a.jpg;50.1;14.4\n",
        '#CoordinateSystem: GEOGCS["WGS 84",DATUM["World Geodetic System 1984"]]\n'
        "#Label,X/Longitude,Y/Latitude,Z/Altitude,Error (m)\na.jpg,14.4,50.1,200,0.1\n",
        "File Name,GPS Latitude (deg),GPS Longitude (deg)\na.jpg,50.1,14.4\n",
        "SourceFile,GPSLatitude,GPSLongitude\n"
        './a.jpg,"50 deg 6\' 0.00"" N","14 deg 24\' 0.00"" E"\n',
    ],
    ids=["Pix4D", "Pix4D with decimal commas", "Excel", "Metashape", "words", "exiftool"],
)
def test_tables_of_other_programs_are_read(tmp_path, table) -> None:
    (record,) = walk(folder(tmp_path, table))[1]
    assert (record.latitude, record.longitude) == PLACE
    assert record.image_id == "a"


def test_lines_are_counted_from_the_top_of_the_file(tmp_path) -> None:
    table = f"# a remark\n# another\n{HEAD}a.jpg,50.1,x\n"
    with pytest.raises(BadTableError, match=r"^t\.csv line 4: longitude 'x'"):
        walk(folder(tmp_path, table))


@pytest.mark.parametrize(
    "text",
    [
        "EPSG:4326\na.jpg 14.4 50.1 200\n",
        "EPSG:4326\na.jpg 14.4 50.1 200 0 0 0 1.5 2.5\n\n# remark\n",
        "\ufeffEPSG:32633\r\nA.JPG 457089.151103 5549921.626485 200\r\n",
        "WGS84 UTM 33N\na.jpg 457089.151103 5549921.626485 200\n",
        "+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs\na 457089.151103 5549921.626485 200\n",
    ],
    ids=["degrees", "accuracies", "EPSG code", "UTM zone", "PROJ string"],
)
@pytest.mark.parametrize("inside", ["", "images/"])
def test_geo_txt_of_open_drone_map_places_the_photos(tmp_path, text, inside) -> None:
    path = folder(tmp_path, text, "geo.txt", [f"{inside}a.jpg", f"{inside}b.jpg"])
    for given in (path, path / "geo.txt"):
        source, (record,) = walk(given)
        assert (record.latitude, record.longitude) == PLACE
        assert (record.altitude_m, record.heading_deg, record.view) == (200.0, None, "drone")
    source = walk(path)[0]
    assert source.left_aside == {"image that no line of the table names": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a.jpg 14.4 50.1\n", r"line 1 names no coordinate reference system"),
        (
            "EPSG:4326\udc80 of old\na.jpg 14.4 50.1\n",
            "line 1 names no coordinate reference system",
        ),
        ("EPSG:4326\na.jpg 14.4\n", r"line 2: 'a\.jpg 14\.4' is not 'name x y"),
        ("EPSG:4326\na.jpg 14.4 north\n", r"line 2: 'a\.jpg 14\.4 north' is not"),
        ("EPSG:32633\na.jpg 1e30 5550024 2\n", r"line 2: latitude 'inf' is not a finite number"),
    ],
)
def test_a_geo_txt_that_cannot_be_read_is_refused_with_its_line(tmp_path, text, why) -> None:
    with pytest.raises(SourceError, match=why):
        walk(folder(tmp_path, text, "geo.txt"))


def test_columns_in_metres_are_refused_with_what_to_do(tmp_path) -> None:
    path = folder(tmp_path, "path,easting,northing\na.jpg,457089,5549921\n")
    with pytest.raises(BadTableError, match=r"no column latitude .*OpenDroneMap's geo\.txt"):
        walk(path)


def test_ground_control_points_are_no_positions_of_photos(tmp_path) -> None:
    path = folder(tmp_path, "EPSG:4326\n14.4 50.1 200 10 10 a.jpg\n", "gcp_list.txt")
    with pytest.raises(UnknownSourceError, match=r"gcp_list\.txt is nothing that can be indexed"):
        walk(path / "gcp_list.txt")
