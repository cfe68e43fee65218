"""A service over a Milvus store: it answers, survives the server, and is back by itself."""

import time
from pathlib import Path

import httpx
from conftest import ColourEmbedder
from milvus_server import MilvusLite
from service_live import encoded, picture, serving, settings_of, write_source

from indexer.building.milvus.operations import BuildOptions, build
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from service.app import create_app

JPEG = {"Content-Type": "image/jpeg"}


def answered(client: httpx.Client) -> httpx.Response:
    """Return the first answer that is no 503, or the last one within a minute."""
    until = time.monotonic() + 60
    while True:
        answer = client.post("/localize", content=encoded(picture(2)), headers=JPEG)
        if answer.status_code != 503 or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def test_a_store_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    source = open_source(write_source(tmp_path / "in", "satellite", range(4)), SourceOptions())
    with MilvusLite(tmp_path / "milvus") as live:
        options = BuildOptions(objects=str(tmp_path / "objects"))
        build(live.store(), "map", source, ColourEmbedder(), options)
        live.stop()
        settings = settings_of(Path(live.address)).model_copy(update={"watch_s": 0.2})
        with serving(create_app(settings, ColourEmbedder()), settings) as client:
            for path in ("/localize", "/localize?gallery=map"):
                away = client.post(path, content=encoded(picture(2)), headers=JPEG)
                assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
                assert "the Milvus server of STORE does not answer" in away.json()["detail"]
            assert "does not answer" in client.get("/readyz").json()["detail"]
            live.start()
            assert answered(client).json()["matches"][0]["image_id"] == "satellite-002"
            assert client.get("/readyz").status_code == 200


def test_the_service_outlives_its_store_and_answers_again_when_it_is_back(tmp_path: Path) -> None:
    source = open_source(write_source(tmp_path / "in", "satellite", range(4)), SourceOptions())
    with MilvusLite(tmp_path / "milvus") as live:
        options = BuildOptions(objects=str(tmp_path / "objects"))
        build(live.store(), "map", source, ColourEmbedder(), options)
        settings = settings_of(Path(live.address))
        with serving(create_app(settings, ColourEmbedder()), settings) as client:
            answer = client.post("/localize", content=encoded(picture(2)), headers=JPEG)
            assert answer.json()["matches"][0]["image_id"] == "satellite-002"
            shown = client.get("/galleries/map/images/satellite-002")
            assert shown.headers["content-type"] == "image/jpeg"
            live.stop()
            away = client.post("/localize", content=encoded(picture(2)), headers=JPEG)
            assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
            assert "the Milvus server of STORE does not answer" in away.json()["detail"]
            assert client.get("/healthz").status_code == 200
            live.start()
            back = answered(client)
            assert back.status_code == 200, back.text
            assert back.json()["matches"][0]["image_id"] == "satellite-002"
