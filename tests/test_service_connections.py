"""Slow and oversized request heads, and floods of connections, through real sockets."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from service_live import serving, settings_of

from service.app import create_app

HEAD_START = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def bounded(store: Path, **changes: object) -> Iterator[httpx.Client]:
    settings = settings_of(store, **changes)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        yield client


def connect(client: httpx.Client) -> socket.socket:
    assert client.base_url.port is not None
    return socket.create_connection(("127.0.0.1", client.base_url.port), timeout=30)


def read_all(raw: socket.socket) -> bytes:
    parts = []
    while part := raw.recv(65536):
        parts.append(part)
    return b"".join(parts)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_head_that_never_ends_is_refused_with_408(store: Path) -> None:
    with bounded(store, head_s=0.3) as client, connect(client) as raw:
        raw.sendall(HEAD_START)
        answer = read_all(raw)
    assert status_of(answer) == 408
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"].startswith("no complete request")


def test_a_connection_that_sends_nothing_is_closed(store: Path) -> None:
    with bounded(store, head_s=0.3) as client, connect(client) as raw:
        assert status_of(read_all(raw)) == 408


@pytest.mark.parametrize("ended", [False, True], ids=["endless", "whole"])
@pytest.mark.parametrize("many", [False, True], ids=["one-header", "many-headers"])
def test_a_head_above_its_bound_is_refused_with_431(store: Path, ended: bool, many: bool) -> None:
    lines = b"X-A: " + b"a" * 5000
    if many:
        lines = b"\r\n".join(b"X-%d: a" % number for number in range(500))
    with bounded(store, max_head_kib=2) as client, connect(client) as raw:
        raw.sendall(HEAD_START + lines + (b"\r\n\r\n" if ended else b""))
        answer = read_all(raw)
        assert status_of(answer) == 431
        assert answer.count(b"HTTP/1.1") == 1
        assert b"retry-after" not in answer.lower()
        assert client.get("/healthz").status_code == 200


def test_the_bound_of_a_head_does_not_limit_the_body(store: Path) -> None:
    with bounded(store, max_head_kib=2) as client:
        response = client.post(
            "/localize", content=bytes(100_000), headers={"Content-Type": "image/jpeg"}
        )
        assert response.status_code == 400
        assert client.get("/healthz").status_code == 200


def test_health_answers_while_slow_clients_hold_every_connection(store: Path) -> None:
    with bounded(store, max_connections=20, head_s=60.0) as client, ExitStack() as stack:
        slow = [stack.enter_context(connect(client)) for _ in range(60)]
        for raw in slow:
            with suppress(BrokenPipeError, ConnectionResetError):
                raw.sendall(HEAD_START)
        for _ in range(5):
            assert httpx.get(f"{client.base_url}/healthz", timeout=30).status_code == 200


def test_one_address_holds_no_more_connections_than_allowed(store: Path) -> None:
    with bounded(store, max_connections_per_address=3) as client, ExitStack() as stack:
        held = [stack.enter_context(connect(client)) for _ in range(3)]
        refused = stack.enter_context(connect(client))
        answer = read_all(refused)
        assert status_of(answer) == 503
        assert b"\r\nretry-after: 1\r\n" in answer
        held[0].sendall(HEAD_START + b"Connection: close\r\n\r\n")
        assert status_of(read_all(held[0])) == 200
        with connect(client) as again:
            again.sendall(HEAD_START + b"Connection: close\r\n\r\n")
            assert status_of(read_all(again)) == 200
