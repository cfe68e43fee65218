"""Galleries come, change and go under a running service; no request sees it happen."""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from service_live import encoded, picture, publish, serving, settings_of

from indexer.errors import UnknownGalleryError
from model.files import file_sha256
from model.fusion import plain_query
from service.app import create_app
from service.errors import GalleryRefusedError
from service.middleware.api_keys import key_digest, new_key
from service.open_galleries import OpenGalleries

JPEG = {"Content-Type": "image/jpeg"}
KEY = new_key()
ENTRY = f"ops=sha256:{key_digest(KEY)}"


@pytest.fixture
def own_store(tmp_path: Path) -> Path:
    """A store whose gallery `map` a test may replace."""
    root = tmp_path / "store"
    publish(root, "map", "satellite", range(4), tmp_path / "first")
    return root


@pytest.fixture
def open_galleries(own_store: Path) -> Iterator[OpenGalleries]:
    opened = OpenGalleries(own_store, ColourEmbedder())
    opened.refresh()
    yield opened
    opened.close()


def held(store: Path, version: str) -> list[str]:
    """Files of a gallery version that this process has open or mapped."""
    links = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(link.readlink()))
    mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    place = str(store / "map" / "versions" / version)
    return [name for name in links + mapped if name.startswith(place)]


def test_replaced_version_closes_with_its_last_reader(
    open_galleries: OpenGalleries, own_store: Path, tmp_path: Path
) -> None:
    with open_galleries.lease("map") as old:
        new_version = publish(own_store, "map", "satellite", range(7), tmp_path / "second")
        assert open_galleries.refresh() == {"map": new_version}
        with open_galleries.lease("map") as new:
            assert (new.version, new.size) == (new_version, 7)
        assert old.size == 4
        matches = old.search(plain_query(ColourEmbedder().embed([picture(3)])[0]), top_k=1)
        assert matches[0].record.image_id == "satellite-003", "still open"
        assert held(own_store, old.version)
    assert not held(own_store, old.version)
    assert held(own_store, new_version)


def test_refresh_without_news_changes_nothing(open_galleries: OpenGalleries) -> None:
    with open_galleries.lease("map") as before:
        assert open_galleries.refresh() == {}
        with open_galleries.lease("map") as after:
            assert after is before


def test_gallery_that_is_removed_is_unknown(open_galleries: OpenGalleries, own_store: Path) -> None:
    (own_store / "map").rename(own_store.parent / "elsewhere")
    assert open_galleries.refresh() == {"map": None}
    with pytest.raises(UnknownGalleryError), open_galleries.lease("map"):
        pass


class OtherColours(ColourEmbedder):
    """The same network with other weights."""

    sha256 = "f" * 64
    name = "other-colours"


def test_a_gallery_goes_by_the_name_of_its_folder_after_it_was_renamed(own_store: Path) -> None:
    (own_store / "map").rename(own_store / "town")
    settings = settings_of(own_store)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        assert [one["name"] for one in client.get("/galleries").json()["galleries"]] == ["town"]
        answer = client.post("/localize", content=encoded(picture(2)), headers=JPEG).json()
        assert answer["gallery"]["name"] == "town"
        assert client.get(answer["matches"][0]["image_url"]).status_code == 200


def test_gallery_of_other_weights_is_refused_with_the_reason(own_store: Path) -> None:
    open_galleries = OpenGalleries(own_store, OtherColours())
    open_galleries.refresh()
    assert "colour-thumbnail" in open_galleries.refused["map"]
    assert str(own_store) not in open_galleries.refused["map"]
    with pytest.raises(GalleryRefusedError, match="other-colours"), open_galleries.lease("map"):
        pass


def test_damaged_new_version_leaves_the_old_one_answering(
    open_galleries: OpenGalleries, own_store: Path, tmp_path: Path
) -> None:
    version = publish(own_store, "map", "satellite", range(7), tmp_path / "second")
    index = own_store / "map" / "versions" / version / "index.faiss"
    index.write_bytes(index.read_bytes()[:-10])
    assert open_galleries.refresh() == {}
    with open_galleries.lease("map") as gallery:
        assert gallery.size == 4
    assert "index.faiss" in open_galleries.refused["map"]


def test_service_without_a_usable_gallery_is_alive_and_not_ready(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "nothing-here")
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").headers["retry-after"] == "1"
        response = client.post("/localize", content=encoded(picture(1)), headers=JPEG)
        assert response.status_code == 404
        assert "safenet-index" in response.json()["detail"]


def test_service_of_other_weights_tells_why_and_answers_503(own_store: Path) -> None:
    settings = settings_of(own_store)
    with serving(create_app(settings, OtherColours()), settings) as client:
        listed = client.get("/galleries").json()
        assert listed["galleries"] == []
        assert listed["refused"][0]["name"] == "map"
        url = "/localize?gallery=map"
        response = client.post(url, content=encoded(picture(1)), headers=JPEG)
        assert response.status_code == 503
        assert "other-colours" in response.json()["detail"]


def test_new_version_is_found_by_watching(own_store: Path, tmp_path: Path) -> None:
    settings = settings_of(own_store).model_copy(update={"watch_s": 0.05})
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        version = publish(own_store, "map", "satellite", range(6), tmp_path / "second")
        for _ in range(200):
            body = client.get("/galleries/map").json()
            if body["version"] == version:
                break
        assert (body["version"], body["size"]) == (version, 6)


