"""Parameters as form fields beside the image: the same names and checks as in the query string."""

import httpx
import pytest
from photo_samples import HEIC
from service_live import encoded, picture
from test_service_refusals import refused

IMAGE = ("photo.jpg", encoded(picture(3)), "image/jpeg")
ALONE = {"headers": {"Content-Type": "image/jpeg"}, "content": IMAGE[1]}


def answer(live: httpx.Client, fields: dict[str, str], query: str = "") -> dict[str, object]:
    response = live.post(f"/localize{query}", files={"image": IMAGE}, data=fields)
    assert response.status_code == 200, response.text
    body = dict(response.json())
    del body["timing_ms"]
    return body


def test_form_fields_do_what_the_query_string_does(live: httpx.Client) -> None:
    fields = {
        "gallery": "map",
        "top_k": "2",
        "latitude": "50",
        "longitude": "14",
        "radius_m": "9e6",
    }
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    as_fields = answer(live, fields)
    assert as_fields == answer(live, {}, f"?{query}")
    assert len(as_fields["matches"]) == 2
    assert as_fields == answer(live, {"gallery": "map", "top_k": "2", "radius_m": "9e6"},
                               "?latitude=50&longitude=14")  # fmt: skip


def test_format_and_navigate_take_form_fields_too(live: httpx.Client) -> None:
    response = live.post("/localize", files={"image": IMAGE}, data={"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    response = live.post("/navigate", files={"image": IMAGE}, data={"top_k": "1"})
    assert len(response.json()["matches"]) == 1


@pytest.mark.parametrize(
    ("fields", "query", "slug", "status", "named"),
    [
        ({"topk": "3"}, "", "bad-parameter", 422, "topk"),
        ({"top_k": "0"}, "", "bad-parameter", 422, "top_k"),
        ({"top_k": ""}, "", "bad-parameter", 422, "top_k"),
        ({"latitude": "91", "longitude": "0", "radius_m": "9"}, "",
         "bad-parameter", 422, "latitude"),
        ({"latitude": "50"}, "", "bad-parameter", 422, "longitude"),
        ({"bounds": "0,5,1,4"}, "", "bad-parameter", 422, "bounds"),
        ({"top_k": "3"}, "?top_k=3", "bad-parameter", 422, "top_k: given twice"),
        ({"top_k": ["3", "4"]}, "", "bad-parameter", 422, "top_k: given twice ('3' and '4')"),
        ({}, "?top_k=3&top_k=4", "bad-parameter", 422, "top_k: given twice"),
        ({"gallery": "nowhere"}, "", "unknown-gallery", 404, "nowhere"),
        ({"gallery": "flights"}, "", "bad-parameter", 422, "flights"),
        ({"image": "text"}, "", "bad-multipart", 400, "curl -F image=@photo.jpg"),
        ({f"field{n}": "1" for n in range(99)}, "", "bad-multipart", 400, "Too many fields"),
    ],
)  # fmt: skip
def test_bad_form_fields_are_refused(
    live: httpx.Client,
    fields: dict[str, object],
    query: str,
    slug: str,
    status: int,
    named: str,
) -> None:
    response = live.post(f"/localize{query}", files={"image": IMAGE}, data=fields)
    assert named in refused(response, status, slug)


def test_form_fields_are_refused_before_an_image_is_decoded(live: httpx.Client) -> None:
    damaged = {"image": ("photo.jpg", b"no image", "image/jpeg")}
    response = live.post("/localize", files=damaged, data={"bounds": "0,5,1,4"})
    assert refused(response, 422, "bad-parameter").startswith("bounds: ")


def test_a_file_under_another_name_is_refused(live: httpx.Client) -> None:
    files = [("image", IMAGE), ("photo2", IMAGE)]
    detail = refused(live.post("/localize", files=files), 422, "unknown-file")
    assert "'photo2'" in detail
    files = [("image", IMAGE), ("latitude", IMAGE)]
    refused(live.post("/localize", files=files), 422, "unknown-file")
    detail = refused(live.post("/localize", files=[("photo2", IMAGE)]), 400, "no-image")
    assert "'photo2'" in detail


def test_the_document_lists_the_form_fields(live: httpx.Client) -> None:
    document = live.get("/openapi.json").json()
    for path in ("/localize", "/navigate"):
        question = document["paths"][path]["post"]
        form = question["requestBody"]["content"]["multipart/form-data"]["schema"]
        in_query = {parameter["name"] for parameter in question["parameters"]}
        assert set(form["properties"]) == in_query | {"image"}
        assert form["additionalProperties"] is False


@pytest.mark.parametrize("raw", [False, True], ids=["form", "raw"])
def test_a_heic_photo_is_answered_with_its_own_position(live: httpx.Client, raw: bool) -> None:
    query = "?use_image_gps=true&radius_m=20000000"
    if raw:
        response = live.post(
            f"/localize{query}", content=HEIC, headers={"Content-Type": "image/heic"}
        )
    else:
        response = live.post(f"/localize{query}", files={"image": ("a.HEIC", HEIC, "image/heic")})
    body = response.json()
    assert response.status_code == 200, body
    assert body["query"]["gps_used"] is True
    assert (body["query"]["width"], body["query"]["height"]) == (64, 64)
    assert len(body["matches"]) == 5
