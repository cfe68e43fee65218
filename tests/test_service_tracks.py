"""Tracks over HTTP: fixes at once, owners, limits, order, formats, watchers and the client."""

import asyncio
import dataclasses
import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from service_live import encoded, picture, position, serving, settings_of

from indexer.geo import distance_m
from service.app import create_app
from service.client import Client, Fix, ProblemError
from service.errors import TooManyTracksError, UnknownTrackError
from service.middleware.api_keys import key_digest, new_key
from service.schemas.tracks import FixBody
from service.tracks.registry import TrackLimits, Tracks

JPEG = {"Content-Type": "image/jpeg"}


def begin(client: httpx.Client, **parameters: object) -> str:
    response = client.post("/tracks", params={"gallery": "map", **parameters})
    assert response.status_code == 201
    url: str = response.json()["track_url"]
    return url


def send(client: httpx.Client, url: str, seed: int, **parameters: object) -> httpx.Response:
    body = encoded(picture(seed))
    return client.post(f"{url}/frames", params=parameters, content=body, headers=JPEG)  # type: ignore[arg-type]


def error_m(fix: dict[str, float], seed: int) -> float:
    return distance_m(fix["latitude"], fix["longitude"], *position(seed))


def test_each_frame_gives_a_fix_and_the_next_search_stays_nearby(live: httpx.Client) -> None:
    url = begin(live, max_speed_m_s=20)
    searched = []
    for frame, seed in enumerate(range(2, 9)):
        answer = send(live, url, seed, time=8 * frame).json()
        assert answer["frame"] == frame + 1
        searched.append(answer["searched"])
    assert answer["fix"]["status"] == "located"
    assert error_m(answer["fix"], 8) < 60
    assert searched[0] == "everywhere"
    track = live.get(url).json()
    assert track["frames"] == 7
    assert track["position_is"] == "the ground in the middle of the photo, not the drone"
    assert live.delete(url).status_code == 204
    assert live.get(url).status_code == 404


def test_every_format_of_a_track_is_served_as_what_it_is(live: httpx.Client) -> None:
    url = begin(live)
    for frame, seed in enumerate((3, 4, 5)):
        send(live, url, seed, time=f"2026-05-01T10:00:{10 * frame:02d}Z")
    wanted = {"json": "application/json", "geojson": "application/geo+json", "csv": "text/csv"}
    wanted |= {"gpx": "application/gpx+xml", "kml": "application/vnd.google-earth.kml+xml"}
    for form, media_type in wanted.items():
        response = live.get(url, params={"format": form})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(media_type)
        assert response.headers["cache-control"] == "no-store"
    assert "2026-05-01T10:00:10" in live.get(url, params={"format": "csv"}).text
    assert live.get(url, params={"format": "nmea"}).json()["title"] == "Camera unknown"
    assert live.get(url, params={"format": "shp"}).status_code == 422
    live.delete(url)


def test_frames_out_of_order_and_bad_times_are_refused_and_the_track_goes_on(
    live: httpx.Client,
) -> None:
    url = begin(live)
    assert send(live, url, 3, time=10).status_code == 200
    late = send(live, url, 4, time=9)
    assert late.status_code == 409
    assert "older than the last one" in late.json()["detail"]
    for bad in ("noon", "nan", "1e300", "2026-05-01T10:00:00Z"):
        assert send(live, url, 4, time=bad).status_code == 422, bad
    not_an_image = live.post(f"{url}/frames", params={"time": 11}, content=b"hello", headers=JPEG)
    assert not_an_image.status_code == 400
    assert send(live, url, 4, time=12).json()["frame"] == 2
    live.delete(url)


def test_two_drones_fly_at_once_and_keep_apart(live: httpx.Client) -> None:
    found: dict[int, list[dict[str, float]]] = {}

    def fly(first: int, step: int) -> None:
        url = begin(live, max_speed_m_s=30)
        fixes = []
        for frame in range(5):
            answer = send(live, url, first + step * frame, time=5 * frame)
            fixes.append(answer.json()["fix"])
        found[first] = fixes
        live.delete(url)

    drones = [threading.Thread(target=fly, args=each) for each in ((0, 1), (11, -1))]
    for drone in drones:
        drone.start()
    for drone in drones:
        drone.join()
    assert error_m(found[0][-1], 4) < 60
    assert error_m(found[11][-1], 7) < 60


