"""Attacks on the service through the proxy with which it faces the internet."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from proxy_live import Proxy, proxied
from service_live import encoded, free_port, picture

ATTACKER = "127.0.0.66"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
JPEG = {"Content-Type": "image/jpeg"}
PER_ADDRESS, UPLOADS = 40, 4
LIMITS = {
    "CONNECTIONS": 200,
    "CONNECTIONS_PER_ADDRESS": PER_ADDRESS,
    "UPLOADS_PER_ADDRESS": UPLOADS,
}


@pytest.fixture(scope="module")
def proxy(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The proxy, which waits so long for heads that no test meets that limit."""
    with proxied(
        store, tmp_path_factory.mktemp("proxy"), HEAD_S=300, IDLE_S=300, **LIMITS
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The proxy, with a deadline of a second for request heads."""
    with proxied(store, tmp_path_factory.mktemp("hasty"), HEAD_S=1, IDLE_S=2, **LIMITS) as running:
        yield running


def read_all(raw: socket.socket) -> bytes:
    parts = []
    with suppress(ConnectionResetError):
        while part := raw.recv(65536):
            parts.append(part)
    return b"".join(parts)


def is_open(raw: socket.socket) -> bool:
    raw.settimeout(0.01)
    try:
        return raw.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_service_that_is_gone_is_passed_over(store: Path, tmp_path: Path) -> None:
    with proxied(store, tmp_path, beside=f"127.0.0.1:{free_port()}") as running:
        assert {running.healthz(f"127.0.0.{last}") for last in range(2, 12)} == {200}
        answer = running.client.post("/localize", content=encoded(picture(1)), headers=JPEG)
        assert answer.status_code == 200


def test_a_question_is_answered_over_tls_as_without_the_proxy(proxy: Proxy) -> None:
    data = encoded(picture(3))
    through = proxy.client.post("/localize", content=data, headers=JPEG).json()
    direct = proxy.service.post("/localize", content=data, headers=JPEG).json()
    assert through["status"] == direct["status"]
    assert through["matches"] == direct["matches"]
    redirect = httpx.get(f"http://localhost:{proxy.http_port}/docs?a=1")
    assert redirect.status_code == 301
    assert redirect.headers["location"].startswith("https://localhost/docs")


def assert_answers_soon(proxy: Proxy, source: str = "127.0.0.1") -> None:
    """Within 20 s, since nginx has to notice first which connections have ended."""
    for _ in range(100):
        with suppress(httpx.TransportError):
            assert proxy.healthz(source) == 200
            return
        time.sleep(0.2)
    raise AssertionError("no answer within 20 s")


@pytest.mark.parametrize(
    "lines",
    [b"X-A: " + b"a" * 40_000, b"\r\n".join(b"X-%d: %s" % (n, b"a" * 900) for n in range(60))],
    ids=["one-header", "many-headers"],
)
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["endless", "whole"])
def test_a_head_that_is_too_large_is_refused_with_431(
    proxy: Proxy, lines: bytes, end: bytes
) -> None:
    with proxy.connect_tls() as raw:
        raw.sendall(HEAD + lines + end)
        answer = read_all(raw)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"urn:safenet-geo:problem:head-too-large" in answer


def test_an_address_that_is_too_long_is_refused_with_414(proxy: Proxy) -> None:
    response = proxy.client.get("/healthz?a=" + "a" * 20_000)
    assert response.status_code == 414
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("sent", [None, b"", HEAD], ids=["no-handshake", "silent", "half-a-head"])
def test_a_connection_without_a_whole_head_is_closed_in_time(
    hasty: Proxy, sent: bytes | None
) -> None:
    with hasty.connect() if sent is None else hasty.connect_tls() as raw:
        if sent:
            raw.sendall(sent)
        raw.settimeout(30)
        answer = read_all(raw)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_trickles_is_closed_in_time(hasty: Proxy) -> None:
    with hasty.connect_tls() as raw:
        for _ in range(300):
            try:
                raw.sendall(b"X")
            except OSError:
                return
            if not is_open(raw):
                return
            time.sleep(0.1)
    raise AssertionError("still open after 30 s")


def test_health_answers_while_slow_clients_hold_on(proxy: Proxy) -> None:
    with ExitStack() as stack:
        held = []
        for number in range(4 * PER_ADDRESS):
            raw = stack.enter_context(proxy.connect(f"127.0.0.{70 + number % 2}"))
            held.append(raw)
        assert [proxy.healthz() for _ in range(5)] == 5 * [200]
        assert sum(is_open(raw) for raw in held) <= 2 * PER_ADDRESS


def test_one_address_holds_no_more_connections_than_allowed(proxy: Proxy) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(proxy.connect(ATTACKER)) for _ in range(2 * PER_ADDRESS)]
        for _ in range(100):
            if (still_open := sum(is_open(raw) for raw in held)) <= PER_ADDRESS:
                break
            time.sleep(0.1)
        assert still_open == PER_ADDRESS
    assert_answers_soon(proxy, ATTACKER)


def test_the_service_answers_again_after_many_addresses_held_all_connections(hasty: Proxy) -> None:
    with ExitStack() as stack:
        for number in range(400):
            stack.enter_context(hasty.connect(f"127.0.1.{number % 20}"))
        assert_answers_soon(hasty)


def test_uploads_that_trickle_leave_room_for_questions_of_others(proxy: Proxy) -> None:
    head = (
        b"POST /localize HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        b"Content-Length: 1000000\r\n\r\n\xff\xd8"
    )
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS - 4):
            stack.enter_context(proxy.connect_tls(ATTACKER)).sendall(head)
        time.sleep(0.3)
        metrics = proxy.service.get("/metrics").text
        assert f"safenet_questions {UPLOADS}.0" in metrics
        data = encoded(picture(3))
        assert proxy.client.post("/localize", content=data, headers=JPEG).status_code == 200


def test_answers_that_are_not_read_do_not_hold_the_service(proxy: Proxy) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            raw = stack.enter_context(proxy.connect_tls(ATTACKER))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(20 * request)
        assert proxy.healthz() == 200
        assert proxy.service.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
    ],
)
def test_ambiguous_bodies_are_refused(proxy: Proxy, head: bytes) -> None:
    with proxy.connect_tls() as raw:
        raw.sendall(b"POST /localize HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n0\r\n\r\n")
        assert read_all(raw).split(b" ", 2)[1] in (b"400", b"501")


def test_a_forged_client_address_does_not_reach_the_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        proxy.client.get("/galleries", headers={"X-Forwarded-For": "6.6.6.6"})
    (line,) = [r for r in caplog.records if getattr(r, "path", "") == "/galleries"]
    assert line.client == "127.0.0.1"  # type: ignore[attr-defined]


def test_addresses_in_documents_are_those_of_the_proxy(proxy: Proxy) -> None:
    tiles = proxy.client.get("/galleries/map/tiles.json").json()["tiles"][0]
    assert tiles.startswith(f"https://localhost:{proxy.port}/galleries/map/tiles/")


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_texts_are_compressed_and_stay_revalidatable(proxy: Proxy, coding: str) -> None:
    headers = {"Accept-Encoding": coding}
    with proxy.client.stream("GET", "/openapi.json", headers=headers) as response:
        assert response.headers["content-encoding"] == coding
    path = "/static/js/app.js"
    with proxy.client.stream("GET", path, headers=headers) as response:
        assert response.headers["content-encoding"] == coding
        etag = response.headers["etag"]
    again = proxy.client.get(path, headers={**headers, "If-None-Match": etag})
    assert again.status_code == 304


def test_a_flood_of_requests_from_one_address_gets_429_and_others_are_answered(
    store: Path, tmp_path: Path
) -> None:
    limits = {"REQUESTS_PER_S": 5, "REQUESTS_BURST": 10}
    with proxied(store, tmp_path, **limits) as proxy:
        statuses = [proxy.client.get("/healthz") for _ in range(40)]
        refused = [response for response in statuses if response.status_code == 429]
        assert refused
        assert refused[0].headers["retry-after"] == "1"
        assert proxy.healthz(ATTACKER) == 200
