"""Views of a textured mesh: every pixel shows what an independent ray meets, lit by the sun."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.mesh_samples import (
    COLOURS,
    NAMES,
    as_glb,
    b3dm,
    meets,
    pinhole_rays,
    quads,
    write_cloud,
    write_obj,
    write_ply,
    write_tileset,
)
from training.world.mesh.drawing import draw, draw_gbuffer
from training.world.mesh.lens import Lens, from_above, pinhole
from training.world.mesh.lighting import daylight
from training.world.mesh.mipmaps import mipmap_levels, used_texels
from training.world.mesh.pack import Pack, open_pack
from training.world.mesh.pack_writer import PackWriter
from training.world.mesh.piece import Piece
from training.world.mesh.source import MeshOptions, open_mesh, pack_mesh
from training.world.rendering.camera import Camera
from training.world.scene.light import Light

_SIDE = 200
_MIDDLE_3 = np.array([0.0, 0.0, 6.0])
"""Of the house and its plane: the pack counts from there."""
_POSES = [(0, -90), (45, -90), (37, -60), (200, -40), (300, -30), (120, -75)]


def _glb(folder: Path) -> Path:
    (folder / "house.glb").write_bytes(as_glb())
    return folder / "house.glb"


def _draco(folder: Path) -> Path:
    (folder / "house.glb").write_bytes(as_glb(draco=True))
    return folder / "house.glb"


def _ply(folder: Path) -> Path:
    return write_ply(folder / "house.ply")


_FORMATS: dict[str, Callable[[Path], Path]] = {
    "glb": _glb,
    "draco": _draco,
    "obj": write_obj,
    "ply": _ply,
    "tileset": write_tileset,
}


def _packed(mesh: Path, folder: Path, **options: object) -> Pack:
    parts = open_mesh(mesh, MeshOptions(**options))  # type: ignore[arg-type]
    return pack_mesh(mesh, parts.pieces(), folder)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = tmp_path_factory.mktemp("house")
    return _packed(_glb(folder), folder / "pack")


def _shown(pack: Pack, lens: Lens, splat_m: float = 0.5) -> NDArray[np.int64]:
    """The number in NAMES of the nearest colour of each pixel; -1 where it shows nothing."""
    drawn = draw(pack, lens, splat_m)
    colour = draw_gbuffer(pack, lens, drawn).colour_HW3.reshape(-1, 1, 3)
    away = np.abs(colour - np.array(list(COLOURS.values()))).sum(axis=2)
    return np.where(drawn.is_shown.reshape(-1), away.argmin(axis=1), -1)


def _camera(heading_deg: float, pitch_deg: float) -> Camera:
    """A camera 70 m up from which the house lies in the picture."""
    toward = np.radians(heading_deg)
    back = 70.0 / np.tan(np.radians(-pitch_deg)) * 0.9 if pitch_deg > -89 else 0.0
    return Camera(
        x_m=20 - back * float(np.sin(toward)),
        y_m=35 - back * float(np.cos(toward)),
        z_m=70.0,
        heading_deg=heading_deg,
        gimbal_pitch_deg=pitch_deg,
        field_of_view_deg=60.0,
    )


def _lens(camera: Camera, side_px: int = _SIDE) -> Lens:
    """The camera's lens over the packed house, whose middle lies 6 m over the ground."""
    eye = camera.x_m, camera.y_m, camera.z_m - 6.0
    return pinhole(eye, camera.axes(), camera.field_of_view_deg, side_px)


@pytest.mark.parametrize(("heading", "pitch"), _POSES)
def test_each_pixel_shows_what_its_ray_meets(house: Pack, heading: float, pitch: float) -> None:
    camera = _camera(heading, pitch)
    ray_N3 = pinhole_rays(heading, pitch, 60.0, _SIDE)
    eye_N3 = np.broadcast_to((camera.x_m, camera.y_m, camera.z_m), ray_N3.shape)
    expected_N, _ = meets(eye_N3, ray_N3)
    same_N = _shown(house, _lens(camera)) == expected_N
    assert same_N.mean() > 0.999
    assert (expected_N == NAMES.index("roof")).mean() > 0.01


