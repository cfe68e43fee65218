"""What operators and browsers see around the answers: /docs, headers, metrics, logs, pictures."""

import io
import json
import logging
import re
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from PIL import Image
from service_live import encoded, picture, serving, settings_of

from service.app import create_app
from service.schemas.values import NAME_PATTERN
from service.settings import LOOPBACK_NAMES, Settings
from service.telemetry.logs import JsonFormatter, TextFormatter

JPEG = {"Content-Type": "image/jpeg"}


def test_docs_load_everything_from_the_service_itself(live: httpx.Client) -> None:
    page = live.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert not link.startswith(("http", "//"))
        assert live.get(f"/{link}").status_code == 200, link
    assert "<script>" not in page.text, "the policy allows no inline script"
    assert "script-src 'self';" in page.headers["content-security-policy"]


def test_openapi_document_names_every_contract_route(live: httpx.Client) -> None:
    document = live.get("/openapi.json").json()
    assert {
        "/localize", "/navigate", "/galleries", "/galleries/{name}", "/healthz", "/readyz",
        "/metrics", "/admin/reload", "/galleries/{name}/images/{image_id}",
        "/galleries/{name}/images/{image_id}/meta",
    } <= set(document["paths"])  # fmt: skip
    assert "HTTPValidationError" not in json.dumps(document)