def test_watchers_get_the_fixes_so_far_and_each_new_one(live: httpx.Client) -> None:
    url = begin(live)
    send(live, url, 3, time=0)
    events: list[tuple[str, str]] = []

    def read() -> None:
        with httpx.stream("GET", f"{live.base_url}{url}/events", timeout=30) as response:
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if line.startswith("data: "):
                    events.append((name, line.removeprefix("data: ")))

    watcher = threading.Thread(target=read)
    watcher.start()
    while not events:
        time.sleep(0.01)
    send(live, url, 4, time=5)
    live.delete(url)
    watcher.join(20)
    assert [name for name, _ in events] == ["fix", "fix", "end"]
    assert json.loads(events[1][1])["name"] == "00002"


def test_a_track_is_its_key_s_alone(store: Path) -> None:
    ours, theirs = new_key(), new_key()
    entries = f"a=sha256:{key_digest(ours)}, b=sha256:{key_digest(theirs)}"
    settings = settings_of(store, api_keys=entries)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        mine, other = {"X-API-Key": ours}, {"X-API-Key": theirs}
        url = client.post("/tracks", params={"gallery": "map"}, headers=mine).json()["track_url"]
        assert client.get(url, headers=other).status_code == 404
        assert client.delete(url, headers=other).status_code == 404
        assert client.get(url, headers=mine).status_code == 200


def test_tracks_and_frames_are_bounded(store: Path) -> None:
    settings = settings_of(store, max_tracks=1, track_frames=2)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        url = begin(client)
        refused = client.post("/tracks", params={"gallery": "map"})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert [send(client, url, 3, time=t).status_code for t in range(3)] == [200, 200, 409]


def test_an_idle_track_expires() -> None:
    async def check() -> None:
        now = 0.0
        tracks = Tracks(TrackLimits(tracks=2, frames=9, idle_s=60), clock=lambda: now)
        first = await tracks.begin("map", None, None, None)  # type: ignore[arg-type]
        now = 59.0
        assert await tracks.find(first.track_id, None) is first
        await tracks.begin("map", None, None, None)  # type: ignore[arg-type]
        with pytest.raises(TooManyTracksError, match="2 tracks are open"):
            await tracks.begin("map", None, None, None)  # type: ignore[arg-type]
        now = 120.0
        with pytest.raises(UnknownTrackError, match="dropped 60 s after their last frame"):
            await tracks.find(first.track_id, None)
        assert first.closed
        assert len(tracks) == 0

    asyncio.run(check())


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"gallery": "nowhere"}, 404),
        ({"gallery": "flights"}, 422),
        ({"gallery": "map", "latitude": 50}, 422),
        ({"gallery": "map", "max_speed_m_s": 0}, 422),
        ({"gallery": "map", "speed": 3}, 422),
    ],
)
def test_bad_beginnings_are_refused(
    live: httpx.Client, parameters: dict[str, str], status: int
) -> None:
    assert live.post("/tracks", params=parameters).status_code == status


def test_the_client_iterates_over_the_fixes_of_a_flight(live: httpx.Client) -> None:
    images = [encoded(picture(seed)) for seed in range(2, 7)]
    with Client(str(live.base_url)) as client:
        fixes = list(client.track(images, times=range(0, 50, 10), gallery="map"))
        assert [fix.name for fix in fixes] == [f"0000{n}" for n in range(1, 6)]
        assert isinstance(fixes[-1], Fix)
        with client.begin_track(gallery="map") as flight:
            flight.add(images[0])
            assert flight.result()["frames"] == 1
            assert flight.result("gpx").startswith("<?xml")
        with pytest.raises(ProblemError, match="Unknown track"):
            flight.result()


def test_the_client_s_fix_has_the_fields_of_the_interface() -> None:
    assert [field.name for field in dataclasses.fields(Fix)] == list(FixBody.model_fields)
