"""/localize and /navigate over real HTTP: right answers, in every way an image may come."""

from pathlib import Path

import httpx
import pytest
from indexer_samples import LocalEmbedder
from PIL import Image
from service_live import PLACES, encoded, picture, position, serving, settings_of, write_source

from indexer import localize
from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from service.app import create_app

JPEG = {"Content-Type": "image/jpeg"}


def test_localize_finds_the_tile_of_a_raw_body(live: httpx.Client) -> None:
    for seed in (0, 5, PLACES - 1):
        response = live.post("/localize", content=encoded(picture(seed)), headers=JPEG)
        assert response.status_code == 200
        body = response.json()
        first = body["matches"][0]
        assert first["image_id"] == f"satellite-{seed:03d}"
        assert (first["latitude"], first["longitude"]) == pytest.approx(position(seed))
        assert first["score"] > 0.99
        assert [match["rank"] for match in body["matches"]] == [1, 2, 3, 4, 5]


def test_localize_takes_the_multipart_field_and_gives_the_same_answer(live: httpx.Client) -> None:
    data = encoded(picture(3))
    raw = live.post("/localize", content=data, headers=JPEG).json()
    form = live.post("/localize", files={"image": ("a.jpg", data, "image/jpeg")}).json()
    assert form["matches"] == raw["matches"]
    assert form["query"] == raw["query"] == {
        "images": 1, "width": 96, "height": 96, "gps_used": False,
    }  # fmt: skip


def test_navigate_finds_the_drone_image_with_its_flight(live: httpx.Client) -> None:
    body = live.post("/navigate", content=encoded(picture(4)), headers=JPEG).json()
    first = body["matches"][0]
    assert first["image_id"] == "drone-004"
    assert first["altitude_m"] == 60
    assert first["altitude_datum"] == "takeoff"
    assert first["heading_deg"] == 90
    assert first["gimbal_pitch_deg"] == -60
    assert first["flight_id"] == "flight-0"
    assert first["captured_at"].startswith("2024-05-01T10:55:00")
    assert body["gallery"]["view"] == "drone"


def test_answer_says_which_gallery_and_weights_gave_it(
    live: httpx.Client, embedder: object
) -> None:
    body = live.post("/localize", content=encoded(picture(1)), headers=JPEG).json()
    version = live.get("/galleries/map").json()["version"]
    assert body["gallery"] == {"name": "map", "view": "satellite", "version": version, "size": 12}
    assert body["model"]["name"] == "colour-thumbnail"
    assert body["model"]["descriptor_dim"] == 768
    assert set(body["timing_ms"]) == {"decode", "queue", "embed", "search", "total"}
    assert body["timing_ms"]["total"] >= body["timing_ms"]["embed"]


def test_views_of_one_place_are_fused_by_mean(live: httpx.Client) -> None:
    parts = [("image", ("v.jpg", encoded(picture(seed)), "image/jpeg")) for seed in (6, 7)]
    body = live.post("/localize", files=parts).json()
    assert body["query"]["images"] == 2
    assert {m["image_id"] for m in body["matches"][:2]} == {"satellite-006", "satellite-007"}
    assert body["matches"][0]["score"] == pytest.approx(body["matches"][1]["score"], abs=0.01)


@pytest.mark.parametrize(("view", "route"), [("satellite", "/localize"), ("drone", "/navigate")])
def test_the_service_answers_as_the_library_call_does(
    tmp_path: Path, view: str, route: str
) -> None:
    embedder, store = LocalEmbedder(), tmp_path / "store"
    source = open_source(write_source(tmp_path / "source", view, range(PLACES)), SourceOptions())
    build(store, "own", source, embedder)
    files = [encoded(picture(seed), "PNG") for seed in (6, 7)]
    settings = settings_of(store)
    with serving(create_app(settings, embedder), settings) as client:
        parts = [("image", ("v.png", file, "image/png")) for file in files]
        body = client.post(route, files=parts).json()
    gallery = Gallery.open(store, "own", embedder=embedder)
    expected = localize(files, gallery, embedder)
    gallery.close()
    found = [(match["image_id"], match["score"]) for match in body["matches"]]
    assert [name for name, _ in found] == [match.record.image_id for match in expected.matches]
    assert {name for name, _ in found[:2]} == {f"{view}-006", f"{view}-007"}
    assert (body["status"], body["agreement"]) == (expected.status, expected.agreement)
    assert (body["estimate"] is None) == (route == "/navigate")
    scores = [match.score for match in expected.matches]
    assert [score for _, score in found] == pytest.approx(scores, abs=1e-4)


