import math

import numpy as np
import pytest
from pyproj import Geod

from indexer import geo

GEOD = Geod(ellps="WGS84")


def test_distance_agrees_with_the_ellipsoid_to_half_a_percent() -> None:
    for a, b in [
        ((49.5, 17.2), (49.6, 17.3)),
        ((-33.9, 18.4), (-34.0, 18.5)),
        ((0, 179.9), (0, -179.9)),
    ]:
        _, _, true_m = GEOD.inv(a[1], a[0], b[1], b[0])
        assert geo.distance_m(*a, *b) == pytest.approx(true_m, rel=0.006)


def test_one_degree_of_latitude_is_111_195_m_on_the_mean_sphere() -> None:
    assert geo.distance_m(0, 0, 1, 0) == pytest.approx(111_195.08, abs=0.1)


@pytest.mark.parametrize("start", [(49.5, 17.2), (-46.8, -92.0), (0.0, 179.9999), (89.99, 10.0)])
def test_offset_and_metres_between_are_inverse(start: tuple[float, float]) -> None:
    there = geo.offset(*start, north_m=-120.0, east_m=345.0)
    north_m, east_m = geo.metres_between(*start, *there)
    assert (north_m, east_m) == pytest.approx((-120.0, 345.0), abs=1e-3)


def test_offset_across_the_antimeridian_wraps() -> None:
    latitude, longitude = geo.offset(0.0, 179.9999, north_m=0.0, east_m=100.0)
    assert -180.0 <= longitude < -179.99
    assert latitude == pytest.approx(0.0, abs=1e-9)


def test_bounds_of_a_box_across_the_antimeridian_have_west_above_east() -> None:
    corners = [(1.0, 179.0), (1.0, -179.0), (-1.0, -179.0), (-1.0, 179.0)]
    assert geo.bounds_of(corners) == pytest.approx((179.0, -1.0, -179.0, 1.0))


def test_bounds_across_the_antimeridian_hold_both_sides_and_nothing_between() -> None:
    bounds = (179.0, -1.0, -179.0, 1.0)
    assert geo.inside_bounds(0.0, 179.5, bounds)
    assert geo.inside_bounds(0.0, -179.5, bounds)
    assert not geo.inside_bounds(0.0, 0.0, bounds)


def test_a_polygon_holds_its_inside_also_across_the_antimeridian() -> None:
    triangle = [(0.0, 179.0), (0.0, -179.0), (2.0, 180.0)]
    assert geo.inside_polygon(0.5, 179.9, triangle)
    assert geo.inside_polygon(0.5, -179.9, triangle)
    assert not geo.inside_polygon(1.9, 179.2, triangle)


@pytest.mark.parametrize("centre", [(49.5, 17.2), (0.0, -179.99), (89.9, 0.0)])
def test_bounds_around_hold_every_position_within_the_radius(centre: tuple[float, float]) -> None:
    bounds = geo.bounds_around(*centre, 5_000.0)
    for bearing_deg in range(0, 360, 5):
        turn = math.radians(bearing_deg)
        there = geo.offset(*centre, 4_999.0 * math.cos(turn), 4_999.0 * math.sin(turn))
        assert geo.inside_bounds(*there, bounds)


def test_tile_addresses_match_the_published_example() -> None:
    # Source: OSM wiki, "Slippy map tilenames", worked example of zoom 18.
    assert geo.tile_corner(0, 0, 0) == pytest.approx((85.0511287798066, -180.0))
    assert geo.tile_corner(1, 1, 1) == pytest.approx((0.0, 0.0))
    x, y = geo.tile_address(18, 35.6590699, 139.7006793)
    assert (int(x), int(y)) == (232798, 103246)


def test_tile_address_and_corner_are_inverse() -> None:
    latitude, longitude = geo.tile_corner(19, 287284.25, 178883.75)
    assert geo.tile_address(19, latitude, longitude) == pytest.approx((287284.25, 178883.75))


def test_tile_corners_run_clockwise_from_the_north_west() -> None:
    nw, ne, se, sw = geo.tile_corners(19, 287284, 178883)
    assert nw[0] == ne[0] > se[0] == sw[0]
    assert nw[1] == sw[1] < ne[1] == se[1]


def test_zoom_19_at_the_equator_is_29_8_cm_per_pixel() -> None:
    assert geo.tile_gsd_m(19, 0.0, 256) == pytest.approx(0.2986, abs=1e-4)


def test_square_corners_turn_with_the_heading() -> None:
    top_left, top_right, _, _ = geo.square_corners(10.0, 20.0, 100.0, 100.0, heading_deg=90.0)
    # The top of a picture that looks east lies in the east, its left in the north.
    assert top_left[0] > 10.0
    assert top_left[1] > 20.0
    assert top_right[0] < 10.0
    assert top_right[1] > 20.0
    assert geo.ground_size_m(geo.square_corners(10.0, 20.0, 100.0, 100.0, 33.0)) == pytest.approx(
        100.0, abs=1e-3
    )


def test_distances_to_many_equal_the_distance_to_each() -> None:
    latitudes = np.array([49.0, -20.0, 89.0])
    longitudes = np.array([17.0, 179.0, -3.0])
    many = geo.metres_to_all(48.0, 16.0, latitudes, longitudes)
    single = [geo.distance_m(48.0, 16.0, a, b) for a, b in zip(latitudes, longitudes, strict=True)]
    assert many == pytest.approx(single)
