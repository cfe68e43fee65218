"""Bad input: the contract's clear error as problem+json, and the service alive after it."""

import struct
import zlib

import httpx
import pytest
from service_live import encoded, picture

JPEG = {"Content-Type": "image/jpeg"}


def png_bomb(side_px: int) -> bytes:
    """A small valid PNG that declares side_px x side_px grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    line = bytes(side_px + 1)
    packed = b"".join(packer.compress(line) for _ in range(64)) + packer.flush()
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def refused(response: httpx.Response, status: int, slug: str) -> str:
    """Check one problem; returns its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["type"] == f"urn:safenet-geo:problem:{slug}"
    assert "/tmp" not in response.text
    assert "Traceback" not in response.text
    return str(body["detail"])


@pytest.fixture(autouse=True)
def alive_after(live: httpx.Client) -> object:
    yield
    assert live.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"", "no-image"),
        (b"hello, I am text", "not-an-image"),
        (encoded(picture(1))[:-400], "truncated-image"),
        (encoded(picture(1, (1, 1)), "PNG"), "image-too-small"),
        (png_bomb(30_000), "too-many-pixels"),
    ],
    ids=["empty", "text", "truncated", "1x1", "bomb"],
)
@pytest.mark.parametrize("multipart", [False, True], ids=["raw", "multipart"])
def test_bad_images_are_refused_with_400(
    live: httpx.Client, data: bytes, slug: str, multipart: bool
) -> None:
    if multipart:
        response = live.post("/localize", files={"image": ("x.jpg", data, "image/jpeg")})
    else:
        response = live.post("/localize", content=data, headers=JPEG)
    refused(response, 400, slug)


def test_too_small_image_names_its_size_and_the_limit(live: httpx.Client) -> None:
    one = encoded(picture(1, (1, 1)), "PNG")
    detail = refused(live.post("/localize", content=one, headers=JPEG), 400, "image-too-small")
    assert "1 x 1" in detail
    assert "16" in detail


@pytest.mark.parametrize(
    ("query", "slug", "status"),
    [
        ("gallery=nowhere", "unknown-gallery", 404),
        ("gallery=../etc", "bad-parameter", 422),
        ("gallery=flights", "bad-parameter", 422),
        ("top_k=0", "bad-parameter", 422),
        ("top_k=101", "bad-parameter", 422),
        ("top_k=x", "bad-parameter", 422),
        ("latitude=91&longitude=0&radius_m=10", "bad-parameter", 422),
        ("latitude=nan&longitude=0&radius_m=10", "bad-parameter", 422),
        ("latitude=50", "bad-parameter", 422),
        ("latitude=50&longitude=14", "bad-parameter", 422),
        ("radius_m=10", "bad-parameter", 422),
        ("min_confidence=2", "bad-parameter", 422),
        ("format=xlsx", "bad-parameter", 422),
        ("topk=3", "bad-parameter", 422),
    ],
)
def test_bad_parameters_are_refused(live: httpx.Client, query: str, slug: str, status: int) -> None:
    response = live.post(f"/localize?{query}", content=encoded(picture(1)), headers=JPEG)
    refused(response, status, slug)


def test_refused_parameter_is_named_with_its_value_and_bound(live: httpx.Client) -> None:
    response = live.post("/localize?top_k=0", content=encoded(picture(1)), headers=JPEG)
    detail = refused(response, 422, "bad-parameter")
    assert "top_k" in detail
    assert "'0'" in detail
    assert "1" in detail


def test_other_content_types_are_refused_with_415(live: httpx.Client) -> None:
    for content_type in ("application/json", "text/plain", "application/octet-stream"):
        headers = {"Content-Type": content_type}
        refused(live.post("/localize", content=b"{}", headers=headers), 415, "unsupported-type")


def test_body_without_image_is_refused(live: httpx.Client) -> None:
    refused(live.post("/localize"), 400, "no-image")
    refused(live.post("/localize", files={"photo": encoded(picture(1))}), 400, "no-image")


def test_broken_multipart_is_refused(live: httpx.Client) -> None:
    for content_type, body in [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"no boundary here"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        ),
    ]:
        response = live.post("/localize", content=body, headers={"Content-Type": content_type})
        refused(response, 400, "bad-multipart")


def test_more_than_54_views_are_refused(live: httpx.Client) -> None:
    data = encoded(picture(1, (16, 16)))
    parts = [("image", ("v.jpg", data, "image/jpeg"))] * 55
    refused(live.post("/localize", files=parts), 422, "too-many-views")
    assert live.post("/localize", files=parts[:54]).json()["query"]["images"] == 54


def test_frameworks_own_errors_are_problems_too(live: httpx.Client) -> None:
    refused(live.get("/nothing/here"), 404, "not-found")
    refused(live.get("/localize"), 405, "method-not-allowed")
    refused(live.get("/galleries/map/images/none"), 404, "unknown-image")
    refused(live.get("/galleries/map/images/none/meta"), 404, "unknown-image")
    refused(live.get("/galleries/none"), 404, "unknown-gallery")


def test_malformed_bounds_are_refused_before_the_upload_is_looked_at(live: httpx.Client) -> None:
    for bounds in ("1,2,3", "0,0,1,95", "0,5,1,4", "a,b,c,d"):
        response = live.post(f"/localize?bounds={bounds}", content=b"no image", headers=JPEG)
        detail = refused(response, 422, "bad-parameter")
        assert detail.startswith("bounds: ")
        assert "Value error" not in detail
