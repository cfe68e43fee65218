"""Flights of a /navigate answer, and the GPS inside an upload."""

from datetime import datetime

import httpx
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from service_live import encoded, picture, position

from indexer.sources.photos.metadata import header_position, photo_position
from model.images import open_picture

JPEG = {"Content-Type": "image/jpeg"}


def with_gps(image: Image.Image, latitude: float, longitude: float) -> bytes:
    """A JPEG whose EXIF says where it was taken."""

    def parts(value: float) -> tuple[IFDRational, ...]:
        degrees, rest = divmod(abs(value), 1)
        minutes, rest = divmod(rest * 60, 1)
        return (
            IFDRational(int(degrees)),
            IFDRational(int(minutes)),
            IFDRational(round(rest * 6e7), 10**6),
        )

    exif = Image.Exif()
    exif[34853] = {
        1: "S" if latitude < 0 else "N", 2: parts(latitude),
        3: "W" if longitude < 0 else "E", 4: parts(longitude),
    }  # fmt: skip
    return encoded(image, exif=exif)


@pytest.mark.parametrize(("latitude", "longitude"), [(50.004, 14.0), (-33.9, -151.2)])
def test_exif_position_is_read_with_its_hemisphere(latitude: float, longitude: float) -> None:
    found = photo_position(with_gps(picture(1), latitude, longitude))
    assert found == pytest.approx((latitude, longitude), abs=1e-7)


def test_null_island_and_missing_tags_are_no_position() -> None:
    assert photo_position(with_gps(picture(1), 0.0, 0.0)) is None
    assert photo_position(encoded(picture(1))) is None
    assert photo_position(b"no image") is None


def test_gps_inside_an_image_is_ignored_unless_asked_for(live: httpx.Client) -> None:
    latitude, longitude = position(9)
    data = with_gps(picture(2), latitude, longitude)  # the picture of another place
    ignored = live.post("/localize", content=data, headers=JPEG).json()
    assert ignored["query"]["gps_used"] is False
    assert ignored["matches"][0]["image_id"] == "satellite-002"
    used = live.post("/localize?use_image_gps=true&radius_m=150", content=data, headers=JPEG).json()
    assert used["query"]["gps_used"] is True
    near = {match["image_id"] for match in used["matches"]}
    assert near == {"satellite-008", "satellite-009", "satellite-010"}


def test_image_without_gps_is_searched_everywhere(live: httpx.Client) -> None:
    body = live.post(
        "/localize?use_image_gps=true", content=encoded(picture(2)), headers=JPEG
    ).json()
    assert body["query"]["gps_used"] is False
    assert body["matches"][0]["image_id"] == "satellite-002"


def test_a_prior_of_both_kinds_is_refused(live: httpx.Client) -> None:
    query = "use_image_gps=true&latitude=1&longitude=2&radius_m=3"
    response = live.post(f"/localize?{query}", content=encoded(picture(2)), headers=JPEG)
    assert response.status_code == 422


def test_flights_hold_their_images_from_first_to_last_match_in_order(live: httpx.Client) -> None:
    params = {"top_k": 4}
    body = live.post("/navigate", params=params, content=encoded(picture(4)), headers=JPEG).json()
    matched = [match["image_id"] for match in body["matches"]]
    assert body["flights"]
    assert {f["flight_id"] for f in body["flights"]} == {m["flight_id"] for m in body["matches"]}
    for flight in body["flights"]:
        track = [image["image_id"] for image in flight["track"]]
        times = [image["captured_at"] for image in flight["track"]]
        assert times == sorted(times)
        assert [i for i in track if i in matched] == flight["matched_image_ids"]
        assert {track[0], track[-1]} <= set(matched)
        numbers = [int(image_id[-3:]) for image_id in track]
        every = list(range(numbers[0], numbers[-1] - 1, -2))  # two flights, later is a lower number
        assert numbers == every, "images between two matches belong to the track"
        assert flight["truncated"] is False


def test_filters_by_flight_and_time_hold(live: httpx.Client) -> None:
    params = {"flight_id": "flight-1", "captured_after": "2024-05-01T10:50:00Z"}
    body = live.post("/navigate", params=params, content=encoded(picture(4)), headers=JPEG).json()
    ids = {match["image_id"] for match in body["matches"]}
    assert ids == {f"drone-{n:03d}" for n in (1, 3, 5, 7, 9)}


def test_a_flight_s_way_is_a_line_with_times_where_it_is_wanted(live: httpx.Client) -> None:
    data = encoded(picture(4))
    plain = live.post("/navigate", params={"top_k": 4}, content=data, headers=JPEG).json()
    assert {flight["line"] for flight in plain["flights"]} == {None}
    params = {"top_k": 4, "track": "true"}
    body = live.post("/navigate", params=params, content=data, headers=JPEG).json()
    lines = [flight for flight in body["flights"] if flight["line"] is not None]
    assert lines
    for flight in lines:
        line, images = flight["line"], flight["track"]
        assert line["geometry"]["coordinates"] == [
            [
                pytest.approx(image["longitude"], abs=1e-7),
                pytest.approx(image["latitude"], abs=1e-7),
            ]
            for image in images
        ]
        times = [datetime.fromisoformat(text) for text in line["properties"]["coordTimes"]]
        assert times == [datetime.fromisoformat(image["captured_at"]) for image in images]
    refused = live.post("/localize", params=params, content=data, headers=JPEG)
    assert refused.status_code == 422
    assert "send the question to /navigate" in refused.json()["detail"]


def test_localize_tells_no_flights(live: httpx.Client) -> None:
    assert (
        live.post("/localize", content=encoded(picture(4)), headers=JPEG).json()["flights"] is None
    )


def test_the_position_comes_from_the_header_that_was_read_for_decoding() -> None:
    data = with_gps(picture(1), 47.5, 8.25)
    found = open_picture(data)
    assert header_position(found.exif, found.xmp) == photo_position(data)
    plain = open_picture(encoded(picture(1)))
    assert header_position(plain.exif, plain.xmp) is None