def test_top_k_and_prior_restrict_the_matches(live: httpx.Client) -> None:
    data = encoded(picture(2))
    assert len(live.post("/localize?top_k=1", content=data, headers=JPEG).json()["matches"]) == 1
    latitude, longitude = position(9)
    prior = {"latitude": latitude, "longitude": longitude, "radius_m": 150}
    near = live.post("/localize", params=prior, content=data, headers=JPEG).json()["matches"]
    assert {m["image_id"] for m in near} == {"satellite-008", "satellite-009", "satellite-010"}


def test_confidence_does_not_depend_on_top_k(live: httpx.Client) -> None:
    data = encoded(picture(2))
    one, many = (
        live.post(f"/localize?top_k={top_k}", content=data, headers=JPEG).json()
        for top_k in (1, 100)
    )
    assert len(many["matches"]) > len(one["matches"]) == 1
    assert one["confidence"] == many["confidence"]
    assert one["estimate"] == many["estimate"]


def test_min_confidence_turns_a_weak_answer_into_no_match(live: httpx.Client) -> None:
    grey = encoded(Image.new("RGB", (64, 64), (90, 91, 90)))
    body = live.post("/localize?min_confidence=1", content=grey, headers=JPEG).json()
    assert body["status"] == "no_match"
    assert body["estimate"] is None


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "CMYK", {}),
        ("PNG", "I;16", {}),
        ("PNG", "P", {}),
        ("PNG", "RGBA", {}),
        ("TIFF", "RGB", {}),
        ("WEBP", "RGB", {}),
    ],
)
def test_every_kind_of_image_works(
    live: httpx.Client, form: str, mode: str, options: dict[str, object]
) -> None:
    source = picture(8)
    if mode == "I;16":
        grey = source.convert("L")
        image = Image.frombytes("I;16", grey.size, bytes(b for v in grey.tobytes() for b in (0, v)))
    else:
        image = source.convert(mode)
    response = live.post(
        "/localize", content=encoded(image, form, **options), headers={"Content-Type": "image/x"}
    )
    assert response.status_code == 200, response.text
    if mode != "I;16":  # a grey picture keeps no colours to compare
        assert response.json()["matches"][0]["image_id"] == "satellite-008"


def test_exif_rotation_is_undone(live: httpx.Client) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned 90 degrees clockwise
    turned = picture(10, (96, 64)).transpose(Image.Transpose.ROTATE_90)
    response = live.post("/localize", content=encoded(turned, exif=exif), headers=JPEG)
    body = response.json()
    assert body["matches"][0]["image_id"] == "satellite-010"
    assert (body["query"]["width"], body["query"]["height"]) == (96, 64)


def test_photos_of_different_places_are_answered_one_by_one(live: httpx.Client) -> None:
    parts = [("image", ("v.jpg", encoded(picture(seed)), "image/jpeg")) for seed in (2, 9)]
    body = live.post("/localize", files=parts).json()
    assert (body["status"], body["agreement"], body["estimate"]) == ("uncertain", "disagree", None)
    alone = [(one["image"], one["best_match"]["image_id"]) for one in body["per_image"]]
    assert alone == [(1, "satellite-002"), (2, "satellite-009")]
    assert all(one["estimate"] for one in body["per_image"])
    single = live.post("/localize", files=parts[:1]).json()
    assert single["per_image"] is None
    assert single["agreement"] is None


def test_an_estimate_names_its_point_and_flight_archives_give_none(live: httpx.Client) -> None:
    photo = {"image": ("v.jpg", encoded(picture(2)), "image/jpeg")}
    found = live.post("/localize", files=photo).json()
    assert found["estimate"]["position_of"] == "ground_in_photo_centre"
    assert live.post("/navigate", files=photo).json()["estimate"] is None
