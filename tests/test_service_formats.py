"""One answer in every form, each read back by an independent reader."""

import csv
import io
import json
from itertools import pairwise
from xml.etree import ElementTree as ET

import httpx
import pytest
from service_live import encoded, picture

from indexer.geo import distance_m
from indexer.geojson import DECIMALS
from service.formats.csv_table import csv_table
from service.formats.geojson import geojson
from service.formats.gpx import gpx
from service.formats.kml import kml
from service.schemas.answers import AnswerBody, ImageAnswerBody

JPEG = {"Content-Type": "image/jpeg"}
GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"


def asked(live: httpx.Client, form: str, route: str = "localize") -> httpx.Response:
    response = live.post(f"/{route}?format={form}", content=encoded(picture(5)), headers=JPEG)
    assert response.status_code == 200, response.text
    return response


@pytest.fixture
def answer(live: httpx.Client) -> AnswerBody:
    return AnswerBody.model_validate(asked(live, "json").json())


def test_geojson_is_a_feature_collection_with_longitude_first(live: httpx.Client) -> None:
    response = asked(live, "geojson")
    assert response.headers["content-type"] == "application/geo+json"
    body = response.json()
    assert body["type"] == "FeatureCollection"
    estimate, match = body["features"][0], body["features"][1]
    assert estimate["properties"]["role"] == "estimate"
    assert estimate["geometry"]["coordinates"] == pytest.approx([14.0, 50.005], abs=1e-3)
    assert match["id"] == "satellite-005"
    ring = match["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    turns = pairwise(ring)
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in turns)
    assert area > 0, "RFC 7946: exterior rings are counter-clockwise"
    west, south, east, north = match["bbox"]
    assert west < 14.0 < east
    assert south < 50.005 < north


def test_geojson_cuts_an_area_at_the_antimeridian(answer: AnswerBody) -> None:
    crossing = answer.matches[0].model_copy(update={"bounds": [179.9, -1.0, -179.9, 1.0]})
    body = json.loads(geojson(answer.model_copy(update={"matches": [crossing]})))
    geometry = body["features"][-1]["geometry"]
    assert geometry["type"] == "MultiPolygon"
    spans = [[p[0] for p in polygon[0]] for polygon in geometry["coordinates"]]
    assert [(min(s), max(s)) for s in spans] == [(179.9, 180.0), (-180.0, -179.9)]


def test_geojson_has_at_most_seven_decimals(answer: AnswerBody) -> None:
    odd = answer.matches[0].model_copy(update={"bounds": None, "longitude": 14.123456789123})
    body = json.loads(geojson(answer.model_copy(update={"matches": [odd]})))
    assert body["features"][-1]["geometry"]["coordinates"][0] == 14.1234568
    assert DECIMALS == 7


def test_gpx_has_waypoints_and_the_flights_as_tracks(live: httpx.Client) -> None:
    root = ET.fromstring(asked(live, "gpx", "navigate").text)
    names = [point.findtext(f"{GPX}name") for point in root.iter(f"{GPX}wpt")]
    assert "1 drone-005" in names
    points = root.findall(f"{GPX}trk/{GPX}trkseg/{GPX}trkpt")
    assert points
    times = [p.findtext(f"{GPX}time") or "" for p in root.find(f"{GPX}trk").iter(f"{GPX}trkpt")]  # type: ignore[union-attr]
    assert times == sorted(times)


def test_gpx_height_is_only_given_above_mean_sea_level(answer: AnswerBody) -> None:
    def heights(datum: str | None) -> list[str | None]:
        changes = {"altitude_m": 321.5, "altitude_datum": datum}
        match = answer.matches[0].model_copy(update=changes)
        root = ET.fromstring(gpx(answer.model_copy(update={"matches": [match]})))
        return [element.text for element in root.iter(f"{GPX}ele")]

    assert heights("msl") == ["321.5"]
    assert heights("takeoff") == []


def test_gpx_and_kml_tell_a_known_heading(answer: AnswerBody) -> None:
    assert answer.estimate is not None
    turned = answer.estimate.model_copy(update={"heading_deg": 123.44})
    for form in (gpx, kml):
        assert "heading" not in form(answer)
        assert "heading 123.4 deg" in form(answer.model_copy(update={"estimate": turned}))


def test_kml_positions_are_longitude_latitude(live: httpx.Client) -> None:
    root = ET.fromstring(asked(live, "kml").text)
    mark = next(
        m for m in root.iter(f"{KML}Placemark") if "005" in (m.findtext(f"{KML}name") or "")
    )
    text = mark.findtext(f"{KML}Point/{KML}coordinates") or ""
    assert [float(part) for part in text.split(",")] == pytest.approx([14.0, 50.005])


