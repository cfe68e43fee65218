"""Footprints as OGC API - Features: by GDAL's client, and by the standard's own rules."""

import json
import subprocess
import sys

import httpx
import pytest
from service_live import PLACES, position

ITEMS = "/ogc/collections/map/items"


READ = """
import json, sys
import pyogrio
address, layer, box, page = json.loads(sys.argv[1])
box = box and tuple(box)
info, _, geometries, _ = pyogrio.raw.read(address, layer=layer, bbox=box, PAGE_SIZE=page)
names = [name for name, _ in pyogrio.list_layers(address)]
print(json.dumps([names, len(geometries), list(info["fields"]), info["crs"]]))
"""
"""Read a layer; pyogrio holds the interpreter's lock while it waits, hence a process of its own."""


def read_by_gdal(
    client: httpx.Client, layer: str, *, box: list[float] | None = None
) -> tuple[list[str], int, list[str], str]:
    """Names of the layers; number of features, fields and reference system of one."""
    asked = json.dumps([f"OAPIF:{client.base_url}/ogc", layer, box, 5])
    done = subprocess.run(
        [sys.executable, "-c", READ, asked], check=True, capture_output=True, timeout=300
    )
    names, count, fields, crs = json.loads(done.stdout)
    return names, count, fields, crs


@pytest.mark.parametrize("layer", ["map", "flights"])
def test_gdal_reads_every_footprint_page_by_page(live: httpx.Client, layer: str) -> None:
    names, count, fields, crs = read_by_gdal(live, layer)
    assert set(names) == {"map", "flights"}
    assert count == PLACES
    assert ("gsd_m" if layer == "map" else "flight_id") in fields
    assert crs in ("EPSG:4326", "OGC:CRS84")


def test_gdal_passes_the_box_on(live: httpx.Client) -> None:
    latitude, longitude = position(3)
    near = 0.0001
    box = [longitude - near, latitude - near, longitude + near, latitude + near]
    assert read_by_gdal(live, "map", box=box)[1] == 1


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
