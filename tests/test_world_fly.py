"""`safenet-world fly`: places and maps of a user's own mesh, and what it refuses in one line."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyproj import Geod, Transformer
from typer.testing import CliRunner, Result

from tests.mesh_samples import (
    HOUSE_HIGH,
    HOUSE_LOW,
    arrays,
    as_glb,
    b3dm,
    write_cloud,
    write_obj,
    write_ply,
    write_tileset,
)
from training.world.chance import RandomStream
from training.world.cli import app
from training.world.mesh.appearance import Appearance, draw_appearance
from training.world.mesh.flights import FlightRanges, over
from training.world.mesh.georeference import Georeference, east_north_up
from training.world.mesh.pack_writer import PackWriter
from training.world.mesh.scene import MeshScene, open_scene
from training.world.mesh.source import MeshOptions, open_mesh, pack_mesh
from training.world.mesh.tileset import read_tile, read_tileset
from training.world.rendering.camera import aimed
from training.world.rendering.sensor import Sensor
from training.world.scene.light import Light

_AT = (46.95, 7.44)
_SMALL = ["--span", "60", "--spacing", "60", "--places", "2", "--views", "3", "--size", "48"]
_QUITO = Path(__file__).parents[2] / "shared" / "data" / "quito"


def _fly(mesh: Path, out: Path, *options: str) -> Result:
    at = ["--at", f"{_AT[0]},{_AT[1]}"] if "--at" not in options else []
    given = ["fly", str(mesh), "--out", str(out), *at, *_SMALL, "--workers", "1", *options]
    return CliRunner().invoke(app, [option for option in given if option != "--no-at"])


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "gps.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def _away_m(here: tuple[float, float], there: tuple[float, float]) -> float:
    return float(Geod(ellps="WGS84").inv(here[1], here[0], there[1], there[0])[2])


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flown")
    mesh = write_obj(folder / "mesh")
    result = _fly(mesh, folder / "out", "--split", "both", "--places", "3")
    assert result.exit_code == 0, result.output
    assert "own origin lies at 46.950000,7.440000" in result.output
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> MeshScene:
    folder = tmp_path_factory.mktemp("house")
    mesh = write_obj(folder / "mesh")
    pack_mesh(mesh, open_mesh(mesh, MeshOptions()).pieces(), folder / "pack")
    return open_scene(folder / "pack", None)


def test_places_are_written_as_drape_writes_them(flown: Path) -> None:
    rows = _rows(flown / "out")
    kinds = {row["path"].rpartition("/")[0].rpartition("/")[0] for row in rows}
    assert kinds == {
        "train/satellite",
        "train/drone",
        "test/query_satellite",
        "test/gallery_satellite",
        "test/query_drone",
        "test/gallery_drone",
    }
    for row in rows:
        with Image.open(flown / "out" / row["path"]) as image:
            assert image.size == (48, 48)
    assert not (flown / "out" / ".render" / "mesh").exists()


def test_drones_look_near_their_tile_within_the_ranges(flown: Path) -> None:
    rows = _rows(flown / "out")
    tiles = {row["id"]: row for row in rows if row["view"] == "satellite"}
    drones = [row for row in rows if row["view"] == "drone"]
    assert len(drones) >= 9
    for row in drones:
        tile = tiles[row["id"]]
        target = float(row["target_latitude"]), float(row["target_longitude"])
        middle = float(tile["latitude"]), float(tile["longitude"])
        assert _away_m(target, middle) < 60 * 0.16 * math.sqrt(2) + 0.5
        assert 50 <= float(row["altitude_m"]) <= 200
        assert -90 <= float(row["gimbal_pitch_deg"]) <= -30
        seen_m = float(row["gsd_m"]) * 48
        assert 0.45 * 60 - 0.1 <= seen_m <= 1.25 * 60 + 0.1


def test_no_test_tile_reaches_over_a_training_tile(flown: Path) -> None:
    tiles = [row for row in _rows(flown / "out") if row["view"] == "satellite"]
    north = max(float(row["north"]) for row in tiles if row["split"] == "test")
    south = min(float(row["south"]) for row in tiles if row["split"] == "train")
    assert north <= south + 1e-7


def test_a_killed_run_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    mesh, out = write_obj(tmp_path / "mesh"), tmp_path / "out"
    assert _fly(mesh, out).exit_code == 0
    before = {file: file.read_bytes() for file in out.rglob("*.jp*g")}
    (out / ".render" / "train-0002.csv").unlink()
    for file in (out / "train" / "drone" / "0002").iterdir():
        file.unlink()
    assert _fly(mesh, out).exit_code == 0
    assert {file: file.read_bytes() for file in out.rglob("*.jp*g")} == before
    again = _fly(mesh, out, "--seed", "5")
    assert again.exit_code == 1
    assert "other settings" in again.output


def _plain_appearance() -> Appearance:
    return Appearance(
        light=Light(),
        season="as flown",
        season_share=0.0,
        relit=0.0,
        lifted=0.0,
        mixing_33=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        gamma_3=(1.0, 1.0, 1.0),
        haze_rgb=(200.0, 200.0, 200.0),
        sensor=Sensor(),
    )


@pytest.mark.parametrize(("heading", "pitch"), [(0, -90), (130, -60), (285, -40)])
def test_a_view_states_where_it_looks_and_stands(
    house: MeshScene, heading: float, pitch: float
) -> None:
    where = Georeference(latitude=_AT[0], longitude=_AT[1])
    # A ground point just south of the house; from the pack's middle, as cameras count.
    x, y = 20.0, -10.0
    camera = aimed(x, y, 80.0, heading, pitch, 50.0)
    view, share = house.from_drone(where, camera, _plain_appearance(), 64)
    assert share > 0.9
    east, north = Transformer.from_crs(
        "EPSG:4326", f"+proj=aeqd +lat_0={_AT[0]} +lon_0={_AT[1]} +datum=WGS84", always_xy=True
    ).transform(view.target[1], view.target[0])
    assert (round(east, 2), round(north, 2)) == (x, y)
    ground_m = _away_m((view.latitude, view.longitude), view.target)
    assert ground_m == pytest.approx(80 / math.tan(math.radians(-pitch)), abs=0.05)
    # The point lies in the south-eastern quarter, which is yellow: red and green over blue.
    red, green, blue = view.pixels[32, 32].tolist()
    assert red > green > blue + 40


def test_heights_count_from_the_ground_below_what_is_looked_at(house: MeshScene) -> None:
    # The house is 12 m high; the pack counts from half of that, so its ground lies at -6 m.
    middle = (HOUSE_LOW + HOUSE_HIGH)[:2] / 2
    assert house.relief.ground_at(*middle.tolist()) == pytest.approx(-6.0, abs=0.1)
    assert house.relief.surface_at(*middle.tolist()) == pytest.approx(6.0, abs=0.1)


def test_a_camera_keeps_the_mesh_in_its_picture(house: MeshScene) -> None:
    ranges = FlightRanges(pitches_deg=(30.0, 35.0))
    for seed in range(20):
        camera = over(house.relief, (0.0, 60.0), 60.0, ranges, RandomStream(seed))
        steps = np.linspace(-0.9, 0.9, 7)
        points = np.array([camera.ground_point(a, b) for a in steps for b in steps])
        assert house.relief.share_covered(points) >= 0.7


def test_tile_and_drone_never_share_season_sun_or_sensor() -> None:
    for seed in range(200):
        rng = RandomStream(seed)
        tile = draw_appearance(rng, drone=False)
        drone = draw_appearance(rng, drone=True, other=tile)
        assert tile.season != drone.season
        assert tile.season != "snow"
        apart = abs(tile.light.sun_azimuth_deg - drone.light.sun_azimuth_deg)
        assert apart >= 40 - 1e-9
        assert 95 <= drone.light.sun_azimuth_deg <= 265
        assert tile.mixing_33 != drone.mixing_33
        assert tile.sensor != drone.sensor


def test_a_tileset_in_earth_fixed_axes_gives_its_own_degrees(tmp_path: Path) -> None:
    to_earth = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    point = np.array(to_earth.transform(-78.5437, -0.2653, 2880.0))
    local_44, degrees = east_north_up(point)
    assert degrees == pytest.approx((-0.2653, -78.5437), abs=1e-9)
    tileset = write_tileset(tmp_path / "mesh", transform=np.linalg.inv(local_44))
    result = _fly(tileset, tmp_path / "out", "--no-at", "--at", "1,2")
    assert "leave out --at" in result.output
    arguments = ["fly", str(tileset), "--out", str(tmp_path / "out"), *_SMALL, "--workers", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    tiles = [row for row in _rows(tmp_path / "out") if row["view"] == "satellite"]
    for row in tiles:
        middle = float(row["latitude"]), float(row["longitude"])
        assert _away_m(middle, (-0.2653, -78.5437)) < 90 * math.sqrt(2)
    # Whatever the Earth's shape, up is up: the highest points of the pack lie on the flat roof.
    found = read_tileset(tileset, 0.0)
    with PackWriter(tmp_path / "pack") as writer:
        for tile in found.files:
            matrix_44 = east_north_up(found.middle_3)[0]
            writer.add([piece.moved(matrix_44) for piece in read_tile(tile)], "tile")
    assert writer.vector_area_3 == pytest.approx((0, 0, 240.0**2 + 20.0 * 30.0), abs=1.0)


def test_detail_takes_a_coarser_level_and_nested_tilesets_are_followed(tmp_path: Path) -> None:
    tileset = write_tileset(tmp_path)
    assert [tile.file.name for tile in read_tileset(tileset, 0.0).files] == ["house.b3dm"]
    assert [tile.file.name for tile in read_tileset(tileset, 30.0).files] == ["flat.glb"]
    write_tileset(tmp_path / "inner")
    outer = json.loads(tileset.read_text())
    outer["root"]["children"][0]["content"]["uri"] = "inner/tileset.json"
    outer["root"]["refine"] = "ADD"
    tileset.write_text(json.dumps(outer))
    found = [str(tile.file.relative_to(tmp_path)) for tile in read_tileset(tileset, 0.0).files]
    assert found == ["tiles/flat.glb", "inner/tiles/house.b3dm"]


def test_a_map_has_tiles_and_flights_that_name_them(tmp_path: Path) -> None:
    mesh = write_obj(tmp_path / "mesh")
    result = _fly(mesh, tmp_path / "out", "--map", "--flights", "2", "--images", "6")
    assert result.exit_code == 0, result.output
    rows = _rows(tmp_path / "out")
    tiles = {row["id"]: row for row in rows if row["view"] == "satellite"}
    assert sorted(tiles) == [f"r{r:02d}c{c:02d}" for r in range(4) for c in range(4)]
    assert tiles["r00c00"]["path"] == "satellite/r00c00.jpg"
    west, east = float(tiles["r00c01"]["west"]), float(tiles["r00c00"]["east"])
    north, south = float(tiles["r01c00"]["north"]), float(tiles["r00c00"]["south"])
    assert (west, north) == pytest.approx((east, south), abs=2e-8)
    drones = [row for row in rows if row["view"] == "drone"]
    assert len(drones) >= 8
    for row in drones:
        tile = tiles[row["id"]]
        assert float(tile["west"]) <= float(row["target_longitude"]) <= float(tile["east"])
        assert float(tile["south"]) <= float(row["target_latitude"]) <= float(tile["north"])
        assert row["flight_id"] in row["path"]


def test_a_cloud_of_points_is_flown_over_too(tmp_path: Path) -> None:
    cloud = write_cloud(tmp_path / "cloud.ply", 1.0)
    result = _fly(cloud, tmp_path / "out", "--places", "1")
    assert result.exit_code == 0, result.output
    assert len(_rows(tmp_path / "out")) == 4


def test_a_preset_is_flown_lower_over_small_tiles(tmp_path: Path) -> None:
    mesh = write_obj(tmp_path / "mesh")
    result = _fly(mesh, tmp_path / "out", "--preset", "university-1652", "--places", "1")
    assert result.exit_code == 0, result.output
    heights = [float(r["altitude_m"]) for r in _rows(tmp_path / "out") if r["view"] == "drone"]
    assert heights == pytest.approx([256 * 0.3, (256 + 121.5) / 2 * 0.3, 121.5 * 0.3], abs=0.1)


def _moved_axes(folder: Path, order: Callable[[np.ndarray], np.ndarray]) -> Path:
    return write_obj(folder, order(arrays()[0]))


def _y_up(folder: Path) -> Path:
    return _moved_axes(folder, lambda v: np.stack([v[:, 0], v[:, 2], -v[:, 1]], axis=1))


def _z_down(folder: Path) -> Path:
    return _moved_axes(folder, lambda v: v * (1, -1, -1))


def _millimetres(folder: Path) -> Path:
    return _moved_axes(folder, lambda v: v * 1000.0)


def _tiny(folder: Path) -> Path:
    return _moved_axes(folder, lambda v: v / 240.0)


def _huge(folder: Path) -> Path:
    return _moved_axes(folder, lambda v: v * 417.0)


def _glb_without_texture(folder: Path) -> Path:
    folder.mkdir()
    (folder / "house.glb").write_bytes(as_glb(textured=False))
    return folder / "house.glb"


def _ply_without_colours(folder: Path) -> Path:
    folder.mkdir()
    return write_ply(folder / "house.ply", coloured=False)


def _texture_is_missing(folder: Path) -> Path:
    mesh = write_obj(folder)
    (folder / "atlas.png").unlink()
    return mesh


def _texture_lies_outside(folder: Path) -> Path:
    return write_obj(folder, texture="../../secret.png")


def _tile_is_missing(folder: Path) -> Path:
    return write_tileset(folder, uri="tiles/lost.b3dm")


def _tile_lies_outside(folder: Path) -> Path:
    return write_tileset(folder, uri="../other/house.b3dm")


def _tile_lies_on_a_server(folder: Path) -> Path:
    return write_tileset(folder, uri="http://127.0.0.1:9/house.b3dm")


def _tile_is_cut_short(folder: Path) -> Path:
    tileset = write_tileset(folder)
    tile = folder / "tiles" / "house.b3dm"
    tile.write_bytes(tile.read_bytes()[:-200])
    return tileset


def _tile_is_noise(folder: Path) -> Path:
    tileset = write_tileset(folder)
    glb = as_glb()
    tile = folder / "tiles" / "house.b3dm"
    tile.write_bytes(b3dm(glb[:-600] + bytes(600)))
    return tileset


def _texture_is_cut_short(folder: Path) -> Path:
    mesh = write_obj(folder)
    (folder / "atlas.png").write_bytes((folder / "atlas.png").read_bytes()[:60])
    return mesh


def _tileset_is_no_json(folder: Path) -> Path:
    folder.mkdir()
    (folder / "tileset.json").write_text("{")
    return folder


def _tileset_is_odd(folder: Path) -> Path:
    tileset = write_tileset(folder)
    text = json.loads(tileset.read_text())
    text["root"]["children"] = [7]
    tileset.write_text(json.dumps(text))
    return tileset


def _tileset_lies_on_its_side(folder: Path) -> Path:
    tileset = write_tileset(folder)
    text = json.loads(tileset.read_text())
    text["asset"]["gltfUpAxis"] = "Z"
    tileset.write_text(json.dumps(text))
    return tileset


def _tileset_names_itself(folder: Path) -> Path:
    return write_tileset(folder, uri="tileset.json")


def _position_is_no_number(folder: Path) -> Path:
    vertices = arrays()[0]
    vertices[3, 1] = np.nan
    return write_obj(folder, vertices)


def _folder_is_empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _format_is_unknown(folder: Path) -> Path:
    folder.mkdir()
    (folder / "house.las").write_bytes(b"LASF")
    return folder / "house.las"


def _is_absent(folder: Path) -> Path:
    return folder / "house.glb"


_BAD: list[tuple[Callable[[Path], Path], str]] = [
    (_y_up, "its surface faces y, where z should be up; add --up y"),
    (_z_down, "its surface faces -z, where z should be up; add --up -z"),
    (_millimetres, "is 240 km wide"),
    (_huge, "is 100 km wide, at most 20"),
    (_tiny, "1 x 1 m hold no whole tile of 60 m; use a smaller --span"),
    (_glb_without_texture, "neither textures nor colours"),
    (_ply_without_colours, "neither textures nor colours"),
    (_texture_is_missing, "names 'atlas.png', which is missing"),
    (_texture_lies_outside, "names '../../secret.png', outside of"),
    (_tile_is_missing, "1 of 1 tiles are missing, the first is"),
    (_tile_lies_outside, "names '../other/house.b3dm', outside of"),
    (_tile_lies_on_a_server, "names 'http://127.0.0.1:9/house.b3dm', not a file beside it"),
    (_tile_is_cut_short, "damaged b3dm ("),
    (_tile_is_noise, "damaged (1 textures)"),
    (_texture_is_cut_short, "no readable texture"),
    (_tileset_is_no_json, "is no JSON"),
    (_tileset_is_odd, "damaged ("),
    (_tileset_lies_on_its_side, "its surface does not face up; correct the tileset's"),
    (_tileset_names_itself, "nested deeper than"),
    (_position_is_no_number, "a position is no number"),
    (_folder_is_empty, "holds 0 mesh files"),
    (_format_is_unknown, "not a known mesh"),
    (_is_absent, "does not exist"),
]


@pytest.mark.parametrize(("make", "words"), _BAD, ids=lambda p: getattr(p, "__name__", ""))
def test_bad_input_is_one_line_and_leaves_nothing_to_take_for_whole(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    result = _fly(make(tmp_path / "mesh"), tmp_path / "out")
    assert result.exit_code == 1
    lines = [line for line in result.output.splitlines() if not line.startswith("reading")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [_y_up, _z_down, _millimetres])
def test_the_remedy_that_the_line_names_works(
    make: Callable[[Path], Path], tmp_path: Path, house: MeshScene
) -> None:
    options = {_y_up: ["--up", "y"], _z_down: ["--up", "-z"], _millimetres: ["--unit", "mm"]}
    result = _fly(make(tmp_path / "mesh"), tmp_path / "out", *options[make])
    assert result.exit_code == 0, result.output
    right = _fly(write_obj(tmp_path / "right"), tmp_path / "straight")
    assert right.exit_code == 0
    for file in (tmp_path / "straight").rglob("*.jp*g"):
        other = tmp_path / "out" / file.relative_to(tmp_path / "straight")
        with Image.open(file) as image, Image.open(other) as found:
            away = np.abs(np.asarray(image, np.int16) - np.asarray(found, np.int16))
        assert away.mean() < 1.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--at", "here"], "write LAT,LON"),
        (["--at", "95,7"], "latitude is -90..90"),
        (["--heights", "low"], "write LOW-HIGH"),
        (["--heights", "90-60"], "LOW-HIGH lies within"),
        (["--pitches", "10-90"], "degrees below the horizon"),
        (["--preset", "nadir", "--fovs", "40-50"], "has its own heights"),
    ],
)
def test_bad_usage_is_exit_code_2(options: list[str], words: str, tmp_path: Path) -> None:
    result = _fly(write_obj(tmp_path / "mesh"), tmp_path / "out", *options)
    assert result.exit_code == 2
    assert words in result.output


def test_heights_from_which_no_view_shows_a_tile_are_refused(tmp_path: Path) -> None:
    result = _fly(write_obj(tmp_path / "mesh"), tmp_path / "out", "--heights", "1000-1200")
    assert result.exit_code == 1
    assert "no view from there shows about one tile of 60 m" in result.output
    assert not (tmp_path / "out" / "gps.csv").exists()


def test_a_mesh_without_a_place_is_refused_before_it_is_read(tmp_path: Path) -> None:
    tileset = write_tileset(tmp_path / "mesh")
    arguments = ["fly", str(tileset), "--out", str(tmp_path / "out"), *_SMALL]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.output.strip().endswith("is not georeferenced; add --at LAT,LON of its origin")
    assert "reading" not in result.output


@pytest.mark.skipif(not _QUITO.is_dir(), reason="shared/data/quito, a real mesh, is not at hand")
def test_a_real_tileset_is_read_upright_in_metres_with_its_colours(tmp_path: Path) -> None:
    parts = open_mesh(_QUITO, MeshOptions(detail_m=8.0))
    pack = pack_mesh(_QUITO, parts.pieces(), tmp_path / "pack")
    east, north, up = (pack.high_3 - pack.low_3).tolist()
    assert (east, north) == pytest.approx((603, 405), abs=3)
    assert 30 < up < 45
    relief = open_scene(tmp_path / "pack", None).relief
    assert relief.square_covered(0.0, 0.0, 160.0) > 0.99
    assert relief.square_covered(-280.0, 180.0, 40.0) < 0.5  # a corner without texture, white
    assert 60 < relief.brightness < 180
