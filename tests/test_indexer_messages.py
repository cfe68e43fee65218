"""What the command line says: one line for each refusal, and what it was told to leave out."""

import json
import sqlite3

import pytest
import typer
from indexer_samples import picture, table_folder, tile_folder
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from indexer.building.progress import JsonLines
from indexer.commands import options
from indexer.commands.app import app
from indexer.commands.errors import error_text, one_line_errors


@pytest.fixture
def run(monkeypatch, tmp_path, embedder):
    """Run a command line in an empty folder; weights are the colour thumbnail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "load_weights", lambda *_: embedder)
    return lambda line: CliRunner().invoke(app, line.split())


@pytest.fixture
def town(run, tmp_path):
    """The same, beside a gallery `town` of four tiles and a query `q.png`."""
    tile_folder(tmp_path / "tiles", 2, 2)
    picture(1001).save(tmp_path / "q.png")
    assert run("build town tiles").exit_code == 0
    return run


def refused(result, code: int = 1) -> str:
    """The one line that a refusal is."""
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("build", "; see: root build --help"),
        ("build town", "Missing argument 'source'; see: root build --help"),
        ("frobnicate town", "No such command 'frobnicate'; see: root --help"),
        ("build town tiles --tile-m wide", "--tile-m 'wide': write numbers with commas"),
        ("build town tiles --bbox 1,2,3", "--bbox '1,2,3': 4 numbers with commas are needed, not"),
        ("build town tiles --index magic", "--index 'magic': choose from auto, flat"),
        ("build town tiles --overlap half", "Invalid value for '--overlap': "),
        ("build town tiles --keep 0", "Invalid value for '--keep': "),
        ("build town tiles --log xml", "--log 'xml': choose auto or json"),
        ("build town tiles --quux", "No such option: --quux; see: root build --help"),
        ("remove town", "name image ids, --source or --bbox"),
        ("search town q.png --after yesterday", "--after 'yesterday': write 2024-05-31 or an ISO"),
        ("search town q.png --near 91,0", "--near '91,0': latitude is -90..90"),
        (
            "search town q.png --after 2025-01-01 --before 2024-01-01",
            "--after 2025-01-01 is later than --before 2024-01-01; swap them",
        ),
        (
            "search town q.png --min-ground-m 100 --max-ground-m 20",
            "--min-ground-m 100 is above --max-ground-m 20; swap them",
        ),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(town, line, what) -> None:
    result = town(line)
    assert what in refused(result, 2)
    assert result.stdout == ""


def polygon(*ring: tuple[float, float]) -> str:
    return json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("--tile-m 0", "--tile-m 0 is outside 1..100000 m; give sides such as 150"),
        ("--mask nowhere.geojson", "nowhere.geojson does not exist; check the path"),
        ("--mask tiles", "tiles is a folder; name a file"),
        ("--mask m.shp", "m.shp is no GeoJSON; convert it with: ogr2ogr -t_srs EPSG:4326 m.geo"),
        ("--mask utm.geojson", "500000, 5.499e+06 are no WGS 84 degrees (longitude, latitude); re"),
        ("--mask text.geojson", "text.geojson is no GeoJSON that can be read; write one"),
    ],
)
def test_bad_areas_and_sizes_say_what_to_do(run, tmp_path, options, what) -> None:
    tile_folder(tmp_path / "tiles", 1, 1)
    (tmp_path / "m.shp").write_bytes(b"\x00\x00\x27\x0a")
    (tmp_path / "text.geojson").write_text("hello")
    corners = [(5e5, 5.499e6), (5.01e5, 5.499e6), (5.01e5, 5.5e6)]
    (tmp_path / "utm.geojson").write_text(polygon(*corners))
    assert what in refused(run(f"build new tiles {options}"))


def test_a_mask_may_go_on_beyond_the_antimeridian(run, tmp_path) -> None:
    rows = [{"path": "a.png", "lat": 1, "lon": -179.9}, {"path": "b.png", "lat": 1, "lon": 178}]
    table_folder(tmp_path / "sea", rows)
    (tmp_path / "area.geojson").write_text(polygon((179, 0), (181, 0), (181, 2), (179, 2)))
    assert "sea: 1 images" in run("build sea sea --mask area.geojson").stdout


@pytest.mark.parametrize("suffix", ["geojson", "csv", "gpkg"])
def test_export_names_a_missing_folder_and_leaves_no_part_of_a_file(town, tmp_path, suffix) -> None:
    told = refused(town(f"export town nodir/o.{suffix}"))
    assert f"nodir/o.{suffix} cannot be written: there is no folder nodir; make it" in told
    (tmp_path / f"folder.{suffix}").mkdir()
    assert "is a folder; name a file" in refused(town(f"export town folder.{suffix}"))
    long_name = f"{'x' * (255 - 1 - len(suffix))}.{suffix}"
    told = refused(town(f"export town {long_name}"))
    assert f"{long_name} cannot be written (File name too long)" in told
    assert not list(tmp_path.glob("*x*"))


def test_before_a_date_means_until_the_end_of_that_day(run, tmp_path) -> None:
    row = {"path": "a.png", "lat": 1, "lon": 2, "captured_at": "2024-05-31T12:00:00Z"}
    table_folder(tmp_path / "dated", [row])
    picture(1).save(tmp_path / "q.png")
    assert run("build dated dated").exit_code == 0

    def found(condition: str) -> bool:
        said = run(f"search dated q.png --json {condition}")
        assert said.exit_code == 0
        return bool(json.loads(said.stdout)["matches"])

    assert found("--before 2024-05-31")
    assert found("--after 2024-05-31")
    assert not found("--before 2024-05-30")
    assert not found("--before 2024-05-31T11:59:00")
    assert not found("--before 2024-05-31T13:00:00+02:00")
    assert not found("--after 2024-06-01")


def test_a_condition_that_no_image_satisfies_is_named(town) -> None:
    unknown = refused(town("search town q.png --source nope"))
    assert "--source 'nope' is none of gallery 'town'; choose from: tiles" in unknown
    empty = town("search town q.png --source tiles --bbox 1,1,2,2 --after 2024-01-01")
    assert empty.exit_code == 0
    assert empty.stderr == "note: no image of gallery 'town' satisfies --bbox, --after\n"


def test_remove_names_the_condition_that_no_image_satisfies(town) -> None:
    for condition in ("--source nope", "--bbox 1,1,2,2"):
        told = refused(town(f"remove town {condition}"))
        assert f"gallery 'town' holds no image of {condition}; see: safenet-index info town" in told
    assert "holds none of the 1 ids given (first: 'nope')" in refused(town("remove town nope"))


def test_an_unreadable_photo_does_not_stop_a_search(town, tmp_path) -> None:
    (tmp_path / "photos").mkdir()
    for name in "ac":
        picture(1001).save(tmp_path / "photos" / f"{name}.png")
    (tmp_path / "photos" / "b.jpg").write_bytes(b"\xff\xd8\xff bad")
    result = town("search town photos --top-k 1")
    assert "b.jpg is not an image that can be read" in refused(result)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        "query", "a.png", "c.png",
    ]  # fmt: skip


def test_the_table_and_the_json_give_the_same_position(town) -> None:
    names, row = (
        line.split("\t") for line in town("search town q.png --top-k 1").stdout.split("\n")[:2]
    )
    told = dict(zip(names, row, strict=True))
    estimate = json.loads(town("search town q.png --json").stdout)["estimate"]
    assert float(told["estimate_latitude"]) == pytest.approx(estimate["latitude"], abs=1e-7)
    assert float(told["estimate_longitude"]) == pytest.approx(estimate["longitude"], abs=1e-7)
    assert float(told["accuracy_m_68"]) == pytest.approx(estimate["accuracy_m_68"], abs=0.06)


def test_calibrate_refuses_an_empty_gallery(town, tmp_path) -> None:
    (tmp_path / "truth.csv").write_text("path,latitude,longitude\nq.png,46.0,17.27\n")
    assert town("remove town --bbox -180,-90,180,90").exit_code == 0
    said = town("calibrate town q.png --truth truth.csv --out c.json")
    assert "gallery 'town' is empty; add images to it first" in refused(said)
    assert town("search town q.png").stderr == "note: gallery 'town' is empty\n"


def test_log_json_ends_with_a_result_or_an_error(town) -> None:
    good = json.loads(town("build town tiles --log json").stderr.splitlines()[-1])
    facts = (good["event"], good["gallery"], good["images"], good["added"], good["unchanged"])
    assert facts == ("result", "town", 4, 0, 4)
    for line, code, what in (
        ("build new nowhere --log json", 1, "nowhere does not exist; check the path"),
        ("build new tiles --log json --bbox 1", 2, "--bbox '1': 4 numbers"),
    ):
        bad = town(line)
        assert bad.exit_code == code
        told = json.loads(bad.stderr)
        assert told["event"] == "error"
        assert what in told["message"]


def test_a_damaged_database_is_one_line_and_a_fault_of_ours_stays_a_traceback(capsys) -> None:
    def read_sqlite() -> None:
        with create_engine("sqlite://").connect() as connection:
            connection.execute(text("SELECT * FROM image"))

    def fail(error: Exception) -> None:
        raise error

    malformed, end = sqlite3.DatabaseError("malformed"), EOFError("end")
    for broken in (read_sqlite, lambda: fail(malformed), lambda: fail(end)):
        with pytest.raises(typer.Exit), one_line_errors():
            broken()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("error: a database cannot be used (no such table: image); ")
    assert lines[1].startswith("error: a database cannot be used (malformed); ")
    assert error_text(KeyError("ours")) is None


def test_json_lines_of_unchanged_images_are_one_a_second_and_the_last(capsys) -> None:
    now = [0.0]
    lines = JsonLines(clock=lambda: now[0])
    lines.start(6)
    for moment, added in ((0.4, 0), (0.8, 0), (1.5, 0), (1.6, 0), (1.7, 1), (1.8, 0)):
        now[0] = moment
        lines.advance(added=added, skipped=0, failed=0, unchanged=1 - added)
    told = [json.loads(line)["seen"] for line in capsys.readouterr().err.splitlines()]
    assert told == [3, 5, 6]
