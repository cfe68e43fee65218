"""Positions in other notations, against published ones and against PROJ."""

import httpx
import pytest
from pyproj import Transformer

from service.formats.notations import degrees_minutes_seconds, grid_reference, utm


@pytest.mark.parametrize(
    ("place", "dms", "grid"),
    [
        ((47.3769012, 8.5417034), "47°22'36.84\"N 8°32'30.13\"E", "32TMT"),
        ((-33.8567844, 151.2152967), "33°51'24.42\"S 151°12'55.07\"E", "56HLH"),
        ((60.3913, 5.3221), "60°23'28.68\"N 5°19'19.56\"E", "32VKN"),
        ((59.9999999999, 0.0), "60°00'00.00\"N 0°00'00.00\"E", "31V"),
        ((78.2232, 15.6267), "78°13'23.52\"N 15°37'36.12\"E", "33XWG"),
    ],
)
def test_places_have_their_published_notations(
    place: tuple[float, float], dms: str, grid: str
) -> None:
    assert degrees_minutes_seconds(*place) == dms
    assert grid_reference(*place).startswith(grid)


@pytest.mark.parametrize("longitude", [-180.0, -177.1, -0.1, 14.4, 179.9, 180.0])
@pytest.mark.parametrize("latitude", [-90.0, -85.0, -79.9, -1.0, 0.0, 50.0, 83.9, 84.0, 90.0])
def test_utm_and_mgrs_name_the_same_metre(latitude: float, longitude: float) -> None:
    _, east, north = utm(latitude, longitude).rsplit(" ", 2)
    reference = grid_reference(latitude, longitude).split(" ")
    for metres, digits in ((east, reference[1]), (north, reference[2])):
        assert abs(int(metres) % 100_000 - int(digits)) in (0, 1, 99_999)


def test_utm_leads_back_to_the_place() -> None:
    zone, east, north = utm(50.087, 14.4208).split(" ")
    assert zone == "33N"
    back = Transformer.from_crs(32633, 4326, always_xy=True)
    longitude, latitude = back.transform(int(east) + 0.5, int(north) + 0.5)
    assert longitude == pytest.approx(14.4208, abs=1e-5)
    assert latitude == pytest.approx(50.087, abs=1e-5)


def test_the_service_answers_with_all_notations(live: httpx.Client) -> None:
    found = live.get("/coordinates?latitude=47.3769012&longitude=8.5417034").json()
    assert set(found) == {"dms", "utm", "mgrs"}
    assert live.get("/coordinates?latitude=91&longitude=0").status_code == 422
