"""API keys: nothing answers without one, nothing tells one, each has its own rate."""

import base64
import io
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from fastapi import FastAPI
from service_live import encoded, picture, serving, settings_of

from service.app import create_app
from service.errors import AccessError, RateLimitedError, SettingsError
from service.middleware.api_keys import ApiKeys, key_digest, new_key
from service.middleware.rates import Rates, kind_of_request
from service.settings import Settings
from service.telemetry.logs import JsonFormatter

JPEG = {"Content-Type": "image/jpeg"}
KEY, OTHER = new_key(), new_key()
ENTRIES = f"tower=sha256:{key_digest(KEY)}, gis=sha256:{key_digest(OTHER)}"
OPEN = {"/", "/healthz", "/readyz", "/static/{path:path}"}


@pytest.fixture(scope="module")
def app(store: Path) -> FastAPI:
    return create_app(settings_of(store, api_keys=ENTRIES), ColourEmbedder())


@pytest.fixture(scope="module")
def guarded(app: FastAPI, store: Path) -> Iterator[httpx.Client]:
    with serving(app, settings_of(store)) as client:
        yield client


def test_no_route_but_health_and_the_bare_page_answers_without_a_key(
    app: FastAPI, guarded: httpx.Client
) -> None:
    paths = set(app.openapi()["paths"]) | {"/docs", "/docs/start.js", "/openapi.json", "/metrics"}
    paths |= {"/docs/assets/swagger-ui.css", "/nothing"}
    assert len(paths - OPEN) > 12
    for path in paths - OPEN:
        for method in ("GET", "POST"):
            response = guarded.request(method, path)
            assert response.status_code == 401, (method, path)
            assert "Bearer" in response.headers["www-authenticate"]
            assert response.headers["content-type"] == "application/problem+json"
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200


def test_each_way_to_send_a_key_works_and_a_wrong_one_does_not(guarded: httpx.Client) -> None:
    def asked(**headers: str) -> int:
        return guarded.get("/galleries", headers=headers).status_code

    basic = base64.b64encode(f"me:{KEY}".encode()).decode()
    assert asked(Authorization=f"Bearer {KEY}") == 200
    assert asked(Authorization=f"Basic {basic}") == 200
    assert asked(**{"X-API-Key": OTHER}) == 200
    for wrong in ("x", KEY[:-1], KEY + "x", key_digest(KEY)):
        assert asked(Authorization=f"Bearer {wrong}") == 401
        assert asked(**{"X-API-Key": wrong}) == 401
    assert asked(Authorization="Basic %%%") == 401
    assert asked(Authorization=KEY) == 401


