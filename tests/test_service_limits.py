"""Limits that hold under load: bytes, time, places in the queue, and clients that leave."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import ColourEmbedder
from numpy.typing import NDArray
from service_live import GatedColours, encoded, picture, serving, settings_of

from service.app import create_app

JPEG = {"Content-Type": "image/jpeg"}


def until(condition: object, limit_s: float = 10.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def metric(client: httpx.Client, name: str) -> float:
    for line in client.get("/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    raise AssertionError(name)


@pytest.fixture
def gated() -> GatedColours:
    return GatedColours()


def post_in_background(client: httpx.Client, data: bytes) -> tuple[threading.Thread, list[int]]:
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            statuses.append(own.post("/localize", content=data, headers=JPEG).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, statuses


@pytest.fixture(scope="module")
def small(store: Path) -> Iterator[httpx.Client]:
    """A service whose bodies may have 1 MiB and must arrive within half a second."""
    settings = settings_of(store, max_body_mib=1, upload_s=0.5, max_pending_mib=2)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        yield client


def test_declared_body_above_the_limit_is_refused_and_the_client_learns_why(
    small: httpx.Client,
) -> None:
    response = small.post("/localize", content=bytes(30 * 2**20), headers=JPEG)
    assert response.status_code == 413
    assert "1048576 bytes" in response.json()["detail"]


def test_streamed_body_is_refused_when_it_passes_the_limit(small: httpx.Client) -> None:
    sent = [0]

    def chunks() -> Iterator[bytes]:
        for _ in range(400):
            sent[0] += 1
            yield bytes(2**14)

    response = small.post("/localize", content=chunks(), headers=JPEG)
    assert response.status_code == 413
    assert small.get("/readyz").status_code == 200


def test_multipart_body_above_the_limit_is_refused(small: httpx.Client) -> None:
    parts = [("image", (f"{n}.jpg", bytes(2**18), "image/jpeg")) for n in range(5)]
    assert small.post("/localize", files=parts).status_code == 413


def test_body_that_does_not_arrive_is_given_up(small: httpx.Client) -> None:
    assert small.base_url.port is not None
    with socket.create_connection(("127.0.0.1", small.base_url.port), timeout=10) as raw:
        raw.sendall(
            b"POST /localize HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        answer = raw.recv(100)
    assert answer.startswith(b"HTTP/1.1 408")


def test_uploads_together_hold_no_more_than_allowed(store: Path, gated: GatedColours) -> None:
    settings = settings_of(store, max_body_mib=1, max_pending_mib=1)
    data = encoded(picture(1)) + bytes(700_000)
    with serving(create_app(settings, gated), settings) as client:
        gated.gate.clear()
        thread, statuses = post_in_background(client, data)
        until(lambda: metric(client, "safenet_upload_bytes") == len(data))
        refused = client.post("/localize", content=data, headers=JPEG)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        gated.gate.set()
        thread.join()
        assert statuses == [200]
        assert metric(client, "safenet_upload_bytes") == 0
        assert client.post("/localize", content=data, headers=JPEG).status_code == 200


@pytest.mark.parametrize("limit", ["max_requests", "queue_images"])
def test_one_more_than_allowed_is_answered_429(
    store: Path, gated: GatedColours, limit: str
) -> None:
    settings = settings_of(store, **{limit: 2})
    data = encoded(picture(1))
    with serving(create_app(settings, gated), settings) as client:
        gated.gate.clear()
        waiting = [post_in_background(client, data) for _ in range(2)]
        until(lambda: metric(client, "safenet_queue_images") == 2)
        refused = client.post("/localize", content=data, headers=JPEG)
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:safenet-geo:problem:queue-full"
        assert int(refused.headers["retry-after"]) >= 1
        gated.gate.set()
        for thread, statuses in waiting:
            thread.join()
            assert statuses == [200]
        assert metric(client, "safenet_queue_images") == 0
        assert metric(client, "safenet_questions") == 0


def test_late_answer_becomes_503_and_its_work_is_dropped(store: Path, gated: GatedColours) -> None:
    settings = settings_of(store, deadline_s=0.2, max_batch=1)
    data = encoded(picture(1))
    with serving(create_app(settings, gated), settings) as client:
        warm = gated.ran
        gated.gate.clear()
        blocker, blocked = post_in_background(client, data)
        until(lambda: metric(client, "safenet_queue_images") == 1)
        late = client.post("/localize", content=data, headers=JPEG)
        assert late.status_code == 503
        assert late.json()["type"] == "urn:safenet-geo:problem:deadline"
        blocker.join()
        assert blocked == [503]
        gated.gate.set()
        until(lambda: metric(client, "safenet_queue_images") == 0)
        assert client.post("/localize", content=data, headers=JPEG).status_code == 200
        assert gated.ran - warm == 2, "the blocked image and the last one; never the late one"


def test_work_of_a_client_that_left_is_dropped(store: Path, gated: GatedColours) -> None:
    settings = settings_of(store, max_batch=1)
    data = encoded(picture(1))
    with serving(create_app(settings, gated), settings) as client:
        warm = gated.ran
        gated.gate.clear()
        blocker, blocked = post_in_background(client, data)
        until(lambda: metric(client, "safenet_queue_images") == 1)
        impatient = httpx.Client(base_url=client.base_url, timeout=0.3)
        with impatient, pytest.raises(httpx.ReadTimeout):
            impatient.post("/localize", content=data, headers=JPEG)
        until(lambda: metric(client, "safenet_clients_gone_total") == 1)
        assert metric(client, "safenet_queue_images") == 1
        gated.gate.set()
        blocker.join()
        assert blocked == [200]
        assert gated.ran - warm == 1


class FailingColours(ColourEmbedder):
    """Works once, for the warm-up, and fails then."""

    calls = 0

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("device lost: /root/secret/model.bin")
        return super().embed_pixels(pixels_N3SS)


def test_unexpected_failure_is_a_500_problem_that_tells_nothing(store: Path) -> None:
    settings = settings_of(store)
    with serving(create_app(settings, FailingColours()), settings) as client:
        headers = {**JPEG, "X-Request-ID": "abc-123"}
        response = client.post("/localize", content=encoded(picture(1)), headers=headers)
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["request_id"] == "abc-123"
        assert "secret" not in response.text
        assert "content-security-policy" in response.headers
        assert client.get("/readyz").status_code == 200
