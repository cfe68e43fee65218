"""The photo on the map: GeoTIFF and KMZ read back by other programs' readers, and refusals."""

import io
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import pytest
from camera_samples import ExplainingMatcher, TrueCamera, publish_map
from PIL import Image
from pyproj import Transformer
from service_live import encoded, serving, settings_of
from test_indexer_matching import EAST_M, GSD_M, NORTH_M, ground

from indexer.geo import distance_m
from model.matching.xfeat_matcher import XFeatMatcher
from service.app import create_app
from service.formats.laid_photo import MAX_SIDE_PX, laid_photo

JPEG = {"Content-Type": "image/jpeg"}
CAMERA = TrueCamera(
    east_m=108.0, north_m=-145.0, height_m=80.0, heading_deg=20.0, pitch_deg=-68.0, roll_deg=2.0
)


@pytest.fixture(scope="module")
def placing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with the real matcher and a map without relief."""
    store, embedder = tmp_path_factory.mktemp("store"), ExplainingMatcher(XFeatMatcher())
    publish_map(store, tmp_path_factory.mktemp("maps"), embedder)
    settings = settings_of(store)
    with serving(create_app(settings, embedder), settings) as client:
        yield client


def asked(client: httpx.Client, photo: Image.Image, **parameters: object) -> httpx.Response:
    body = encoded(photo, quality=95)
    return client.post("/localize", params=parameters, content=body, headers=JPEG)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return CAMERA.photo(ground(1), GSD_M, (640, 480))


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
def test_a_geotiff_shows_the_ground_where_the_map_shows_it(
    placing: httpx.Client, photo: Image.Image, crs: str
) -> None:
    response = asked(placing, photo, format="geotiff", crs=crs)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/tiff; application=geotiff"
    picture = Image.open(io.BytesIO(response.content))
    assert picture.mode == "RGBA"
    scale_x, scale_y, _ = picture.tag_v2[33550]  # type: ignore[attr-defined]
    _, _, _, west, north, _ = picture.tag_v2[33922]  # type: ignore[attr-defined]
    keys = np.reshape(picture.tag_v2[34735], (-1, 4))  # type: ignore[attr-defined]
    assert int(crs.partition(":")[2]) in keys[:, 3]
    rows, columns = np.mgrid[0 : picture.height : 7, 0 : picture.width : 7]
    to_map = Transformer.from_crs(crs, 32632, always_xy=True)
    easts, norths = to_map.transform(
        west + (columns + 0.5) * scale_x, north - (rows + 0.5) * scale_y
    )
    x = ((easts - EAST_M) / GSD_M).astype(int)
    y = ((NORTH_M - norths) / GSD_M).astype(int)
    found = np.asarray(picture)[rows, columns].astype(float)
    shown = found[:, :, 3] == 255
    assert 0.3 < shown.mean() < 0.9
    inside = shown & (x >= 0) & (y >= 0) & (x < 448) & (y < 448)
    true = np.asarray(ground(1), dtype=float)[y[inside], x[inside]]
    likeness = np.corrcoef(found[inside][:, :3].ravel(), true.ravel())[0, 1]
    assert likeness > 0.85


def test_a_kmz_holds_the_photo_over_its_box(placing: httpx.Client, photo: Image.Image) -> None:
    response = asked(placing, photo, format="kmz", crs="EPSG:3857")
    assert response.headers["content-type"] == "application/vnd.google-earth.kmz"
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.namelist() == ["doc.kml", "photo.png"]
    root = ET.fromstring(archive.read("doc.kml"))
    kml = "{http://www.opengis.net/kml/2.2}"
    overlay = root.find(f"{kml}Document/{kml}GroundOverlay")
    assert overlay is not None
    assert overlay.findtext(f"{kml}Icon/{kml}href") == "photo.png"
    box = {edge: float(overlay.findtext(f"{kml}LatLonBox/{kml}{edge}") or "nan")
           for edge in ("north", "south", "east", "west")}  # fmt: skip
    body = asked(placing, photo).json()
    ring = np.array(body["estimate"]["footprint"]["coordinates"][0])
    assert box["north"] == pytest.approx(ring[:, 1].max(), abs=1e-6)
    assert box["west"] == pytest.approx(ring[:, 0].min(), abs=1e-6)
    assert box["south"] <= ring[:, 1].min()
    assert box["east"] >= ring[:, 0].max()
    assert Image.open(io.BytesIO(archive.read("photo.png"))).mode == "RGBA"


def test_the_camera_is_in_the_answer_and_its_formats(
    placing: httpx.Client, photo: Image.Image
) -> None:
    body = asked(placing, photo, fov_deg=CAMERA.fov_deg).json()
    camera = body["estimate"]["camera"]
    assert camera["height_m"] == pytest.approx(CAMERA.height_m, rel=0.02)
    assert camera["pitch_deg"] == pytest.approx(CAMERA.pitch_deg, abs=1.0)
    geojson = asked(placing, photo, fov_deg=CAMERA.fov_deg, format="geojson").json()
    roles = {feature["properties"]["role"] for feature in geojson["features"]}
    assert {"estimate", "footprint", "camera", "match"} <= roles
    kml = asked(placing, photo, fov_deg=CAMERA.fov_deg, format="kml").text
    assert "ground in the photo" in kml
    assert "<altitudeMode>relativeToGround</altitudeMode>" in kml
    assert asked(placing, photo).json()["estimate"]["camera"] is None


def test_a_footprint_starts_at_the_photos_top_left_and_goes_counter_clockwise(
    placing: httpx.Client, photo: Image.Image
) -> None:
    ring = asked(placing, photo).json()["estimate"]["footprint"]["coordinates"][0]
    rays = CAMERA.rays(640, 480)
    for (longitude, latitude), (row, column) in zip(
        ring, [(0, 0), (-1, 0), (-1, -1), (0, -1), (0, 0)], strict=True
    ):
        ray = rays[row, column]
        reach = -CAMERA.height_m / ray[2]
        easting, northing = (
            EAST_M + CAMERA.east_m + reach * ray[0],
            (NORTH_M + CAMERA.north_m + reach * ray[1]),
        )
        to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
        true_longitude, true_latitude = to_degrees.transform(easting, northing)
        assert distance_m(latitude, longitude, true_latitude, true_longitude) < 5.0


def test_an_explanation_has_points_that_show_the_same(
    placing: httpx.Client, photo: Image.Image
) -> None:
    assert asked(placing, photo).json()["correspondences"] is None
    body = asked(placing, photo, explain=True).json()
    points = np.array(body["correspondences"])
    assert 20 <= len(points) <= 100
    assert ((points >= 0) & (points <= 1)).all()
    match = body["matches"][0]
    tile = Image.open(io.BytesIO(placing.get(match["image_url"]).content)).convert("RGB")
    alike = []
    for x, y, u, v in points:
        one = photo.getpixel((int(x * 639), int(y * 479)))
        other = tile.getpixel((int(u * (tile.width - 1)), int(v * (tile.height - 1))))
        alike.append(np.abs(np.subtract(one, other)).mean())
    assert np.median(alike) < 40


@pytest.mark.parametrize("form", ["geotiff", "kmz"])
def test_a_photo_of_elsewhere_cannot_be_laid_on_the_map(placing: httpx.Client, form: str) -> None:
    elsewhere = ground(99).crop((100, 100, 250, 250))
    response = asked(placing, elsewhere, format=form, min_confidence=1.0)
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"].endswith("not-placed")
    assert "format=json" in problem["detail"]


@pytest.mark.parametrize("fov_deg", ["0", "200", "-4", "nan", "wide"])
def test_an_impossible_field_of_view_is_one_problem(placing: httpx.Client, fov_deg: str) -> None:
    response = asked(placing, Image.new("RGB", (96, 96)), fov_deg=fov_deg)
    assert response.status_code == 422
    assert "fov_deg" in response.json()["detail"]


def test_a_laid_photo_is_bounded_and_crosses_the_antimeridian() -> None:
    outline = [(1.0, 179.9), (1.0, -179.9), (0.9, -179.9), (0.9, 179.9)]
    laid = laid_photo(Image.new("RGB", (5000, 3000), "red"), outline, "EPSG:3857")
    assert max(laid.picture.size) <= MAX_SIDE_PX
    assert laid.east - laid.west == pytest.approx(0.2 / 360 * 40_075_016.69, rel=1e-6)
    assert laid.picture.getpixel((10, 10)) == (255, 0, 0, 255)