def test_reload_takes_no_browser_password(guarded: httpx.Client) -> None:
    basic = base64.b64encode(f"me:{KEY}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    assert guarded.post("/admin/reload", headers=headers).status_code == 401
    headers = {"Authorization": f"Bearer {KEY}"}
    assert guarded.post("/admin/reload", headers=headers).json() == {"changed": {}, "refused": []}


def test_reload_needs_a_key_even_where_none_is_configured(live: httpx.Client) -> None:
    response = live.post("/admin/reload")
    assert response.status_code == 401
    assert "SAFENET_API_KEYS" in response.json()["detail"]


def test_keys_appear_in_no_log_error_or_metric(guarded: httpx.Client) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(lambda record: not record.name.startswith("http"))  # this test's own client
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    wrong = new_key()
    try:
        said = [
            guarded.get(f"/galleries?key={KEY}", headers={"X-API-Key": wrong}).text,
            guarded.get("/galleries", headers={"Authorization": f"Bearer {KEY}"}).text,
            guarded.post("/localize?top_k=0", headers={"X-API-Key": KEY}).text,
            guarded.get("/metrics", headers={"X-API-Key": KEY}).text,
        ]
    finally:
        logging.getLogger().setLevel(level)
        logging.getLogger().removeHandler(handler)
    logged = stream.getvalue()
    assert '"key": "tower"' in logged
    for text in (logged, *said):
        for secret in (KEY, wrong, key_digest(KEY)):
            assert secret not in text


def test_rate_is_counted_per_client_and_kind_and_refills() -> None:
    now = [0.0]
    rates = Rates(questions_per_minute=2, maps_per_minute=1, clock=lambda: now[0])
    rates.spend("tower", "question")
    rates.spend("tower", "question")
    with pytest.raises(RateLimitedError) as caught:
        rates.spend("tower", "question")
    assert caught.value.retry_after_s == 30
    rates.spend("gis", "question")
    rates.spend("tower", "map")
    now[0] = 30.0
    rates.spend("tower", "question")
    with pytest.raises(RateLimitedError):
        rates.spend("tower", "question")


def test_rate_limit_is_answered_429_with_retry_after(store: Path) -> None:
    settings = settings_of(store, api_keys=ENTRIES, rate_per_minute=1)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        headers = {**JPEG, "X-API-Key": KEY}
        data = encoded(picture(1))
        assert client.post("/localize", content=data, headers=headers).status_code == 200
        refused = client.post("/localize", content=data, headers=headers)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/galleries", headers=headers).status_code == 200, "only questions count"


LAYERS = ("tiles/1/1/0", "tiles/1/1/0.png", "tiles.json", "wmts", "footprints")


@pytest.mark.parametrize(
    "path",
    [*(f"/galleries/map/{layer}" for layer in LAYERS), "/ogc", "/ogc/collections/map/items"],
)
def test_what_maps_load_is_counted_for_each_address_without_keys(store: Path, path: str) -> None:
    settings = settings_of(store, map_rate_per_minute=1)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        assert client.get(path).status_code in (200, 204)
        refused = client.get(path)
        assert refused.status_code == 429
        assert "address 127.0.0.1" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/galleries").status_code == 200


def test_every_route_that_computes_has_a_rate() -> None:
    free = {"/healthz", "/readyz", "/metrics", "/coordinates", "/admin/reload"}
    free |= {"/galleries", "/galleries/{name}", "/tracks/{track_id}/events"}
    free |= {f"/galleries/{{name}}/images/{{image_id}}{end}" for end in ("", "/meta")}
    for path, methods in create_app(Settings()).openapi()["paths"].items():
        for method in methods:
            is_free = path in free or path.startswith("/jobs/") or method == "delete"
            assert (kind_of_request(method.upper(), path) is None) == is_free, (method, path)


@pytest.mark.parametrize("entries", ["tower", "tower=abc", f"a={'0' * 64}", "é=sha256:" + "0" * 64])
def test_malformed_entries_are_refused_without_repeating_them(entries: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ApiKeys(entries)
    assert entries not in str(caught.value)


def test_wrong_key_is_refused() -> None:
    with pytest.raises(AccessError):
        ApiKeys(ENTRIES).find("sng_wrong")


def test_a_read_key_may_not_administer_and_an_expired_one_opens_nothing(store: Path) -> None:
    entries = f"tower:read=sha256:{key_digest(KEY)},old@2020-01-31=sha256:{key_digest(OTHER)}"
    settings = settings_of(store, api_keys=entries)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        headers = {"X-API-Key": KEY}
        assert client.get("/galleries", headers=headers).status_code == 200
        refused = client.post("/admin/reload", headers=headers)
        assert refused.status_code == 401
        assert "may only read" in refused.json()["detail"]
        expired = client.get("/galleries", headers={"X-API-Key": OTHER})
        assert expired.status_code == 401
        assert "expired on 2020-01-31" in expired.json()["detail"]


def test_a_key_is_valid_to_the_end_of_its_last_day() -> None:
    keys = ApiKeys(f"a@2026-11-30=sha256:{key_digest(KEY)}")
    assert keys.find(KEY, today=date(2026, 11, 30)).name == "a"
    with pytest.raises(AccessError, match="expired"):
        keys.find(KEY, today=date(2026, 12, 1))
    with pytest.raises(SettingsError):
        ApiKeys(f"a@2026-02-30=sha256:{key_digest(KEY)}")
