"""Geometries that leave as GeoJSON, against worked values."""

import json
import math
import struct
from itertools import pairwise
from pathlib import Path

import pyogrio
import pytest

from indexer import geojson
from indexer.gallery.export import export
from indexer.geo import square_corners
from indexer.records import ImageRecord


def signed_area(ring: list[list[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def test_a_footprint_across_the_antimeridian_is_cut_at_it() -> None:
    corners = square_corners(0.0, 180.0, 200.0, 200.0)
    shape = geojson.area(corners)
    assert shape["type"] == "MultiPolygon"
    spans = [sorted({x for x, _ in polygon[0]}) for polygon in shape["coordinates"]]
    edge = 180 - math.degrees(100 / 6_378_137)  # 100 m along the equator of WGS 84
    assert spans == [
        [pytest.approx(edge, abs=1e-7), 180.0],
        [-180.0, pytest.approx(-edge, abs=1e-7)],
    ]


def test_a_turned_footprint_across_the_antimeridian_keeps_its_area() -> None:
    turned = square_corners(10.0, 179.9999, 300.0, 200.0, heading_deg=30.0)
    whole = square_corners(10.0, 100.0, 300.0, 200.0, heading_deg=30.0)
    pieces = [polygon[0] for polygon in geojson.area(turned)["coordinates"]]
    expected = signed_area(geojson.area(whole)["coordinates"][0])
    assert sum(map(signed_area, pieces)) == pytest.approx(expected, rel=1e-4)
    assert all(-180.0 <= x <= 180.0 for piece in pieces for x, _ in piece)


def test_every_ring_is_closed_and_counter_clockwise() -> None:
    for heading_deg in (0.0, 90.0, 200.0):
        corners = square_corners(50.0, 14.0, 100.0, 50.0, heading_deg)
        for order in (corners, corners[::-1]):
            ring = geojson.area(order)["coordinates"][0]
            assert ring[0] == ring[-1]
            assert signed_area(ring) > 0


def test_an_area_that_only_touches_the_antimeridian_stays_whole() -> None:
    east = geojson.area([(1.0, 179.0), (1.0, 180.0), (0.0, 180.0), (0.0, 179.0)])
    west = geojson.area([(1.0, -180.0), (1.0, -179.0), (0.0, -179.0), (0.0, -180.0)])
    assert (east["type"], west["type"]) == ("Polygon", "Polygon")
    assert {x for x, _ in west["coordinates"][0]} == {-180.0, -179.0}


def test_an_area_around_a_pole_reaches_up_to_it() -> None:
    shape = geojson.area([(80.0, -135.0), (80.0, -45.0), (80.0, 45.0), (80.0, 135.0)])
    pieces = [polygon[0] for polygon in shape["coordinates"]]
    assert sum(map(signed_area, pieces)) == pytest.approx(360.0 * 10.0)


def test_a_box_with_west_above_east_is_cut_and_the_whole_world_is_not() -> None:
    assert geojson.box((179.9, -1.0, -179.9, 1.0))["type"] == "MultiPolygon"
    world = geojson.box((-180.0, -90.0, 180.0, 90.0))
    assert signed_area(world["coordinates"][0]) == 360.0 * 180.0


def test_a_track_across_the_antimeridian_is_cut_in_two_lines() -> None:
    shape = geojson.line([(0.0, 179.0), (1.0, -179.0), (2.0, -178.0)])
    assert shape == {
        "type": "MultiLineString",
        "coordinates": [
            [[179.0, 0.0], [180.0, 0.5]],
            [[-180.0, 0.5], [-179.0, 1.0], [-178.0, 2.0]],
        ],
    }
    assert geojson.line([(0.0, 1.0), (0.0, 2.0)])["coordinates"] == [[1.0, 0.0], [2.0, 0.0]]


def test_exports_cut_what_crosses_the_antimeridian(tmp_path: Path) -> None:
    corners = square_corners(0.0, 180.0, 200.0, 200.0)
    record = ImageRecord(
        image_id="a",
        view="satellite",
        latitude=0.0,
        longitude=180.0,
        corners=corners,  # type: ignore[arg-type]
    )
    export([record], tmp_path / "map.geojson")
    feature = json.loads((tmp_path / "map.geojson").read_text())["features"][0]
    assert feature["geometry"]["type"] == "MultiPolygon"
    export([record], tmp_path / "map.gpkg")
    _, _, (blob,), _ = pyogrio.raw.read(tmp_path / "map.gpkg", layer="footprint")
    assert struct.unpack("<BII", blob[:9]) == (1, 6, 2)
    assert len(blob) == 9 + 2 * (13 + 5 * 16)
