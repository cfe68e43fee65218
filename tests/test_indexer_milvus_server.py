"""Galleries in a real Milvus server: it answers as a folder does, and is killed at bad moments.

`make test-milvus` runs these; elsewhere they are skipped.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import ColourEmbedder
from indexer_samples import LocalEmbedder, picture, table_folder
from milvus_server import PASSWORD, MilvusProcess
from numpy.typing import NDArray
from PIL import Image
from service_live import encoded, serving, settings_of, write_source
from service_live import picture as service_picture
from test_indexer_milvus import COUNT, flights

from indexer.building.milvus import operations as milvus
from indexer.building.milvus.operations import BuildOptions
from indexer.building.milvus.verify import verify
from indexer.building.operations import Outcome
from indexer.errors import (
    BadStoreError,
    GalleryMismatchError,
    StoreAccessError,
    StoreUnavailableError,
    UnknownGalleryError,
)
from indexer.gallery.gallery import Gallery
from indexer.gallery.milvus.collection import read_facts, write_facts
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.records import Prior
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import GalleryRows
from model.embedder import Embedder
from model.fusion import fuse
from service.app import create_app
from service.demo.files import TILES, DemoFiles

DEMO = DemoFiles(Path(__file__).parents[1] / "var" / "demo")
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusProcess]:
    with MilvusProcess(tmp_path_factory.mktemp("milvus")) as running:
        yield running


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


def test_the_demo_answers_as_from_a_folder(server: MilvusProcess, tmp_path: Path) -> None:
    if not DEMO.store.is_dir():
        pytest.skip("the demo is not built: run make demo-check")
    weights = Embedder.load(device="cpu", matcher="none")
    source = open_source(DEMO.world, SourceOptions(view="satellite"))
    milvus.build(server.store(), TILES, source, weights, BuildOptions(objects=str(tmp_path)))
    local = Gallery.open(DEMO.store, TILES, embedder=weights)
    remote = server.store().open(TILES, embedder=weights)
    assert remote.size == local.size
    near = next(local.records())
    prior = Prior(latitude=near.latitude, longitude=near.longitude, radius_m=150.0)
    for path in sorted(DEMO.world.glob("drone/*/*.jpg"))[::10]:
        with Image.open(path) as photo:
            query = fuse(weights.embed_query_pixels(np.stack([weights.preprocess(photo)])))
        for where in (None, prior):
            wanted = local.search(query, top_k=10, prior=where)
            found = remote.search(query, top_k=10, prior=where)
            assert [match.image_id for match in found] == [match.image_id for match in wanted]
            scores = [match.score for match in wanted]
            assert [match.score for match in found] == pytest.approx(scores, abs=1e-3)
    local.close()
    assert verify(server.store(), TILES) == []


def test_a_reader_goes_on_while_a_new_version_is_published(
    server: MilvusProcess, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    few = table_folder(tmp_path / "few", [{"path": "a.png", "latitude": 1, "longitude": 2}])
    options = BuildOptions(objects=str(tmp_path / "objects"), keep=2)
    source = open_source(few, SourceOptions(view="drone"))
    milvus.build(server.store(), "moving", source, embedder, options)
    query = fuse(embedder.embed_query_pixels(np.stack([embedder.preprocess(picture(0))])))
    published = threading.Event()
    answers: list[int] = []

    def read() -> None:
        gallery = server.store().open("moving", embedder=embedder)
        while not published.is_set():
            answers.append(len(gallery.search(query, top_k=5)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        again = replace(options, start_over=True)
        milvus.build(server.store(), "moving", flights(tmp_path / "in"), embedder, again)
    finally:
        published.set()
        reader.join()
    assert set(answers) == {1}
    assert server.store().open("moving", embedder=embedder).size == COUNT - 1


class Killing(LocalEmbedder):
    """Kills the server before the third batch."""

    def __init__(self, server: MilvusProcess) -> None:
        self.server, self.batches = server, 0

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        self.batches += 1
        if self.batches == 3:
            self.server.stop()
        return super().embed_gallery_pixels(pixels_N3SS)


def test_a_build_whose_server_is_killed_goes_on_where_it_was(
    server: MilvusProcess, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    source = flights(tmp_path / "in")
    options = BuildOptions(objects=str(tmp_path / "objects"))
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        milvus.build(server.store(), "killed", source, Killing(server), options)
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        server.store().names()
    server.start()
    with pytest.raises(UnknownGalleryError):
        server.store().open("killed", embedder=None)
    tally = finished(server, source, embedder, replace(options, index_kind="ivf-sq8")).tally
    assert tally.unchanged >= 63
    assert tally.unchanged + tally.added == COUNT - 1
    gallery = server.store().open("killed", embedder=embedder)
    assert (gallery.size, gallery.facts.index_type) == (COUNT - 1, "IVF_SQ8")
    assert verify(server.store(), "killed") == []
    extent = gallery.extent()
    assert extent is not None
    server.stop()
    server.start()
    again = opened_again(server, "killed", embedder)
    assert (again.extent(), again.facts.index_type) == (extent, "IVF_SQ8")


def opened_again(server: MilvusProcess, name: str, embedder: LocalEmbedder) -> MilvusGallery:
    """Open a gallery once a server that was started again lets it through."""
    until = time.monotonic() + 300
    while True:
        try:
            return server.store().open(name, embedder=embedder)
        except StoreUnavailableError:
            assert time.monotonic() < until


def finished(
    server: MilvusProcess, source: Source, embedder: LocalEmbedder, options: BuildOptions
) -> Outcome:
    """Run the build again until the server, which reads its log first, lets it through."""
    until = time.monotonic() + 300
    while True:
        try:
            return milvus.build(server.store(), "killed", source, embedder, options)
        except StoreUnavailableError:
            assert time.monotonic() < until


def asked_until(client: httpx.Client, status: int) -> httpx.Response:
    """Return the first answer with this status, or the last one within two minutes."""
    until = time.monotonic() + 120
    while True:
        answer = client.post("/localize", content=encoded(service_picture(2)), headers=JPEG)
        if answer.status_code == status or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def test_a_service_waits_for_its_server_and_outlives_it(
    server: MilvusProcess, tmp_path: Path
) -> None:
    source = open_source(write_source(tmp_path / "in", "satellite", range(4)), SourceOptions())
    options = BuildOptions(objects=str(tmp_path / "objects"))
    milvus.build(server.store(), "map", source, ColourEmbedder(), options)
    settings = settings_of(Path(server.address)).model_copy(update={"watch_s": 0.5})
    server.stop()
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        assert client.get("/healthz").status_code == 200
        first = client.post("/localize", content=encoded(service_picture(2)), headers=JPEG)
        assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
        assert "does not answer" in client.get("/readyz").json()["detail"]
        server.start()
        client.params = {"gallery": "map"}
        assert asked_until(client, 200).json()["matches"][0]["image_id"] == "satellite-002"
        server.stop()
        away = client.post("/localize", content=encoded(service_picture(2)), headers=JPEG)
        assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
        assert "does not answer" in away.json()["detail"]
        assert "Milvus@" not in away.text
        assert client.get("/healthz").status_code == 200
        server.start()
        assert asked_until(client, 200).json()["matches"][0]["image_id"] == "satellite-002"


def test_a_wrong_password_is_refused_and_never_printed(server: MilvusProcess) -> None:
    with pytest.raises(StoreAccessError, match="refuses the user or the token") as refused:
        server.store(server.address.replace(PASSWORD, "hidden-word")).names()
    assert "hidden-word" not in str(refused.value)


def test_the_type_of_the_index_is_what_the_server_reports(
    server: MilvusProcess, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    source, store = flights(tmp_path / "in"), server.store()
    assert store.server.release.startswith("v2.3.5")
    wanted = BuildOptions(objects=str(tmp_path / "objects"), index_kind="hnsw-sq8")
    with pytest.raises(BadStoreError, match="choose auto or flat, ivf-sq8"):
        milvus.build(store, "types", source, embedder, wanted)
    milvus.build(store, "types", source, embedder, replace(wanted, index_kind="ivf-sq8"))
    collection = store.open("types", embedder=embedder).collection
    facts = read_facts(store.describe(collection))
    assert facts.index_type == "IVF_SQ8"
    for changed, error, reason in (
        ({"index_type": "HNSW_SQ"}, BadStoreError, "asked for an index HNSW_SQ and built IVF_SQ8"),
        ({"descriptor_dim": 5}, GalleryMismatchError, "of another length than 5"),
    ):
        write_facts(store.server, collection, replace(facts, **changed))
        with pytest.raises(error, match=reason):
            store.open("types", embedder=None)
