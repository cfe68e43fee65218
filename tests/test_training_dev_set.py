"""The development set: its parts' positions and its scores."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.geo import distance_m
from training.dev_set.build import PARTS, build_part
from training.dev_set.chia import chia
from training.dev_set.helsinki import TILE_M, WIDE_TILE_M, helsinki, helsinki_75
from training.dev_set.images import Shown, write_part
from training.dev_set.scores import PartScore, place_interval, selecting_mean
from training.errors import DataError
from training.world.errors import MapSourceError
from training.world.orthophoto.point_cloud import PointCloud, splat
from training.world.rendering.camera import Camera

DOWN = Camera(
    x_m=0.0, y_m=0.0, z_m=50.0, heading_deg=0.0, gimbal_pitch_deg=-90.0, field_of_view_deg=60.0
)


def write_cloud(file: Path, points: list[tuple[float, ...]]) -> None:
    kinds = [(name, "<f4") for name in "xyz"] + [(name, "u1") for name in ("r", "g", "b")]
    header = "ply\nformat binary_little_endian 1.0\n" + f"element vertex {len(points)}\n"
    header += "".join(f"property float {name}\n" for name in "xyz")
    header += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    file.write_bytes(header.encode() + b"end_header\n" + np.array(points, kinds).tobytes())


def grid(colour: tuple[int, int, int], height_m: float = 0.0) -> list[tuple[float, ...]]:
    steps = np.arange(-50, 50, 1.0).tolist()
    return [(x, y, height_m, *colour) for x in steps for y in steps]


def test_the_nearest_point_of_a_cloud_covers_what_lies_behind(tmp_path: Path) -> None:
    write_cloud(tmp_path / "c.ply", [*grid((0, 200, 0)), (0.0, 0.0, 20.0, 255, 0, 0)])
    view = splat(PointCloud.read(tmp_path / "c.ply"), DOWN, 64, point_m=1.2)
    assert view[32, 32].tolist() == [255, 0, 0]
    assert view[5, 5].tolist() == [0, 200, 0]


def test_a_point_lies_where_the_pinhole_equation_says(tmp_path: Path) -> None:
    write_cloud(tmp_path / "c.ply", [(10.0, 20.0, 0.0, 9, 8, 7)])
    view = splat(PointCloud.read(tmp_path / "c.ply"), DOWN, 256, point_m=0.1)
    focal_px = 128 / np.tan(np.radians(30))
    row, column = 128 - focal_px * 20 / 50, 128 + focal_px * 10 / 50
    assert view[int(row), int(column)].tolist() == [9, 8, 7]
    assert view[200, 40].tolist() == [128, 128, 128]


@pytest.mark.parametrize("bytes_kept", [40, 400])
def test_a_cloud_of_another_form_is_refused(tmp_path: Path, bytes_kept: int) -> None:
    write_cloud(tmp_path / "c.ply", grid((1, 2, 3)))
    (tmp_path / "c.ply").write_bytes((tmp_path / "c.ply").read_bytes()[:bytes_kept])
    with pytest.raises(MapSourceError, match="no binary PLY"):
        PointCloud.read(tmp_path / "c.ply")


def write_halves(folder: Path) -> None:
    """Write a place whose east half is red and whose west half is blue, in both sources."""
    points = [
        (x, y, z, *((200, 0, 0) if x > 0 else (0, 0, 200))) for x, y, z, *_ in grid((0, 0, 0))
    ]
    write_cloud(folder / "a_cloud.ply", points)
    ortho = np.zeros((500, 500, 3), np.uint8)
    ortho[:, :250], ortho[:, 250:] = (0, 0, 200), (200, 0, 0)
    Image.fromarray(ortho).save(folder / "a_ortho.jpg", quality=95)


@pytest.mark.parametrize(
    ("part", "tile_m", "tiles", "views"),
    [(helsinki, TILE_M, 49, 30), (helsinki_75, WIDE_TILE_M, 36, 24)],
)
def test_helsinki_views_and_the_tile_below_them_show_the_same_ground(
    tmp_path: Path,
    part: Callable[[Path], Iterator[Shown]],
    tile_m: float,
    tiles: int,
    views: int,
) -> None:
    write_halves(tmp_path)
    shown = list(part(tmp_path))
    maps = [one for one in shown if one.view == "satellite"]
    flown = [one for one in shown if one.view == "drone"]
    assert (len(maps), len(flown)) == (tiles, views)
    assert {tile.ground_m for tile in maps} == {tile_m}
    for view in flown:
        nearest = min(maps, key=lambda tile: distance_m(*tile.position, *view.position))
        assert distance_m(*nearest.position, *view.position) < tile_m / 2
    aside = [one for one in shown if abs(one.position[1] - 25.0) > 1e-4]  # 6 m from the border
    assert {one.view for one in aside} == {"drone", "satellite"}
    for one in aside:
        middle = np.asarray(one.pixels)[112:144, 112:144].mean(axis=(0, 1))
        assert (middle[0] > middle[2]) == (one.position[1] > 25.0)


def test_parts_of_one_city_are_left_out_of_a_fit_together() -> None:
    assert PARTS["helsinki"].city == PARTS["helsinki-75"].city
    assert len({part.city for part in PARTS.values()}) == len(PARTS) - 1


def test_a_photo_without_a_pose_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "DJI_1.JPG")
    with pytest.raises(DataError, match=r"DJI_1.JPG: no drone-dji pose"):
        list(chia(tmp_path))


def test_a_part_holds_every_image_with_its_position(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    images = [
        Shown(view=view, place="p", position=(49.5, 17.25), pixels=pixels)
        for view in ("satellite", "drone")
    ]
    assert write_part(tmp_path / "part", images) == 2
    with (tmp_path / "part" / "gps.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["path"] for line in lines] == ["satellite/0000.jpg", "drone/0001.jpg"]
    assert all((tmp_path / "part" / line["path"]).is_file() for line in lines)
    assert float(lines[0]["latitude"]) == 49.5


def test_a_part_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    (tmp_path / "chia").mkdir()
    (tmp_path / "chia" / "gps.csv").write_text("path,id,view,latitude,longitude\n")
    assert build_part("chia", tmp_path / "no imagery", tmp_path) == tmp_path / "chia"


def test_the_interval_is_over_places_not_over_queries() -> None:
    hits = torch.tensor([True] * 50 + [False] * 50)
    few_low, few_high = place_interval(hits, ("a",) * 50 + ("b",) * 50)
    many_low, many_high = place_interval(hits, tuple(str(k) for k in range(100)))
    assert (few_low, few_high) == (0.0, 100.0)
    assert (many_low, many_high) == (pytest.approx(40, abs=3), pytest.approx(60, abs=3))


def test_the_mean_is_of_the_parts_that_select() -> None:
    def at(recall1: float) -> PartScore:
        return PartScore(recall1=recall1, low=0, high=0, queries=1, places=1, gallery=1)

    assert not PARTS["morava"].selects
    assert selecting_mean({"helsinki": at(20), "chia": at(60), "morava": at(90)}) == 40.0
