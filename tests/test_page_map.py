"""The map layers over HTTP: XYZ tiles, as QGIS reads them too, and GeoJSON footprints."""

import io
from collections.abc import Iterator
from itertools import pairwise

import httpx
import numpy as np
import pytest
import rasterio
from page_world import COLUMNS, FIRST_X, FIRST_Y, FLIGHTS, ROWS, ZOOM, ground, tile, tile_box
from PIL import Image
from rasterio.windows import Window, from_bounds

from indexer.geo import MERCATOR_EQUATOR_M


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        yield client


def tile_path(zoom: int, x: int, y: int) -> str:
    return f"/galleries/town/tiles/{zoom}/{x}/{y}"


def test_a_tile_of_the_gallery_is_the_picture_that_was_indexed(client: httpx.Client) -> None:
    response = client.get(tile_path(ZOOM, FIRST_X + 3, FIRST_Y + 4))
    assert response.headers["content-type"] == "image/jpeg"
    shown = Image.open(io.BytesIO(response.content)).convert("RGB")
    assert shown.size == (256, 256)
    truth = tile(3, 4).resize((256, 256), Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(shown, int) - np.asarray(truth, int)).mean() < 6


def test_tiles_beyond_the_gallery_are_empty(client: httpx.Client) -> None:
    response = client.get(tile_path(ZOOM, FIRST_X + 50, FIRST_Y))
    assert response.status_code == 204
    assert response.content == b""


def test_tiles_answer_with_an_extension_too(client: httpx.Client) -> None:
    path = tile_path(ZOOM, FIRST_X + 3, FIRST_Y + 4)
    plain = client.get(path)
    for extension in ("png", "jpg"):
        assert client.get(f"{path}.{extension}").content == plain.content
    assert client.get(f"{path}.gif").status_code == 422


def test_tilejson_describes_the_layer(client: httpx.Client) -> None:
    layer = client.get("/galleries/town/tiles.json").json()
    west, _, _, north = tile_box(0, 0)
    _, south, east, _ = tile_box(COLUMNS - 1, ROWS - 1)
    assert layer["bounds"] == pytest.approx([west, south, east, north], abs=1e-6)
    assert layer["maxzoom"] >= ZOOM - 1
    template = layer["tiles"][0]
    address = template.format(z=ZOOM, x=FIRST_X + 3, y=FIRST_Y + 4)
    assert httpx.get(address).headers["content-type"] == "image/jpeg"


def test_gdal_reads_the_gallery_as_wmts_at_the_right_place(address: str) -> None:
    side = MERCATOR_EQUATOR_M / 2**ZOOM
    half = MERCATOR_EQUATOR_M / 2
    west, north = FIRST_X * side - half, half - FIRST_Y * side
    with rasterio.open(f"WMTS:{address}/galleries/town/wmts") as layer:
        assert layer.crs.to_epsg() == 3857
        place = from_bounds(
            west, north - ROWS * side, west + COLUMNS * side, north, layer.transform
        )
        bands = layer.read(window=place, out_shape=(layer.count, ROWS * 64, COLUMNS * 64))
    truth = ground().resize((COLUMNS * 64, ROWS * 64), Image.Resampling.BILINEAR)
    shown = bands[:3].transpose(1, 2, 0).astype(int)
    assert np.abs(shown - np.asarray(truth, int)).mean() < 12


