"""The command line: what works, and each bad input answered in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from indexer_samples import picture, table_folder, tile_folder
from typer.testing import CliRunner

from indexer.commands import options
from indexer.commands.app import app
from indexer.gallery.gallery import current_version, list_galleries

COMMANDS = (
    "build", "add", "update", "remove", "compact", "verify", "rebuild", "info", "export", "search",
    "track",
)  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path, embedder):
    """Run a command in an empty folder; weights are the colour thumbnail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "load_weights", lambda *_: embedder)

    def invoke(*arguments: object, ok: bool = True):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert (result.exit_code == 0) == ok, result.output
        return result

    return invoke


def refused(result) -> str:
    """The one line that a refusal is."""
    assert result.exit_code in (1, 2)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_every_command_has_help(run) -> None:
    assert all(command in run("--help").output for command in COMMANDS)
    for command in COMMANDS:
        assert run(command, "--help").output


def test_a_gallery_goes_through_its_whole_life(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    assert "map: 9 images" in run("build", "map", "tiles", "--view", "satellite").output
    assert "is consistent" in run("verify", "map").output
    facts = json.loads(run("info", "map", "--json").output)
    assert (facts["images"], facts["index"], facts["view"]) == (9, "flat", "satellite")
    picture(2001).save(tmp_path / "query.png")
    table = run("search", "map", "query.png", "--top-k", 2).output.splitlines()
    assert table[0].split("\t")[:4] == ["query", "rank", "score", "image_id"]
    assert table[1].split("\t")[:4] == ["query.png", "1", "1.0000", "19-287286-178881"]
    answer = json.loads(run("search", "map", "query.png", "--json").output)
    assert answer["matches"][0]["image_id"] == "19-287286-178881"
    assert answer["estimate"]["accuracy_m_68"] < answer["estimate"]["accuracy_m_95"]
    tile_folder(tmp_path / "more", 1, 1)
    assert "10 images" in run("add", "map", "more", "--id-prefix", "x-").output
    assert "1 removed, 9 images left" in run("remove", "map", "x-19-287284-178880").output
    assert "9 removed" in run("remove", "map", "--source", "tiles").output
    assert "descriptors" in run("compact", "map").output
    assert "9 images" in run("add", "map", "tiles").output
    assert "(1 new, " in run("add", "map", "more", "--id-prefix", "x-").output
    assert "map: 10 images, version " in run("update", "map").output
    assert "10 images" in run("rebuild", "map", "--index", "sq8").output
    assert "10 footprints" in run("export", "map", "out.geojson").output


def test_a_map_is_cut_at_quarter_steps_unless_told(run, tmp_path) -> None:
    bands = np.asarray(picture(5, 400)).transpose(2, 0, 1)
    place = Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000)
    with rasterio.open(
        tmp_path / "ortho.tif", "w", driver="GTiff", count=3, height=400, width=400,
        dtype=bands.dtype, crs="EPSG:32633", transform=place,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    assert "map: 25 images" in run("build", "map", "ortho.tif", "--tile-m", 100).output
    apart = ("--tile-m", 100, "--overlap", 0)
    assert "apart: 4 images" in run("build", "apart", "ortho.tif", *apart).output


def test_search_filters_and_truth(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    run("build", "map", "tiles")
    picture(2001).save(tmp_path / "q.png")
    info = json.loads(run("search", "map", "q.png", "--json").output)["matches"][0]
    (tmp_path / "truth.csv").write_text(
        f"file,lat,lon\nq.png,{info['latitude']},{info['longitude']}\n"
    )
    told = run("search", "map", "q.png", "--truth", "truth.csv").output.splitlines()[-1]
    assert told.startswith(
        "1 queries: R@1 within 50 m 100.0 %, within 100 m 100.0 %, median error 0.0 m"
    )
    far = run("search", "map", "q.png", "--near", "-33.9,18.4", "--radius-m", 500)
    assert far.stdout.splitlines()[1].split("\t")[7] == "no_match"
    assert far.stderr == "note: no image of gallery 'map' satisfies --near with --radius-m\n"
    near = f"{info['latitude']},{info['longitude']}"
    one = run("search", "map", "q.png", "--near", near, "--radius-m", 1).output.splitlines()
    assert len(one) == 2


def test_a_dry_run_says_the_cost_and_writes_nothing(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 5, 5)
    said = run("build", "map", "tiles", "--dry-run").output
    assert "25 images, about 25 of them usable" in said
    assert " MB\n" in said
    assert "  to read            25" in said
    assert "  left aside          0" in said
    assert "17.26" in next(line for line in said.splitlines() if line.startswith("  extent"))
    assert " minutes" in run("build", "map", "tiles", "--dry-run", "--minutes").output
    assert list_galleries(tmp_path / "var" / "galleries") == []


def test_log_json_is_one_object_per_line(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    lines = run("build", "map", "tiles", "--log", "json").stderr.splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "note", "note", "progress", "result",
    ]  # fmt: skip


def test_bbox_and_mask_limit_a_build(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    run("build", "all", "tiles")
    picture(1001).save(tmp_path / "q.png")
    record = json.loads(run("search", "all", "q.png", "--json").output)["matches"][0]
    lat, lon = record["latitude"], record["longitude"]
    box = f"{lon - 1e-4},{lat - 1e-4},{lon + 1e-4},{lat + 1e-4}"
    assert "box: 1 images" in run("build", "box", "tiles", "--bbox", box).output
    ring = [[lon - 1e-4, lat - 1e-4], [lon + 1e-4, lat - 1e-4], [lon, lat + 2e-4]]
    mask = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    (tmp_path / "area.geojson").write_text(json.dumps(mask))
    assert "mask: 1 images" in run("build", "mask", "tiles", "--mask", "area.geojson").output


def test_an_area_beside_the_map_is_told_where_the_map_lies(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    said = refused(run("build", "map", "tiles", "--bbox", "18,49,19,50", ok=False))
    assert "none of the images of tiles lies in --bbox or --mask" in said
    west, south, east, north = map(float, said.partition("lie in ")[2].split(" ")[0].split(","))
    assert 17.26 < west < east < 17.27
    assert 49.52 < south < north < 49.53


def test_images_without_a_date_take_the_one_given(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 1, 1)
    said = refused(run("build", "map", "tiles", "--captured-at", "in May", ok=False))
    assert "--captured-at 'in May': write 2024-05-31" in said
    run("build", "map", "tiles", "--captured-at", "2024-05-31")
    picture(1).save(tmp_path / "q.png")
    (found,) = json.loads(run("search", "map", "q.png", "--json").output)["matches"]
    assert found["captured_at"] == "2024-05-31T00:00:00+00:00"
    assert "0 new, 1 unchanged" in run("update", "map").output
    later = ("--after", "2024-06-01")
    assert json.loads(run("search", "map", "q.png", "--json", *later).stdout)["matches"] == []


def square(record, half_deg: float) -> list[list[float]]:
    lat, lon = record["latitude"], record["longitude"]
    turns = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    return [[lon + x * half_deg, lat + y * half_deg] for x, y in turns]


def test_a_mask_of_several_features_with_holes_limits_search_and_build(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    run("build", "all", "tiles")
    picture(1001).save(tmp_path / "q.png")

    def found(*options: str) -> dict[str, dict]:
        said = run("search", "all", "q.png", "--json", "--top-k", 9, *options).output
        return {match["image_id"]: match for match in json.loads(said)["matches"]}

    everything = found()
    first, centre = everything["19-287284-178880"], everything["19-287285-178881"]
    last = everything["19-287286-178882"]
    ring_of_eight = [square(centre, 1.4 * 360 / 2**19), square(centre, 1e-5)]
    several = {"type": "MultiPolygon", "coordinates": [[square(first, 1e-5)], [square(last, 1e-5)]]}
    nowhere = {"type": "Feature", "geometry": None, "properties": {}}
    middle = {"type": "Polygon", "coordinates": [square(centre, 1e-5)]}
    cases = (
        ([{"type": "Polygon", "coordinates": ring_of_eight}], 8, set(everything) - ids_of(centre)),
        ([several, middle], 3, ids_of(first, centre, last)),
    )
    for number, (geometries, count, expected) in enumerate(cases):
        features = [{"type": "Feature", "geometry": g, "properties": {}} for g in geometries]
        area = {"type": "FeatureCollection", "features": [nowhere, *features]}
        (tmp_path / "area.geojson").write_text(json.dumps(area))
        assert set(found("--mask", "area.geojson")) == expected
        said = run("build", f"part-{number}", "tiles", "--mask", "area.geojson").output
        assert f"{count} images" in said


def ids_of(*matches: dict) -> set[str]:
    return {match["image_id"] for match in matches}


def bare_tiff(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "bare.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=64, width=64, dtype="uint8",
        transform=Affine(1, 0, 5, 0, -1, 5),
    ) as dataset:  # fmt: skip
        dataset.write(np.full((3, 64, 64), 99, np.uint8))
    return path


def half_tiff(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "half.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=512, width=512, dtype="uint8",
        crs="EPSG:32633", transform=Affine(1, 0, 500_000, 0, -1, 5_500_000),
    ) as dataset:  # fmt: skip
        dataset.write(np.full((3, 512, 512), 99, np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def odd_tiles(folder: Path) -> Path:
    tile_folder(folder, 2, 2)
    picture(1, 100).save(folder / "19" / "287284" / "178881.png")
    return folder


def empty_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def no_longitude(folder: Path) -> Path:
    return table_folder(folder, [{"path": "a.png", "lat": 1.0}])


def latitude_91(folder: Path) -> Path:
    rows = [{"path": f"{n}.png", "lat": 89.0 + n, "lon": 2.0} for n in range(3)]
    return table_folder(folder, rows)


def duplicate_ids(folder: Path) -> Path:
    rows = [{"path": name, "lat": 1.0, "lon": 2.0} for name in ("a.png", "b.png", "a.jpg")]
    return table_folder(folder, rows)


def images_alone(folder: Path) -> Path:
    folder.mkdir()
    picture(1).save(folder / "a.png")
    return folder


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (bare_tiff, "bare.tif has no coordinate reference system; assign one"),
        (half_tiff, "half.tif is cut off"),
        (odd_tiles, "178881.png is 100x100 px, most tiles are 64x64; remove"),
        (empty_folder, "is empty; check the path"),
        (no_longitude, "places.csv has no column longitude"),
        (latitude_91, "places.csv line 4: latitude 91 is outside -90..90; correct it"),
        (duplicate_ids, "comes twice (again at a.jpg); make the ids unique"),
        (images_alone, "nothing says where they are"),
    ],
)
def test_bad_sources_are_refused_in_one_line_and_change_nothing(run, tmp_path, make, what) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    run("build", "map", "tiles")
    before = current_version(tmp_path / "var" / "galleries", "map")
    bad = make(tmp_path / "bad")
    for arguments in (
        ("build", "new", bad),
        ("build", "map", bad, "--replace"),
        ("add", "map", bad, "--id-prefix", "z"),
    ):
        assert what in refused(run(*arguments, ok=False))
    assert current_version(tmp_path / "var" / "galleries", "map") == before
    assert list_galleries(tmp_path / "var" / "galleries") == ["map"]
    assert "is consistent" in run("verify", "map").output


def test_weights_of_another_dimension_are_refused(run, tmp_path, monkeypatch, embedder) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    run("build", "map", "tiles")

    class Other(type(embedder)):
        name, sha256, descriptor_dim = "other", "f" * 64, 5

    monkeypatch.setattr(options, "load_weights", lambda *_: Other())
    picture(1).save(tmp_path / "q.png")
    for arguments in (("build", "map", "tiles"), ("search", "map", "q.png"), ("rebuild", "map")):
        assert "colour-thumbnail" in refused(run(*arguments, ok=False))


def test_missing_things_are_named(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    run("build", "map", "tiles")
    assert "no gallery 'mop'" in refused(run("search", "mop", "tiles", ok=False))
    assert "nowhere.png does not exist" in refused(run("search", "map", "nowhere.png", ok=False))
    assert "none of the 1 ids" in refused(run("remove", "map", "nope", ok=False))
    (tmp_path / "q.txt").write_text("hello")
    assert "q.txt is not an image" in refused(run("search", "map", "q.txt", ok=False))
    assert "no gallery name" in refused(run("build", "../x", "tiles", ok=False))


def test_bad_usage_exits_with_2(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 2, 2)
    for arguments in (
        ("build", "map"),
        ("build", "map", "tiles", "--index", "magic"),
        ("build", "map", "tiles", "--bbox", "1,2,3"),
        ("build", "map", "tiles", "--tile-m", "wide"),
        ("search", "map", "tiles", "--top-k", "0"),
    ):
        assert run(*arguments, ok=False).exit_code == 2


def test_a_flight_becomes_a_track_file(run, tmp_path) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    run("build", "map", "tiles", "--view", "satellite")
    (tmp_path / "flight").mkdir()
    for number, seed in enumerate((2000, 2001, 2002)):
        picture(seed).save(tmp_path / "flight" / f"{number}.png")
    result = run("track", "map", "flight", "--out", "track.gpx", "--every", "20s")
    assert result.stdout.splitlines()[0].startswith("frame\ttime\tstatus")
    assert "track.gpx: track of 3 frames" in result.stderr
    assert (tmp_path / "track.gpx").read_text().count("<trkpt") == 3
    document = json.loads(run("track", "map", "flight", "--json", "--every", "20s").stdout)
    assert document["frames"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("flight", "--every", "0"), "write a time above 0"),
        (("flight", "--max-speed", "-3"), "max speed -3 m/s: must be above 0"),
        (("flight", "--out", "track.shp"), "a track is written as"),
        (("flight", "--near", "100,0"), "latitude is -90..90"),
        (("flight", "--truth", "truth.csv"), "truth.csv does not exist"),
    ],
)
def test_bad_flights_are_refused_in_one_line(run, tmp_path, arguments, message) -> None:
    tile_folder(tmp_path / "tiles", 3, 3)
    run("build", "map", "tiles", "--view", "satellite")
    (tmp_path / "flight").mkdir()
    picture(2000).save(tmp_path / "flight" / "1.png")
    lines = run("track", "map", *arguments, ok=False).stderr.splitlines()
    assert message in lines[-1]
