"""Footprints as OGC API - Features: by GDAL's client, and by the standard's own rules."""

import httpx
import pyogrio
import pytest
from service_live import PLACES, position

ITEMS = "/ogc/collections/map/items"


def test_gdal_reads_every_footprint_page_by_page(live: httpx.Client) -> None:
    address = f"OAPIF:{live.base_url}/ogc"
    assert {name for name, _ in pyogrio.list_layers(address)} == {"map", "flights"}
    info, _, geometries, _ = pyogrio.raw.read(address, layer="map", PAGE_SIZE=5)
    assert len(geometries) == PLACES
    assert "gsd_m" in info["fields"]
    assert info["crs"] in ("EPSG:4326", "OGC:CRS84")
    _, _, flights, _ = pyogrio.raw.read(address, layer="flights")
    assert len(flights) == PLACES


def test_gdal_passes_the_box_on(live: httpx.Client) -> None:
    latitude, longitude = position(3)
    box = (longitude - 0.0001, latitude - 0.0001, longitude + 0.0001, latitude + 0.0001)
    _, _, geometries, _ = pyogrio.raw.read(f"OAPIF:{live.base_url}/ogc", layer="map", bbox=box)
    assert len(geometries) == 1


def test_every_link_of_the_landing_page_leads_somewhere(live: httpx.Client) -> None:
    landing = live.get("/ogc").json()
    relations = {link["rel"] for link in landing["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= relations
    for link in landing["links"]:
        assert live.get(link["href"]).status_code == 200, link
    for collection in live.get("/ogc/collections").json()["collections"]:
        for link in collection["links"]:
            response = live.get(link["href"])
            assert response.status_code == 200
            assert response.headers["content-type"].startswith(link["type"])
    classes = live.get("/ogc/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes


def test_pages_follow_each_other_without_gaps(live: httpx.Client) -> None:
    address, found = f"{ITEMS}?limit=5", []
    while address:
        page = live.get(address).json()
        assert page["numberReturned"] == len(page["features"]) <= 5
        found += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert found == [f"satellite-{seed:03d}" for seed in range(PLACES)]


def test_one_feature_has_its_own_address(live: httpx.Client) -> None:
    response = live.get(f"{ITEMS}/satellite-003")
    assert response.headers["content-type"] == "application/geo+json"
    assert response.json()["id"] == "satellite-003"
    assert live.get(f"{ITEMS}/nothing").status_code == 404
    assert live.get("/ogc/collections/nothing/items").status_code == 404


@pytest.mark.parametrize(
    ("moments", "count"),
    [
        ("2024-05-01T10:50:00Z/..", 10),
        ("../2024-05-01T10:50:00Z", 3),
        ("2024-05-01T10:59:00Z", 1),
        ("2025-01-01T00:00:00Z/2026-01-01T00:00:00Z", 0),
    ],
)
def test_the_moment_narrows_what_is_returned(live: httpx.Client, moments: str, count: int) -> None:
    page = live.get("/ogc/collections/flights/items", params={"datetime": moments}).json()
    assert page["numberReturned"] == count
    assert live.get(ITEMS, params={"datetime": moments}).json()["numberReturned"] == PLACES


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=a",
        "offset=-1",
        "bbox=1,2,3",
        "bbox=1,2,3,x",
        "datetime=now",
        "datetime=2025-01-01T00:00:00Z/2024-01-01T00:00:00Z",
        "colour=red",
    ],
)
def test_malformed_queries_are_refused_with_400(live: httpx.Client, query: str) -> None:
    response = live.get(f"{ITEMS}?{query}")
    assert response.status_code == 400
    assert response.json()["type"] == "urn:safenet-geo:problem:bad-query"
