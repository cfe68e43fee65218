"""A map is uploaded, counted, built and published; what goes wrong leaves nothing behind."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from conftest import ColourEmbedder
from rasterio import Affine
from service_live import encoded, picture, serving, settings_of

from model.embedder import Embedder
from service.app import create_app
from service.middleware.api_keys import key_digest, new_key

ADMIN, READER = new_key(), new_key()
KEYS = f"boss=sha256:{key_digest(ADMIN)},eye:read=sha256:{key_digest(READER)}"
AS_ADMIN = {"X-API-Key": ADMIN}
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A service with the shipped weights, which the indexer uses too, and an empty store."""
    store = tmp_path_factory.mktemp("built")
    settings = settings_of(store, api_keys=KEYS, max_map_mib=2)
    with serving(create_app(settings, Embedder.load(matcher="none")), settings) as client:
        client.headers.update(AS_ADMIN)
        yield client, store


def geotiff(path: Path, side_px: int = 500) -> bytes:
    """A map of 250 m x 250 m, 0.5 m per pixel."""
    cells = np.random.default_rng(4).integers(0, 256, (3, 10, 10), dtype=np.uint8)
    pixels = np.kron(cells, np.ones((1, side_px // 10, side_px // 10), dtype=np.uint8))
    facts = {"driver": "GTiff", "width": side_px, "height": side_px, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 458_000, 0, -0.5, 5_548_000)}
    with rasterio.open(path, "w", **facts, **place, compress="deflate") as out:
        out.write(pixels)
    return path.read_bytes()


def begin(client: httpx.Client, name: str, **facts: object) -> str:
    response = client.post("/galleries", json={"name": name, **facts})
    assert response.status_code == 201, response.text
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}"
    return str(response.headers["location"])


def settled(client: httpx.Client, job: str) -> dict[str, object]:
    for _ in range(3000):
        body: dict[str, object] = client.get(job).json()
        if body["state"] not in ("checking", "building"):
            return body
        time.sleep(0.1)
    raise TimeoutError(body)


def test_a_map_becomes_a_gallery(builder: tuple[httpx.Client, Path], tmp_path: Path) -> None:
    client, store = builder
    job = begin(client, "harbour", tile_m=[100])
    data = geotiff(tmp_path / "map.tif")
    assert client.put(f"{job}/files/map.tif", content=data).json()["bytes"] == len(data)
    assert client.post(f"{job}/check").status_code == 202
    checked = settled(client, job)
    assert checked["state"] == "checked", checked
    forecast = checked["forecast"]
    assert forecast["images"] > 10  # type: ignore[index]
    assert forecast["extent"][0] == pytest.approx(14.4, abs=0.1)  # type: ignore[index]
    refused = client.post("/galleries", json={"name": "second"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert client.post(f"{job}/build").status_code == 202
    done = settled(client, job)
    assert done["state"] == "published", done
    assert done["progress"]["seen"] == forecast["images"]  # type: ignore[index]
    assert client.get("/galleries/harbour").json()["size"] == forecast["usable"]  # type: ignore[index]
    assert not list((store / ".uploads").iterdir())
    assert client.post("/galleries", json={"name": "harbour"}).status_code == 409
    asked = client.post(
        "/localize?gallery=harbour",
        content=encoded(picture(1)),
        headers={"Content-Type": "image/jpeg"},
    )
    assert asked.status_code == 200


def test_what_cannot_be_built_is_said_and_leaves_nothing(
    builder: tuple[httpx.Client, Path],
) -> None:
    client, store = builder
    before = set(store.iterdir())
    job = begin(client, "nowhere")
    for number, name in enumerate(("a.jpg", "b.jpg")):
        sent = client.put(f"{job}/files/{name}", content=encoded(picture(number)))
        assert sent.status_code == 200, sent.text
    assert client.post(f"{job}/build").status_code == 202
    failed = settled(client, job)
    assert failed["state"] == "failed"
    assert str(store) not in str(failed["error"])
    assert "gps" in str(failed["error"]).lower()
    assert set(store.iterdir()) == before | {store / ".uploads"}
    assert not list((store / ".uploads").iterdir())


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("map.vrt", b"<VRTDataset/>", 415),
        ("map.tif", b"<VRTDataset rasterXSize='1' rasterYSize='1'/>", 415),
        ("..%2F..%2Fmap.tif", b"II*\0", 404),
        (".hidden.tif", b"II*\0", 415),
        ("map.tif.aux.xml", b"<PAMDataset/>", 415),
        ("map.mbtiles", b"not a database", 415),
        ("large.csv", bytes(3 * 2**20), 413),
    ],
)
def test_files_of_other_kinds_and_sizes_are_refused(
    builder: tuple[httpx.Client, Path], name: str, content: bytes, status: int
) -> None:
    client, store = builder
    job = begin(client, "refused")
    try:
        assert client.put(f"{job}/files/{name}", content=content).status_code == status
        assert client.get(job).json()["files"] == 0
        assert client.post(f"{job}/build").status_code == 409
        assert not list((store / ".uploads").glob("*/*"))
    finally:
        assert client.delete(job).json()["state"] == "cancelled"
    assert not list((store / ".uploads").iterdir())


def test_a_body_that_is_no_text_is_refused_as_documented(
    builder: tuple[httpx.Client, Path],
) -> None:
    client, _ = builder
    headers = {"Content-Type": "application/json"}
    refused = client.post("/galleries", content=b"\xff", headers=headers)
    assert refused.status_code == 400
    assert "the body cannot be read" in refused.json()["detail"]
    document = client.get("/openapi.json").json()
    assert "400" in document["paths"]["/galleries"]["post"]["responses"]


def test_building_needs_an_admin_key(builder: tuple[httpx.Client, Path]) -> None:
    client, _ = builder
    for key in ({"X-API-Key": READER}, {"X-API-Key": ""}):
        assert client.post("/galleries", json={"name": "a"}, headers=key).status_code == 401
        assert client.get(f"/jobs/{'0' * 16}", headers=key).status_code == 401
    assert client.get(f"/jobs/{'0' * 16}").status_code == 404
    assert client.post("/galleries", json={"name": "../a"}).status_code == 422


def test_building_needs_a_key_even_where_questions_need_none(store: Path) -> None:
    settings = settings_of(store)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        assert client.post("/galleries", json={"name": "a"}).status_code == 401


def test_a_running_build_is_ended_when_it_is_cancelled(
    builder: tuple[httpx.Client, Path], tmp_path: Path
) -> None:
    client, store = builder
    job = begin(client, "halted", tile_m=[20])
    client.put(f"{job}/files/map.tif", content=geotiff(tmp_path / "map.tif"))
    client.post(f"{job}/build")
    assert client.delete(job).json()["state"] == "cancelled"
    assert not (store / "halted").exists()
    assert client.get(job).json()["state"] == "cancelled"
    assert client.delete(begin(client, "next")).json()["state"] == "cancelled"
