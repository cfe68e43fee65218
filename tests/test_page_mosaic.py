"""A gallery's pictures as web-mercator tiles: the right colour at the right place."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from indexer.geo import square_corners, tile_corner, tile_corners
from indexer.records import ImageRecord
from service.maps.mosaic import GroundTable, TileAddress, draw_flat, draw_pictures, encode

QUARTERS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "white": (250,) * 3,
}


def quartered(size: int = 64) -> bytes:
    """A picture with one colour per quarter: red, green over blue, white."""
    pixels = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    for i, colour in enumerate(QUARTERS.values()):
        row, column = divmod(i, 2)
        pixels[row * half : (row + 1) * half, column * half : (column + 1) * half] = colour
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def always(picture: bytes) -> Callable[[str], bytes]:
    return lambda image_id: picture


def record(corners: object, image_id: str = "a", gsd_m: float | None = 1.0) -> ImageRecord:
    return ImageRecord(
        image_id=image_id,
        view="satellite",
        latitude=0,
        longitude=0,
        corners=corners,  # type: ignore[arg-type]
        gsd_m=gsd_m,
    )


def colour_at(canvas: Image.Image, x: int, y: int) -> str:
    pixel = np.array(canvas.getpixel((x, y)))
    if pixel[3] == 0:
        return "nothing"
    return min(QUARTERS, key=lambda name: np.abs(pixel[:3] - QUARTERS[name]).sum())


def test_a_picture_that_is_exactly_a_tile_fills_it_upright() -> None:
    tile = TileAddress(17, 68000, 44000)
    canvas = draw_pictures(tile, [record(tile_corners(17, 68000, 44000))], always(quartered()))
    corners = [colour_at(canvas, x, y) for x, y in ((3, 3), (252, 3), (3, 252), (252, 252))]
    assert corners == ["red", "green", "blue", "white"]
    assert canvas.getchannel("A").getextrema() == (255, 255)


def test_neighbouring_tiles_show_the_two_halves_of_a_picture_between_them() -> None:
    nw, _, _, sw = tile_corners(17, 68000, 44000)
    _, ne, se, _ = tile_corners(17, 68001, 44000)
    both = record((nw, ne, se, sw))
    left = draw_pictures(TileAddress(17, 68000, 44000), [both], always(quartered()))
    right = draw_pictures(TileAddress(17, 68001, 44000), [both], always(quartered()))
    assert [colour_at(left, 128, y) for y in (40, 210)] == ["red", "blue"]
    assert [colour_at(right, 128, y) for y in (40, 210)] == ["green", "white"]


def test_a_picture_whose_top_points_east_is_turned() -> None:
    latitude, longitude = tile_corner(17, 68000.5, 44000.5)
    corners = square_corners(latitude, longitude, 100.0, 100.0, heading_deg=90.0)
    canvas = draw_pictures(TileAddress(17, 68000, 44000), [record(corners)], always(quartered()))
    # Red, the top left, now lies to the north-east: seen from its own top, east is up.
    near = {(1, -1): "red", (1, 1): "green", (-1, -1): "blue", (-1, 1): "white"}
    for (dx, dy), colour in near.items():
        assert colour_at(canvas, 128 + 20 * dx, 128 + 20 * dy) == colour
    assert colour_at(canvas, 5, 5) == "nothing"


def test_fine_pictures_lie_above_coarse_ones() -> None:
    tile = TileAddress(17, 68000, 44000)
    corners = tile_corners(17, 68000, 44000)
    plain = io.BytesIO()
    Image.new("RGB", (32, 32), QUARTERS["blue"]).save(plain, "PNG")
    pictures = {"fine": plain.getvalue(), "coarse": quartered()}
    records = [record(corners, "fine", 0.2), record(corners, "coarse", 2.0)]
    canvas = draw_pictures(tile, records, pictures.__getitem__)
    assert colour_at(canvas, 3, 3) == "blue"


def test_zoomed_out_a_picture_keeps_its_mean_colour() -> None:
    corners = tile_corners(20, 68000 * 8, 44000 * 8)
    canvas = draw_pictures(TileAddress(17, 68000, 44000), [record(corners)], always(quartered()))
    shown = np.array(canvas)[:32, :32]
    assert (shown[..., 3] == 255).all()
    mean = shown[..., :3].reshape(-1, 3).mean(axis=0)
    assert np.abs(mean - np.mean(list(QUARTERS.values()), axis=0)).max() < 4
    assert colour_at(canvas, 40, 40) == "nothing"


def test_only_pictures_that_share_area_with_a_tile_are_found() -> None:
    records = [
        record(tile_corners(17, 68000, 44000), "inside"),
        record(tile_corners(16, 34000, 22000), "around"),
        record(tile_corners(17, 68001, 44000), "beside"),
        record(None, "nowhere"),
    ]
    table = GroundTable(records)
    found = {table.image_ids[row] for row in table.touching(TileAddress(17, 68000, 44000))}
    assert found == {"inside", "around"}


def test_of_tiles_at_half_steps_only_as_many_as_cover_the_ground_are_drawn() -> None:
    tile = TileAddress(17, 68000, 44000)

    def corners(column: float, row: float) -> tuple[tuple[float, float], ...]:
        edges = ((0, 0), (1, 0), (1, 1), (0, 1))
        x, y = 4 * tile.x + column, 4 * tile.y + row
        return tuple(tile_corner(19, x + dx, y + dy) for dx, dy in edges)

    halves = [step / 2 for step in range(7)]
    records = [record(corners(x, y), f"{x} {y}") for x in halves for y in halves]
    turned = record(square_corners(*tile_corner(17, 68000.5, 44000.5), 50.0, 50.0, 30.0), "turned")
    table = GroundTable([*records, turned])
    needed = {table.image_ids[row] for row in table.needed(tile)}
    assert needed == {f"{x:.1f} {y:.1f}" for x in range(4) for y in range(4)} | {"turned"}
    drawn = [known for known in records if known.image_id in needed]
    canvas = draw_pictures(tile, drawn, always(quartered()))
    assert canvas.getchannel("A").getextrema() == (255, 255)


@pytest.mark.parametrize(("x", "seen"), [(0, "green"), (2**15 - 1, "red")])
def test_a_picture_across_the_antimeridian_shows_on_both_sides(x: int, seen: str) -> None:
    corners = square_corners(0.002, 180.0, 600.0, 600.0)
    across = record(corners)
    tile = TileAddress(15, x, 2**14 - 1)
    table = GroundTable([across])
    assert list(table.touching(tile)) == [0]
    canvas = draw_pictures(tile, [across], always(quartered()))
    column = 5 if x == 0 else 250
    north, _ = corners[0]
    row = int((1 - north / tile_corner(15, 0, 2**14 - 1)[0]) * 256) + 10
    assert colour_at(canvas, column, row) == seen
    flat = draw_flat(tile, table.boxes_N4)
    assert flat.getpixel((column, row))[3] == 255


def test_a_full_tile_is_a_jpeg_and_one_with_gaps_a_png() -> None:
    full = Image.new("RGBA", (256, 256), (9, 9, 9, 255))
    assert encode(full)[1] == "image/jpeg"
    full.putpixel((0, 0), (0, 0, 0, 0))
    content, media_type = encode(full)
    assert media_type == "image/png"
    assert Image.open(io.BytesIO(content)).getpixel((0, 0)) == (0, 0, 0, 0)


def test_flat_overviews_cover_where_the_pictures_are() -> None:
    table = GroundTable([record(tile_corners(18, 136000, 88000))])
    canvas = np.array(draw_flat(TileAddress(17, 68000, 44000), table.boxes_N4))
    assert (canvas[:128, :128, 3] == 255).all()
    assert canvas[..., 3].sum() == 128 * 128 * 255