def test_twenty_reloads_under_load_fail_no_request_and_mix_no_versions(
    own_store: Path, tmp_path: Path
) -> None:
    """Version n holds 4 + n images, so an answer shows which version it came from."""
    settings = settings_of(own_store, api_keys=ENTRY)
    headers = {**JPEG, "X-API-Key": KEY}
    data = encoded(picture(2))
    answers: list[httpx.Response] = []
    sizes: dict[str, int] = {}
    done = threading.Event()

    def ask(url: httpx.URL) -> None:
        with httpx.Client(base_url=url, timeout=30) as own:
            while not done.is_set():
                answers.append(own.post("/localize?top_k=100", content=data, headers=headers))

    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        sizes[client.get("/galleries/map", headers=headers).json()["version"]] = 4
        threads = [threading.Thread(target=ask, args=(client.base_url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 21):
            version = publish(
                own_store, "map", "satellite", range(4 + number), tmp_path / f"v{number}"
            )
            sizes[version] = 4 + number
            changed = client.post("/admin/reload", headers=headers).json()["changed"]
            assert changed == {"map": version}
        done.set()
        for thread in threads:
            thread.join()
    assert {response.status_code for response in answers} == {200}
    seen = [response.json() for response in answers]
    for body in seen:
        size = sizes[body["gallery"]["version"]]
        assert body["gallery"]["size"] == size
        assert len(body["matches"]) == size
    assert len({body["gallery"]["version"] for body in seen}) > 10


def break_current(folder: Path) -> None:
    (folder / "CURRENT").write_bytes(b"\xff\xfe\x00")


def empty_current(folder: Path) -> None:
    (folder / "CURRENT").write_bytes(b"")


def point_outside(folder: Path) -> None:
    (folder / "CURRENT").write_text("../../elsewhere")


def link_outside(folder: Path) -> None:
    (version,) = (folder / "versions").iterdir()
    moved = folder.parent.parent / "outside"
    version.rename(moved)
    version.symlink_to(moved)


def spoil_row(folder: Path) -> None:
    """Write a row that no gallery has, with a manifest that claims it."""
    (version,) = (folder / "versions").iterdir()
    with sqlite3.connect(version / "gallery.sqlite") as database:
        database.execute("UPDATE image SET picture_sha256 = '../../../etc/passwd' WHERE id = 1")
    database.close()
    claim_database(version)


def drop_row(folder: Path) -> None:
    (version,) = (folder / "versions").iterdir()
    with sqlite3.connect(version / "gallery.sqlite") as database:
        database.execute("DELETE FROM image WHERE id = 2")
    database.close()
    claim_database(version)


def claim_database(version: Path) -> None:
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["database_sha256"] = file_sha256(version / "gallery.sqlite")
    (version / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (break_current, "CURRENT is empty or damaged"),
        (empty_current, "CURRENT is empty or damaged"),
        (point_outside, "CURRENT is empty or damaged"),
        (link_outside, "is a link or lies outside the store"),
        (spoil_row, "has a value that no gallery has"),
        (drop_row, "the database has 3 images, the manifest 4"),
    ],
)
def test_one_spoilt_gallery_is_refused_with_its_reason_and_the_others_are_served(
    own_store: Path, tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    publish(own_store, "good", "satellite", range(4), tmp_path / "good")
    spoil(own_store / "map")
    opened = OpenGalleries(own_store, ColourEmbedder())
    assert list(opened.refresh()) == ["good"]
    assert reason in opened.refused["map"]
    assert str(own_store) not in opened.refused["map"]
    with opened.lease("good") as gallery:
        assert gallery.size == 4
    opened.close()


def test_damage_found_while_serving_withdraws_the_gallery_and_a_reload_tries_again(
    own_store: Path, tmp_path: Path
) -> None:
    publish(own_store, "good", "satellite", range(4), tmp_path / "good")
    settings = settings_of(own_store, api_keys=ENTRY)
    headers = {**JPEG, "X-API-Key": KEY}
    (version,) = (own_store / "map" / "versions").iterdir()
    rows = version / "descriptors.f16"
    content = rows.read_bytes()
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        os.truncate(rows, 10)
        for _ in range(2):
            response = client.post(
                "/localize?gallery=map", content=encoded(picture(1)), headers=headers
            )
            assert response.status_code == 503
            assert "safenet-index rebuild map" in response.json()["detail"]
        refused = client.get("/galleries", headers=headers).json()["refused"]
        assert [one["name"] for one in refused] == ["map"]
        assert client.get("/readyz").json() == {"status": "ready", "refused_galleries": 1}
        metrics = client.get("/metrics", headers=headers).text
        assert "safenet_galleries_refused 1.0" in metrics
        good = client.post("/localize", content=encoded(picture(1)), headers=headers)
        assert good.status_code == 200
        rows.write_bytes(content)
        assert client.post("/admin/reload", headers=headers).json()["refused"] == []
        again = client.post("/localize?gallery=map", content=encoded(picture(1)), headers=headers)
        assert again.status_code == 200
