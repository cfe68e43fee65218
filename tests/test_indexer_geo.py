import math

import numpy as np
import pytest
from pyproj import Geod, Transformer

from indexer import geo
from indexer.polygons import box_of, inside_any, inside_polygon, join_holes

GEOD = Geod(ellps="WGS84")


def test_distance_is_that_on_the_ellipsoid() -> None:
    for a, b in [
        ((49.5, 17.2), (49.6, 17.3)),
        ((-33.9, 18.4), (-34.0, 18.5)),
        ((0, 179.9), (0, -179.9)),
    ]:
        _, _, true_m = GEOD.inv(a[1], a[0], b[1], b[0])
        assert geo.distance_m(*a, *b) == pytest.approx(true_m, rel=1e-9)


def test_one_degree_of_latitude_at_the_equator_is_110_574_m() -> None:
    assert geo.distance_m(0, 0, 1, 0) == pytest.approx(110_574.39, abs=0.1)


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


@pytest.mark.parametrize(("crs", "sign"), [("EPSG:3413", 1), ("EPSG:3031", -1)])
def test_bounds_of_a_tile_around_a_pole_hold_the_pole_and_every_longitude(crs, sign) -> None:
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

    def bounds(left_m: float, right_m: float) -> tuple[float, float, float, float]:
        places = ((left_m, 50.0), (right_m, 50.0), (right_m, -50.0), (left_m, -50.0))
        return geo.bounds_of([to_degrees.transform(x, y)[::-1] for x, y in places])

    west, south, east, north = bounds(-40.0, 60.0)
    assert (west, east) == (-180.0, 180.0)
    assert (north if sign > 0 else south) == 90.0 * sign
    assert abs(south if sign > 0 else north) == pytest.approx(90 - 78 / 111_195, abs=3e-5)
    west, south, east, north = bounds(10.0, 60.0)
    assert (east - west) % 360 < 180, "beside the pole"
    assert abs(north if sign > 0 else south) < 90.0


def test_bounds_of_a_corner_on_the_pole_do_not_depend_on_its_longitude() -> None:
    for longitude in (-135.0, 0.0, 80.0, 180.0):
        corners = [(90.0, longitude), (89.999, 45.0), (89.998, 90.0), (89.999, 135.0)]
        assert geo.bounds_of(corners) == pytest.approx((45.0, 89.998, 135.0, 90.0))


def test_bounds_across_the_antimeridian_hold_both_sides_and_nothing_between() -> None:
    bounds = (179.0, -1.0, -179.0, 1.0)
    assert geo.inside_bounds(0.0, 179.5, bounds)
    assert geo.inside_bounds(0.0, -179.5, bounds)
    assert not geo.inside_bounds(0.0, 0.0, bounds)


def test_a_polygon_holds_its_inside_also_across_the_antimeridian() -> None:
    triangle = [(0.0, 179.0), (0.0, -179.0), (2.0, 180.0)]
    assert inside_polygon(0.5, 179.9, triangle)
    assert inside_polygon(0.5, -179.9, triangle)
    assert not inside_polygon(1.9, 179.2, triangle)
    assert box_of(triangle) == (179.0, 0.0, -179.0, 2.0)


def test_a_polygon_does_not_hold_the_other_side_of_the_globe() -> None:
    square = [(0.0, -10.0), (0.0, 10.0), (10.0, 10.0), (10.0, -10.0)]
    assert inside_polygon(5.0, 0.0, square)
    assert not inside_polygon(5.0, 175.0, square)
    assert not inside_polygon(5.0, -180.0, square)


def test_a_polygon_may_reach_further_than_half_the_globe() -> None:
    east = [(0.0, float(longitude)) for longitude in range(-160, 170, 10)]
    ring = east + [(10.0, longitude) for _, longitude in reversed(east)]
    assert box_of(ring) == (-160.0, 0.0, 160.0, 10.0)
    assert inside_polygon(5.0, 155.0, ring)
    assert not inside_polygon(5.0, 165.0, ring)


def test_holes_joined_to_a_ring_are_outside_as_the_even_odd_rule_of_all_rings_says() -> None:
    rng = np.random.default_rng(3)
    outer = ((0.0, 170.0), (0.0, -170.0), (20.0, -172.0), (20.0, 171.0))
    holes = (
        ((2.0, 172.0), (8.0, 172.0), (8.0, 179.0), (2.0, 179.0), (2.0, 172.0)),
        ((10.0, 178.0), (18.0, -178.0), (10.0, -175.0)),
    )
    joined = join_holes(outer, holes)
    latitudes_N = rng.uniform(-2, 22, 2000)
    longitudes_N = (rng.uniform(165, 195, 2000) + 180) % 360 - 180
    places = list(zip(latitudes_N, longitudes_N, strict=True))
    expected = [
        inside_polygon(*place, outer) and not any(inside_polygon(*place, hole) for hole in holes)
        for place in places
    ]
    assert [inside_polygon(*place, joined) for place in places] == expected
    assert inside_any(latitudes_N, longitudes_N, [joined]).tolist() == expected
    assert 0.2 < np.mean(expected) < 0.8


def test_many_positions_are_inside_any_triangle_whose_three_sides_they_see_alike() -> None:
    rng = np.random.default_rng(4)
    rings = rng.uniform(-60, 60, (3, 3, 2))
    places_N2 = np.stack([rng.uniform(-70, 70, 1000), rng.uniform(-180, 180, 1000)], axis=1)
    inside_NR = []
    for ring in rings:
        from_32, to_32 = ring, np.roll(ring, -1, axis=0)
        along_32, away_N32 = to_32 - from_32, places_N2[:, None] - from_32
        turn_N3 = along_32[:, 0] * away_N32[..., 1] - along_32[:, 1] * away_N32[..., 0]
        inside_NR.append((turn_N3 > 0).all(axis=1) | (turn_N3 < 0).all(axis=1))
    expected_N = np.any(inside_NR, axis=0)
    listed = [[(float(lat), float(lon)) for lat, lon in ring] for ring in rings]
    assert inside_any(*places_N2.T, listed).tolist() == expected_N.tolist()
    each = [any(inside_polygon(*place, ring) for ring in listed) for place in places_N2.tolist()]
    assert each == expected_N.tolist()
    assert 0.05 < expected_N.mean() < 0.5


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