def test_csv_has_a_line_per_match(live: httpx.Client) -> None:
    response = asked(live, "csv")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[0]["latitude"]) == pytest.approx(50.005)


def test_csv_never_holds_a_formula(answer: AnswerBody) -> None:
    evil = answer.matches[0].model_copy(update={"image_id": "=1+2", "source": "@x"})
    rows = list(
        csv.DictReader(io.StringIO(csv_table(answer.model_copy(update={"matches": [evil]}))))
    )
    assert rows[0]["image_id"] == "'=1+2"
    assert rows[0]["source"] == "'@x"


def test_xml_forms_survive_control_characters(answer: AnswerBody) -> None:
    odd = answer.matches[0].model_copy(update={"image_id": "a\x00\x08<b>&"})
    root = ET.fromstring(gpx(answer.model_copy(update={"matches": [odd]})))
    names = [element.text for element in root.iter(f"{GPX}name")]
    assert "1 a<b>&" in names


def test_no_match_gives_nothing_that_a_map_would_show_as_a_find(answer: AnswerBody) -> None:
    nothing = answer.model_copy(update={"status": "no_match", "confidence": 0.84, "estimate": None})
    assert nothing.matches, "the most similar images stay in the JSON answer"
    collection = json.loads(geojson(nothing))
    assert collection["features"] == []
    assert (collection["status"], collection["confidence"]) == ("no_match", 0.84)
    gpx_root = ET.fromstring(gpx(nothing))
    assert [*gpx_root.iter(f"{GPX}wpt"), *gpx_root.iter(f"{GPX}trk")] == []
    assert "no_match" in (gpx_root.findtext(f"{GPX}metadata/{GPX}desc") or "")
    kml_root = ET.fromstring(kml(nothing))
    assert list(kml_root.iter(f"{KML}Placemark")) == []
    assert "no_match" in (kml_root.findtext(f"{KML}Document/{KML}description") or "")
    (row,) = csv.DictReader(io.StringIO(csv_table(nothing)))
    assert (row["status"], row["confidence"]) == ("no_match", "0.84")
    assert row["latitude"] == row["estimate_latitude"] == row["image_id"] == ""


def test_every_format_names_the_point_and_carries_status_and_radii(answer: AnswerBody) -> None:
    estimate = answer.estimate
    assert estimate is not None
    first = json.loads(geojson(answer))["features"][0]["properties"]
    assert first["position_of"] == "ground_in_photo_centre"
    assert first["status"] == answer.status
    assert first["accuracy_m_95"] == estimate.accuracy_m_95
    for text in (gpx(answer), kml(answer)):
        assert "ground in the middle of the photo" in text
        assert "not the drone's position" in text
        assert f"95 % within {estimate.accuracy_m_95:.1f} m" in text
    row = next(csv.DictReader(io.StringIO(csv_table(answer))))
    assert row["status"] == answer.status
    assert float(row["estimate_accuracy_m_68"]) == estimate.accuracy_m_68


def test_kml_draws_the_radii_and_the_ground_areas(answer: AnswerBody) -> None:
    assert answer.estimate is not None
    root = ET.fromstring(kml(answer))
    outlines = {
        mark.findtext(f"{KML}name"): mark.findtext(f".//{KML}coordinates")
        for mark in root.iter(f"{KML}Placemark")
        if mark.find(f"{KML}Polygon") is not None
    }
    assert len(outlines) == 2 + len(answer.matches)
    wide = next(text for name, text in outlines.items() if "95 %" in (name or ""))
    centre = (answer.estimate.latitude, answer.estimate.longitude)
    for pair in (wide or "").split():
        longitude, latitude = map(float, pair.split(","))
        away_m = distance_m(*centre, latitude, longitude)
        assert away_m == pytest.approx(answer.estimate.accuracy_m_95, rel=0.01)


def test_photos_that_disagree_are_written_one_by_one(answer: AnswerBody) -> None:
    alone = [
        ImageAnswerBody(
            image=number,
            status="match",
            confidence=0.9,
            estimate=answer.estimate,
            best_match=answer.matches[0],
        )
        for number in (1, 2)
    ]
    several = answer.model_copy(
        update={
            "status": "uncertain",
            "estimate": None,
            "agreement": "disagree",
            "per_image": alone,
        }
    )
    roles = [f["properties"].get("image") for f in json.loads(geojson(several))["features"]]
    assert roles[:2] == [1, 2]
    names = [e.text for e in ET.fromstring(gpx(several)).iter(f"{GPX}name")]
    assert "photo 2: ground in the middle of the photo" in names
    row = next(csv.DictReader(io.StringIO(csv_table(several))))
    assert (row["agreement"], row["estimate_latitude"]) == ("disagree", "")
