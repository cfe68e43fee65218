"""The Python client against the real service."""

import asyncio
import dataclasses
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from pydantic import BaseModel
from service_live import encoded, picture, serving, settings_of

from service.app import create_app
from service.client import AsyncClient, Client, Parameters, ProblemError, answers
from service.problems import Problem
from service.schemas import answers as bodies
from service.schemas import galleries, images, questions


def url_of(client: httpx.Client) -> str:
    return str(client.base_url)


def test_client_localizes_a_file_and_fetches_what_the_answer_links_to(
    live: httpx.Client, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(picture(3)))
    with Client(url_of(live)) as client:
        answer = client.localize(photo, top_k=2)
        assert [match.rank for match in answer.matches] == [1, 2]
        assert answer.matches[0].image_id == "satellite-003"
        assert client.get(answer.matches[0].image_url).startswith(b"\xff\xd8")
        assert client.localize([photo, photo.read_bytes()], explain=False).query.images == 2
        assert client.navigate(photo).matches[0].image_id == "drone-003"
        assert {gallery.name for gallery in client.galleries().galleries} == {"map", "flights"}


def test_every_format_is_returned_as_what_it_is(live: httpx.Client) -> None:
    photo = encoded(picture(3))
    with Client(url_of(live)) as client:
        collection = client.localize(photo, format="geojson")
        assert collection["type"] == "FeatureCollection"
        assert client.localize(photo, format="gpx").startswith("<?xml")
        assert "<kml" in client.localize(photo, format="kml")
        assert client.localize(photo, format="csv").startswith("rank,")


def test_dataclasses_have_the_fields_of_the_interface() -> None:
    pairs: list[tuple[type, type[BaseModel]]] = [
        (answers.Answer, bodies.AnswerBody),
        (answers.Estimate, bodies.EstimateBody),
        (answers.Camera, bodies.CameraBody),
        (answers.ImageAnswer, bodies.ImageAnswerBody),
        (answers.Match, images.MatchBody),
        (answers.Image, images.ImageBody),
        (answers.Flight, bodies.FlightBody),
        (answers.Query, bodies.QueryBody),
        (answers.GalleryVersion, galleries.GalleryName),
        (answers.Gallery, galleries.GalleryBody),
        (answers.RefusedGallery, galleries.RefusedGallery),
        (answers.Galleries, galleries.GalleriesBody),
        (answers.Model, bodies.ModelBody),
        (answers.Timing, bodies.TimingBody),
        (answers.Explanation, bodies.PicturesBody),
        (answers.Problem, Problem),
    ]
    for ours, theirs in pairs:
        names = {field.name for field in dataclasses.fields(ours)}
        assert names == set(theirs.model_fields), ours.__name__
    parameters = set(questions.QuestionParameters.model_fields) - {"format"}
    assert set(Parameters.__annotations__) == parameters


def test_nested_answers_are_typed(live: httpx.Client) -> None:
    with Client(url_of(live)) as client:
        found = client.navigate(
            encoded(picture(3)), captured_after=datetime(2024, 1, 1, tzinfo=UTC)
        )
    assert isinstance(found.matches[0].captured_at, datetime)
    assert found.flights is not None
    assert isinstance(found.flights[0].track[0], answers.Image)


def test_the_key_is_sent_to_the_service_alone() -> None:
    received: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(302, headers={"Location": "http://elsewhere.example/x"})

    with Client("http://service.example:8000/below", key="secret") as client:
        client._http._transport = httpx.MockTransport(serve)
        for link in ("http://elsewhere.example/x", "https://service.example:8000/x"):
            with pytest.raises(ValueError, match="no other host"):
                client.get(link)
        for link in ("/galleries/a/images/b", "//elsewhere.example/x"):
            with pytest.raises(httpx.HTTPStatusError, match="302"):
                client.get(link)
    assert {request.url.host for request in received} == {"service.example"}
    assert received[0].headers["x-api-key"] == "secret"


def test_client_needs_httpx_alone() -> None:
    probe = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "faiss", "fastapi", "pydantic", "numpy", "PIL",
                                  "starlette", "model", "indexer", "console", "sqlalchemy"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import service.client
ours = sorted(name for name in sys.modules if name.split(".")[0] == "service")
print(ours)
"""
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "service.schemas" not in done.stdout


def test_client_raises_the_problem(live: httpx.Client) -> None:
    with Client(url_of(live)) as client, pytest.raises(ProblemError) as caught:
        client.localize(b"text")
    assert caught.value.problem.status == 400
    assert caught.value.problem.type.endswith("not-an-image")


def test_async_client_asks_concurrently(live: httpx.Client) -> None:
    async def ask() -> list[str]:
        async with AsyncClient(url_of(live)) as client:
            asked = [client.localize(encoded(picture(seed))) for seed in range(6)]
            return [answer.matches[0].image_id for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [f"satellite-{seed:03d}" for seed in range(6)]


class SlowColours(ColourEmbedder):
    """Takes a while for each batch, as a real model does."""

    def embed_pixels(self, pixels_N3SS):  # type: ignore[no-untyped-def]
        time.sleep(0.3)
        return super().embed_pixels(pixels_N3SS)


def ask_once(http: httpx.Client, data: bytes) -> None:
    with Client(url_of(http)) as client:
        client.localize(data)


def test_client_waits_and_asks_again_when_the_queue_is_full(store: Path) -> None:
    settings = settings_of(store, queue_images=1)
    with serving(create_app(settings, SlowColours()), settings) as http:
        data = encoded(picture(1))
        blocker = threading.Thread(target=ask_once, args=(http, data))
        blocker.start()
        time.sleep(0.1)
        with Client(url_of(http), retries=0) as impatient, pytest.raises(ProblemError) as caught:
            impatient.localize(data)
        assert caught.value.problem.status == 429
        with Client(url_of(http)) as patient:
            assert patient.localize(data).matches[0].image_id == "satellite-001"
        blocker.join()