@pytest.mark.parametrize("name", _FORMATS)
def test_every_format_gives_the_same_picture(name: str, tmp_path: Path, house: Pack) -> None:
    pack = _packed(_FORMATS[name](tmp_path), tmp_path / "pack")
    lens = _lens(_camera(200, -40))
    assert (_shown(pack, lens) == _shown(house, lens)).mean() > 0.998


def test_a_cloud_of_points_gives_nearly_the_same_picture(tmp_path: Path, house: Pack) -> None:
    pack = _packed(write_cloud(tmp_path / "cloud.ply"), tmp_path / "pack")
    lens = _lens(_camera(200, -40))
    assert (_shown(pack, lens, 0.8) == _shown(house, lens)).mean() > 0.97


def test_a_tile_has_north_up_and_east_right(house: Pack) -> None:
    shown = _shown(house, from_above(0.0, 0.0, 6.0, 100.0, 100)).reshape(100, 100)
    corners = {NAMES[shown[row, column]]: (row, column) for row in (5, 95) for column in (5, 95)}
    assert corners == {
        "north-west": (5, 5),
        "north-east": (5, 95),
        "south-west": (95, 5),
        "south-east": (95, 95),
    }
    rows, columns = np.nonzero(shown == NAMES.index("roof"))
    # The roof spans x 10 to 30 and y 20 to 50 m; a pixel is a metre and the middle is (50, 50).
    assert (columns.min(), columns.max() + 1) == (60, 80)
    assert (rows.min(), rows.max() + 1) == (0, 30)


def test_each_pixel_knows_its_point_and_which_way_it_faces(house: Pack) -> None:
    camera = _camera(37, -60)
    lens = _lens(camera)
    drawn = draw(house, lens, 0.5)
    gbuffer = draw_gbuffer(house, lens, drawn)
    ray_N3 = pinhole_rays(37, -60, 60.0, _SIDE)
    eye_N3 = np.broadcast_to((camera.x_m, camera.y_m, camera.z_m), ray_N3.shape)
    what_N, away_N = meets(eye_N3, ray_N3)
    away_m = np.linalg.norm(gbuffer.point_HW3.reshape(-1, 3) + _MIDDLE_3 - eye_N3, axis=1)
    met = what_N >= 0
    expected_m = away_N[met] * np.linalg.norm(ray_N3[met], axis=1)
    assert np.median(np.abs(away_m[met] - expected_m)) < 1e-3
    south = gbuffer.normal_HW3.reshape(-1, 3)[what_N == NAMES.index("south")]
    assert np.allclose(np.median(south, axis=0), (0, -1, 0), atol=1e-6)


def test_textures_are_in_true_perspective_and_far_ones_averaged(tmp_path: Path) -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    texture = np.repeat(checks[..., None], 3, axis=2)
    corners = np.array([[-64, -64, 0], [64, -64, 0], [64, 64, 0], [-64, 64, 0]], dtype=np.float64)
    piece = Piece(
        position_V3=corners,
        triangle_T3=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        colour_V3=np.zeros((4, 3), np.uint8),
        uv_V2=np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float64),
        texture_HW3=texture,
    )
    with PackWriter(tmp_path / "pack") as writer:
        writer.add([piece], "checks")
    pack = open_pack(tmp_path / "pack")
    camera = Camera(
        x_m=0, y_m=-30, z_m=12, heading_deg=0, gimbal_pitch_deg=-30, field_of_view_deg=60
    )
    lens = pinhole((0.0, -30.0, 12.0), camera.axes(), 60.0, _SIDE)
    bright = draw_gbuffer(pack, lens, draw(pack, lens, 1.0)).colour_HW3[..., 0].reshape(-1)
    ray_N3 = pinhole_rays(0, -30, 60.0, _SIDE)
    with np.errstate(divide="ignore"):
        away = 12.0 / -ray_N3[:, 2]
    x, y = away * ray_N3[:, 0], -30 + away * ray_N3[:, 1]
    column, row = (x + 64) / 2, (64 - y) / 2  # a check is 2 m wide; row 0 is the northernmost
    inside = (away > 0) & (np.hypot(x, y + 30) < 40)
    central = inside & (np.abs(column % 1 - 0.5) < 0.1) & (np.abs(row % 1 - 0.5) < 0.1)
    expected = (np.floor(column) + np.floor(row)) % 2 * 255
    assert central.sum() > 500
    assert (np.abs(bright - expected)[central] < 60).mean() > 0.98
    far = from_above(0.0, 0.0, 10.0, 120.0, 8)
    grey = draw_gbuffer(pack, far, draw(pack, far, 1.0)).colour_HW3
    assert np.abs(grey - 127.5).max() < 5