def test_footprints_are_compressed_for_clients_that_can_read_it(client: httpx.Client) -> None:
    plain = client.get("/galleries/town/footprints", headers={"Accept-Encoding": "identity"})
    packed = client.get("/galleries/town/footprints", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 3


def test_tiles_are_kept_and_asked_for_only_when_the_gallery_changed(client: httpx.Client) -> None:
    first = client.get(tile_path(ZOOM, FIRST_X, FIRST_Y))
    again = client.get(
        tile_path(ZOOM, FIRST_X, FIRST_Y), headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""
    assert "max-age" in first.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/galleries/town/tiles/3/8/0", 422),
        ("/galleries/town/tiles/25/0/0", 422),
        ("/galleries/town/tiles/3/-1/0", 422),
        ("/galleries/nowhere/tiles/3/0/0", 404),
        ("/galleries/nowhere/footprints", 404),
        ("/galleries/town/footprints?bounds=1,2,3", 422),
        ("/galleries/town/footprints?bounds=1,60,3,50", 422),
        ("/galleries/town/footprints?bounds=nan,50,3,60", 422),
        ("/static/../page.py", 404),
        ("/static/%2e%2e/page.py", 404),
        ("/static/js/nothing.js", 404),
    ],
)
def test_what_does_not_exist_is_a_problem_with_a_remedy(
    client: httpx.Client, path: str, status: int
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_gdal_reads_the_gallery_as_an_xyz_layer_at_the_right_place(address: str) -> None:
    """GDAL's tile driver is what QGIS and most desktop tools read XYZ layers with."""
    half = MERCATOR_EQUATOR_M / 2
    url = f"{address}/galleries/town/tiles/${{z}}/${{x}}/${{y}}"
    service = f"""<GDAL_WMS>
      <Service name="TMS"><ServerUrl>{url}</ServerUrl></Service>
      <DataWindow><UpperLeftX>{-half}</UpperLeftX><UpperLeftY>{half}</UpperLeftY>
        <LowerRightX>{half}</LowerRightX><LowerRightY>{-half}</LowerRightY>
        <TileLevel>{ZOOM}</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY>
        <YOrigin>top</YOrigin></DataWindow>
      <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
      <BandsCount>4</BandsCount><ZeroBlockHttpCodes>204</ZeroBlockHttpCodes>
    </GDAL_WMS>"""
    side = MERCATOR_EQUATOR_M / 2**ZOOM
    west, north = FIRST_X * side - half, half - FIRST_Y * side
    with rasterio.open(service) as layer:
        assert layer.crs.to_epsg() == 3857
        window = from_bounds(
            west - side, north - ROWS * side, west + COLUMNS * side, north, layer.transform
        )
        window = Window(*(round(value) for value in window.flatten()))
        bands = layer.read(window=window)
    assert bands.shape == (4, ROWS * 256, (COLUMNS + 1) * 256)
    assert (bands[3, :, :250] == 0).all()
    assert (bands[3, :, 256:] == 255).all()
    truth = ground().resize((COLUMNS * 256, ROWS * 256), Image.Resampling.BILINEAR)
    shown = bands[:3, :, 256:].transpose(1, 2, 0).astype(int)
    assert np.abs(shown - np.asarray(truth, int)).mean() < 6


def test_footprints_are_geojson_of_every_tile(client: httpx.Client) -> None:
    response = client.get("/galleries/town/footprints")
    assert response.headers["content-type"] == "application/geo+json"
    collection = response.json()
    assert collection["truncated"] is False
    assert len(collection["features"]) == COLUMNS * ROWS
    feature = next(f for f in collection["features"] if f["id"].endswith("tile-2-5"))
    ring = feature["geometry"]["coordinates"][0]
    west, south, east, north = tile_box(2, 5)
    assert ring[0] == ring[-1]
    assert {(round(lon, 6), round(lat, 6)) for lon, lat in ring} == {
        (round(lon, 6), round(lat, 6)) for lon in (west, east) for lat in (south, north)
    }
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert area > 0  # counterclockwise, as RFC 7946 asks


def test_drone_images_without_ground_area_are_points_with_their_heading(
    client: httpx.Client,
) -> None:
    features = client.get("/galleries/flights/footprints").json()["features"]
    assert {f["geometry"]["type"] for f in features} == {"Point"}
    assert {f["properties"]["flight_id"] for f in features} == set(FLIGHTS)
    assert {f["properties"]["heading_deg"] for f in features} == {90.0, 180.0}


def test_footprints_of_a_view_and_up_to_a_limit(client: httpx.Client) -> None:
    west, south, east, north = tile_box(2, 5)
    inside = client.get(f"/galleries/town/footprints?bounds={west},{south},{east},{north}").json()
    assert [f["id"] for f in inside["features"]] == ["tile-2-5"]
    few = client.get("/galleries/town/footprints?limit=10").json()
    assert len(few["features"]) == 10
    assert few["truncated"] is True


def test_the_page_names_no_address_outside_the_service(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    links = [part.split('"')[0] for part in page.text.split('="')[1:]]
    assert not any(link.startswith(("http:", "https:", "//")) for link in links)
    for path in [link for link in links if link.startswith("static/")]:
        file = client.get(f"/{path}")
        assert file.status_code == 200
        assert (
            client.get(f"/{path}", headers={"If-None-Match": file.headers["etag"]}).status_code
            == 304
        )