@pytest.mark.parametrize("keys", ["off", "required"])
def test_openapi_document_names_both_ways_to_send_a_key_where_one_is_needed(keys: str) -> None:
    settings = Settings(keys=keys, api_keys="a=sha256:" + "0" * 64)  # type: ignore[arg-type]
    document = create_app(settings).openapi()
    both = [{"bearer": []}, {"header": []}]
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}
    assert schemes["header"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            is_admin = path.startswith(("/admin/", "/jobs/")) or (method, path) == (
                "post",
                "/galleries",
            )
            is_open = path in ("/healthz", "/readyz") or (keys == "off" and not is_admin)
            assert operation["security"] == ([] if is_open else both), path


def test_names_of_galleries_have_a_pattern_that_is_enforced(live: httpx.Client) -> None:
    paths = live.get("/openapi.json").json()["paths"]
    named = [path for path in paths if "{name}" in path]
    assert len(named) >= 8
    for path in named:
        for operation in paths[path].values():
            (name,) = [each for each in operation["parameters"] if each["name"] == "name"]
            assert name["schema"]["pattern"] == NAME_PATTERN
    for bad in ("..", ".hidden", "a b", "a" * 65, "%00"):
        assert live.get(f"/galleries/{bad}x/footprints").status_code in (404, 422)
    assert live.get("/galleries/unknown").status_code == 404
    assert live.post("/localize?gallery=a%20b", content=b"x", headers=JPEG).status_code == 422


@pytest.mark.parametrize("path", ["/", "/docs", "/galleries", "/nothing", "/metrics", "/readyz"])
def test_security_headers_are_on_every_response(live: httpx.Client, path: str) -> None:
    headers = live.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_other_sites_may_not_call_unless_configured(live: httpx.Client, store: Path) -> None:
    origin = {"Origin": "https://gis.example"}
    assert "access-control-allow-origin" not in live.get("/galleries", headers=origin).headers
    settings = settings_of(store, cors_origins="https://gis.example, https://x.example")
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        allowed = client.get("/galleries", headers=origin).headers
        assert allowed["access-control-allow-origin"] == "https://gis.example"
        other = client.get("/galleries", headers={"Origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in other


def test_metrics_count_requests_stages_batches_and_answers(store: Path) -> None:
    settings = settings_of(store)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        for seed in (1, 2):
            client.post("/localize", content=encoded(picture(seed)), headers=JPEG)
        client.post("/localize?min_confidence=1", content=encoded(picture(1)), headers=JPEG)
        client.post("/localize", content=b"text", headers=JPEG)
        client.get("/no/such/path/1")
        client.get("/no/such/path/2")
        version = client.get("/galleries/map").json()["version"]
        text = client.get("/metrics").text
    lines = set(text.splitlines())
    assert 'safenet_requests_total{method="POST",route="/localize",status="200"} 3.0' in lines
    assert 'safenet_requests_total{method="POST",route="/localize",status="400"} 1.0' in lines
    assert 'safenet_requests_total{method="GET",route="unknown",status="404"} 2.0' in lines
    assert 'safenet_answers_total{route="/localize",status="no_match"} 1.0' in lines
    for stage in ("decode", "queue", "embed", "search"):
        assert f'safenet_stage_seconds_count{{stage="{stage}"}} 3.0' in lines
    assert "safenet_batch_images_sum 3.0" in lines
    gallery = f'safenet_gallery_images{{gallery="map",version="{version}",view="satellite"}} 12.0'
    assert gallery in lines
    assert (
        f'safenet_model_info{{name="colour-thumbnail",sha256="{ColourEmbedder.sha256}"}} 1.0'
        in lines
    )
    assert "safenet_queue_images 0.0" in lines
    assert "/no/such" not in text, "a path that a client made up is no label"


def test_request_id_is_kept_when_harmless_and_made_otherwise(live: httpx.Client) -> None:
    assert (
        live.get("/healthz", headers={"X-Request-ID": "run-7.a"}).headers["x-request-id"]
        == "run-7.a"
    )
    for bad in ("a b", "x" * 65, "<script>", ""):
        made = live.get("/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", made)


def test_each_request_is_one_json_line_with_its_id(live: httpx.Client) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("service.middleware.request_log")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        headers = {**JPEG, "X-Request-ID": "q-1"}
        live.post("/localize?latitude=1", content=b"x", headers=headers)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    line = json.loads(stream.getvalue())
    assert line["request_id"] == "q-1"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/localize", 422)
    assert line["level"] == "info"
    assert line["ms"] > 0


def test_gallery_picture_and_metadata_agree_with_the_match(live: httpx.Client) -> None:
    body = live.post("/localize", content=encoded(picture(2)), headers=JPEG).json()
    match = body["matches"][0]
    shown = live.get(match["image_url"])
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (96, 96)
    meta = live.get(match["image_url"] + "/meta").json()
    for field in ("image_id", "latitude", "longitude", "bounds", "gsd_m", "source"):
        assert meta[field] == match[field]
    assert len(meta["corners"]) == 4
    for offered in (shown.headers["etag"], f'"other", W/{shown.headers["etag"]}', "*"):
        again = live.get(match["image_url"], headers={"If-None-Match": offered})
        assert again.status_code == 304
        assert again.content == b""
    other = live.get(match["image_url"], headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_galleries_list_says_what_each_holds(live: httpx.Client) -> None:
    body = live.get("/galleries").json()
    assert [(g["name"], g["view"], g["size"]) for g in body["galleries"]] == [
        ("flights", "drone", 12),
        ("map", "satellite", 12),
    ]
    west, south, east, north = body["galleries"][1]["bounds"]
    assert (west, east) == pytest.approx((14.0, 14.0))
    assert (south, north) == pytest.approx((50.0, 50.011))
    assert body["refused"] == []


@pytest.mark.parametrize(
    "path", ["/galleries", "/healthz", "/galleries/map/images/satellite-001", "/", "/openapi.json"]
)
def test_head_gives_the_headers_of_get_without_a_body(live: httpx.Client, path: str) -> None:
    whole, head = live.get(path), live.head(path)
    assert head.status_code == whole.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_answers_and_problems_are_not_stored_by_caches(live: httpx.Client) -> None:
    answer = live.post("/localize", content=encoded(picture(1)), headers=JPEG)
    assert answer.headers["cache-control"] == "no-store"
    assert live.get("/nothing").headers["cache-control"] == "no-store"
    shown = live.get(answer.json()["matches"][0]["image_url"])
    assert "max-age" in shown.headers["cache-control"]


def test_other_host_names_are_refused_on_loopback(live: httpx.Client) -> None:
    for host in ("evil.example", "evil.example:8000", "", "127.0.0.1.evil.example"):
        response = live.get("/galleries", headers={"Host": host})
        assert response.status_code in (400, 421), host
    for host in ("localhost", "LOCALHOST:8000", "[::1]:8000", "127.0.0.1:1"):
        assert live.get("/galleries", headers={"Host": host}).status_code == 200, host


def test_allowed_hosts_follow_the_settings() -> None:
    assert "localhost" in Settings().answered_hosts
    assert Settings(host="0.0.0.0").answered_hosts == frozenset()
    elsewhere = Settings(host="0.0.0.0", allowed_hosts="a.org, B.org")
    assert elsewhere.answered_hosts == {"a.org", "b.org"} | LOOPBACK_NAMES
    assert Settings(allowed_hosts="*").answered_hosts == frozenset()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"])
def test_extreme_dates_are_refused_with_422(live: httpx.Client, moment: str) -> None:
    response = live.post(
        f"/localize?captured_after={moment}", content=encoded(picture(1)), headers=JPEG
    )
    assert response.status_code == 422
    assert "out of range" in response.json()["detail"]


def test_text_logs_name_the_request_on_one_line() -> None:
    record = logging.makeLogRecord(
        {"name": "service", "levelname": "INFO", "msg": "request", "path": "/a\nb", "status": 404}
    )
    line = TextFormatter().format(record)
    assert "service: request" in line
    assert "status=404" in line
    assert "path=/a\\nb" in line
    assert "\n" not in line


def test_every_parameter_is_described_and_every_text_is_bounded() -> None:
    bounding = {"pattern", "maxLength", "enum", "format", "const"}
    for path, operations in create_app(Settings()).openapi()["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            for parameter in operation.get("parameters", []):
                where = (method, path, parameter["name"])
                assert parameter.get("description"), where
                schema = parameter["schema"]
                for kind in schema.get("anyOf", [schema]):
                    is_text = kind.get("type") == "string" and parameter["name"] != "datetime"
                    assert not is_text or bounding & set(kind), where