def test_gaps_of_an_atlas_do_not_darken_its_halvings() -> None:
    texture = np.zeros((16, 16, 3), np.uint8)
    texture[3:11, 5:9] = 200
    uv = np.array([[5, 3], [9, 3], [9, 11], [5, 11]]) / 16
    piece = Piece(
        position_V3=np.zeros((4, 3)),
        triangle_T3=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        colour_V3=np.zeros((4, 3), np.uint8),
        uv_V2=uv,
        texture_HW3=texture,
    )
    used = used_texels(texture, [piece])
    assert np.array_equal(used, texture[..., 0] > 0)
    levels = list(mipmap_levels(texture, used))
    assert [level.shape[0] for level in levels] == [16, 8, 4, 2, 1]
    assert levels[-1].tolist() == [[[200, 200, 200]]]


@pytest.mark.parametrize(("azimuth", "elevation"), [(150, 40), (240, 30), (100, 60)])
def test_shadows_lie_where_the_house_hides_the_sun(
    house: Pack, azimuth: float, elevation: float
) -> None:
    light = Light(sun_azimuth_deg=azimuth, sun_elevation_deg=elevation, ambient=0.4, direct=0.6)
    lens = from_above(20.0, 35.0, 6.0, 110.0, 220)
    drawn = draw(house, lens, 0.5)
    gbuffer = draw_gbuffer(house, lens, drawn)
    bright = daylight(house, gbuffer, drawn, light, 0.5).reshape(-1)
    point_N3 = gbuffer.point_HW3.reshape(-1, 3).astype(np.float64) + _MIDDLE_3
    sun_N3 = np.broadcast_to(light.sun, point_N3.shape)
    is_ground = point_N3[:, 2] < 0.1
    what_N, _ = meets(point_N3 + 0.01 * sun_N3, sun_N3)
    in_shade = is_ground & (what_N >= NAMES.index("roof"))
    level = 0.4 + 0.6 * np.sin(np.radians(elevation))
    assert in_shade.mean() > 0.01
    assert (np.abs(bright[in_shade] - 0.4 / level) < 0.1).mean() > 0.9
    assert (np.abs(bright[is_ground & ~in_shade] - 1.0) < 1e-3).mean() > 0.99


def test_a_wall_towards_the_sun_is_brighter_than_one_away_from_it(house: Pack) -> None:
    light = Light(sun_azimuth_deg=180, sun_elevation_deg=35)
    bright = {}
    for name, heading in (("south", 0), ("north", 180)):
        lens = _lens(_camera(heading, -35))
        drawn = draw(house, lens, 0.5)
        gbuffer = draw_gbuffer(house, lens, drawn)
        shown = _shown(house, lens).reshape(_SIDE, _SIDE) == NAMES.index(name)
        bright[name] = np.median(daylight(house, gbuffer, drawn, light, 0.5)[shown])
    assert bright["south"] > 1.2
    assert bright["north"] < 0.6


def test_a_plane_that_reaches_behind_the_camera_is_cut_not_lost(house: Pack) -> None:
    camera = Camera(
        x_m=0, y_m=-60, z_m=20, heading_deg=180, gimbal_pitch_deg=-80, field_of_view_deg=100
    )
    shown = _shown(house, _lens(camera, 64))
    assert (shown >= 0).all()


def test_a_tile_counts_from_its_own_centre(tmp_path: Path, house: Pack) -> None:
    tileset = write_tileset(tmp_path)
    moved = as_glb(np.concatenate([quad - (500.0, 0, 0) for quad in quads()]))
    (tmp_path / "tiles" / "house.b3dm").write_bytes(b3dm(moved, [500.0, 0.0, 0.0]))
    pack = _packed(tileset, tmp_path / "pack")
    lens = _lens(_camera(200, -40))
    assert (_shown(pack, lens) == _shown(house, lens)).mean() > 0.998
