"""The Python client against the real service."""

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from service_live import encoded, picture, serving, settings_of

from service.app import create_app
from service.client import AsyncClient, Client, ProblemError


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
