"""Galleries in a Milvus store answer as those in a folder do; a server that goes loses nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from indexer_samples import LocalEmbedder, picture, table_folder
from milvus_server import MilvusLite
from numpy.typing import NDArray

from indexer.building import operations
from indexer.building.milvus import operations as milvus
from indexer.building.milvus.operations import BuildOptions
from indexer.building.milvus.rebuild import rebuild
from indexer.building.milvus.update import update
from indexer.building.milvus.verify import verify
from indexer.building.milvus.versions import drop, unfinished, write_rows
from indexer.errors import (
    BadFilterError,
    BadStoreError,
    DuplicateIdError,
    GalleryExistsError,
    GalleryMismatchError,
    StoreUnavailableError,
    UnknownGalleryError,
    UnknownImageError,
)
from indexer.gallery.gallery import Gallery
from indexer.gallery.milvus.address import MilvusAddress, is_milvus
from indexer.gallery.milvus.collection import (
    STORED,
    alias_of,
    gallery_of,
    read_facts,
    slot_of,
    write_facts,
    written_again,
)
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.stores import store_at
from indexer.geo import offset
from indexer.records import Filters, Prior
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import GalleryRows
from model.fusion import fuse

COUNT = 90


def flights(root: Path) -> Source:
    """Two flights of photos along a line to the east, 20 m apart, one a day; one is no image."""
    rows = []
    for number in range(COUNT):
        latitude, longitude = offset(50.0, 14.0, 0.0, 20.0 * number)
        rows.append(
            {
                "path": f"flight-{number % 2}/p{number:03d}.png",
                "latitude": latitude,
                "longitude": longitude,
                "flight_id": f'flight "{number % 2}"',
                "captured_at": f"2024-05-{1 + number // 10:02d}T12:00:00Z" if number % 3 else "",
                "ground_m": 30 + number,
            }
        )
    table_folder(root, rows)
    (root / "flight-0" / "p004.png").write_bytes(b"no image")
    return open_source(root, SourceOptions(view="drone"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusLite]:
    with MilvusLite(tmp_path_factory.mktemp("milvus")) as live:
        yield live


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.fixture(scope="module")
def both(
    server: MilvusLite, tmp_path_factory: pytest.TempPathFactory, embedder: LocalEmbedder
) -> Iterator[tuple[Gallery, MilvusGallery]]:
    """The same photos in a folder and in a Milvus store."""
    root = tmp_path_factory.mktemp("photos")
    source = flights(root / "in")
    local = operations.build(root / "store", "my-town", source, embedder)
    store = server.store()
    options = BuildOptions(objects=str(root / "objects"), index_kind="hnsw-sq8")
    outcome = milvus.build(store, "my-town", source, embedder, options)
    assert (outcome.tally, outcome.size) == (local.tally, COUNT - 1)
    assert outcome.extent == pytest.approx(local.extent)
    opened = Gallery.open(root / "store", "my-town", embedder=embedder)
    yield opened, store.open("my-town", embedder=embedder)
    opened.close()
    store.close()


CONDITIONS = {
    "none": (None, None),
    "circle": (None, Prior(latitude=50.0, longitude=14.01, radius_m=190.0)),
    "box": (Filters(bounds=(14.002, 49.9, 14.012, 50.1)), None),
    "polygon": (Filters(polygon=((49.9, 14.0), (50.1, 14.0), (49.9, 14.03))), None),
    "after": (Filters(captured_after=datetime(2024, 5, 4, 12, tzinfo=UTC)), None),
    "before": (Filters(captured_before=datetime(2024, 5, 4, 12)), None),
    "flight": (Filters(flight_id='flight "1"'), None),
    "source": (Filters(source="in"), None),
    "ground": (Filters(min_ground_m=40.0, max_ground_m=70.0), None),
    "nowhere": (None, Prior(latitude=-50.0, longitude=14.0, radius_m=100.0)),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_same_top_ten_and_scores_as_in_a_folder(
    both: tuple[Gallery, MilvusGallery], embedder: LocalEmbedder, name: str
) -> None:
    local, remote = both
    filters, prior = CONDITIONS[name]
    for seed in (7, 20, 61):
        turned = picture(seed).rotate(90)
        pixels = np.stack([embedder.preprocess(turned)])
        query = fuse(embedder.embed_query_pixels(pixels))
        wanted = local.search(query, top_k=10, filters=filters, prior=prior)
        found = remote.search(query, top_k=10, filters=filters, prior=prior)
        assert [match.image_id for match in found] == [match.image_id for match in wanted]
        scores = [match.score for match in wanted]
        assert [match.score for match in found] == pytest.approx(scores, abs=1e-3)
        assert [match.record for match in found] == [match.record for match in wanted]
        assert [match.pose for match in found] == [match.pose for match in wanted]


def test_records_pictures_and_names_are_those_of_the_folder(
    both: tuple[Gallery, MilvusGallery],
) -> None:
    local, remote = both
    wanted = {record.image_id: record for record in local.records()}
    assert {record.image_id: record for record in remote.records()} == wanted
    box = (14.0, 49.0, 14.005, 51.0)
    inside = {record.image_id for record in local.records(within=box)}
    assert {record.image_id for record in remote.records(within=box)} == inside
    assert len(list(remote.records(limit=5))) == 5
    image_id = next(iter(wanted))
    assert remote.record(image_id) == wanted[image_id]
    assert remote.picture(image_id) == local.picture(image_id)
    assert remote.source_names() == local.source_names()
    assert remote.extent() == pytest.approx(local.extent())
    assert (remote.name, remote.view, remote.size) == (local.name, local.view, local.size)
    with pytest.raises(UnknownImageError, match="nowhere"):
        remote.record("nowhere")


def test_conditions_that_hold_for_nothing_are_named(both: tuple[Gallery, MilvusGallery]) -> None:
    filters = Filters(flight_id="none such", min_ground_m=40.0)
    prior = Prior(latitude=0.0, longitude=0.0, radius_m=10.0)
    for gallery in both:
        assert gallery.empty_conditions(filters, prior) == ("flight_id", "prior")


def test_bad_filters_are_refused_as_in_a_folder(
    both: tuple[Gallery, MilvusGallery], embedder: LocalEmbedder
) -> None:
    query = fuse(embedder.embed_query_pixels(np.stack([embedder.preprocess(picture(1))])))
    with pytest.raises(BadFilterError, match="no place on Earth"):
        both[1].search(query, top_k=1, prior=Prior(latitude=95, longitude=0, radius_m=1))
    with pytest.raises(BadFilterError, match="no box"):
        both[1].search(query, top_k=1, filters=Filters(bounds=(0, 5, 0, -5)))


class Stopping(LocalEmbedder):
    """Stops the server before the third batch, as a crash would."""

    def __init__(self, server: MilvusLite) -> None:
        self.server, self.batches = server, 0

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        self.batches += 1
        if self.batches == 3:
            self.server.stop()
        return super().embed_gallery_pixels(pixels_N3SS)


def test_a_build_whose_server_dies_goes_on_where_it_was(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    source = flights(tmp_path / "in")
    options = BuildOptions(objects=str(tmp_path / "objects"))
    with MilvusLite(tmp_path / "milvus") as live:
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            milvus.build(live.store(), "town", source, Stopping(live), options)
        live.start()
        with pytest.raises(UnknownGalleryError):
            live.store().open("town", embedder=None)
        other_index = replace(options, index_kind="ivf-sq8")
        outcome = milvus.build(live.store(), "town", source, embedder, other_index)
        assert (outcome.tally.unchanged, outcome.tally.added) == (63, COUNT - 1 - 63)
        gallery = live.store().open("town", embedder=embedder)
        assert (gallery.size, gallery.facts.index_type) == (COUNT - 1, "IVF_SQ8")


def test_readers_of_a_replaced_version_finish_on_it(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    objects = str(tmp_path / "objects")
    few = table_folder(tmp_path / "few", [{"path": "a.png", "latitude": 1, "longitude": 2}])
    query = fuse(embedder.embed_query_pixels(np.stack([embedder.preprocess(picture(0))])))
    with MilvusLite(tmp_path / "milvus") as live:
        store = live.store()
        source = open_source(few, SourceOptions(view="drone"))
        milvus.build(store, "town", source, embedder, BuildOptions(objects=objects))
        before = store.open("town", embedder=embedder)
        again = BuildOptions(objects=objects, start_over=True, keep=2)
        with pytest.raises(GalleryExistsError, match="--replace"):
            milvus.build(store, "town", source, embedder, BuildOptions(objects=objects))
        milvus.build(store, "town", flights(tmp_path / "in"), embedder, again)
        assert [match.image_id for match in before.search(query, top_k=5)] == ["a"]
        after = store.open("town", embedder=embedder)
        assert (before.version, after.version, after.size) == ("000001", "000002", COUNT - 1)
        milvus.build(store, "town", source, embedder, again)
        assert store.collections("town") == ["sn_town__000002", "sn_town__000003"]


def test_a_gallery_grows_and_shrinks_as_one_in_a_folder_does(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    few = [{"path": f"{name}.png", "latitude": 1 + row, "longitude": 2} for row, name in
           enumerate("abc")]  # fmt: skip
    first = open_source(table_folder(tmp_path / "first", few), SourceOptions(view="drone"))
    second = flights(tmp_path / "second")
    taken = open_source(table_folder(tmp_path / "third", few[:1]), SourceOptions(view="drone"))
    with MilvusLite(tmp_path / "milvus") as live:
        store, objects = live.store(), str(tmp_path / "objects")
        milvus.build(store, "town", first, embedder, BuildOptions(objects=objects))
        added = milvus.add(store, "town", second, embedder)
        assert (added.tally.added, added.size, added.version) == (COUNT - 1, COUNT + 2, "000002")
        again = milvus.add(store, "town", second, embedder)
        assert (again.tally.added, again.tally.unchanged, again.size) == (0, COUNT - 1, COUNT + 2)
        assert verify(store, "town") == []
        with pytest.raises(DuplicateIdError, match="taken by another source"):
            milvus.add(store, "town", taken, embedder)
        with pytest.raises(GalleryExistsError, match="an earlier add"):
            milvus.remove(store, "town", ["a"])
        drop(store, unfinished(store, "town")[0])
        left = milvus.remove(store, "town", ["a", "no such"], Filters(source="second"))
        assert (left.tally.added, left.size) == (-COUNT, 2)
        gallery = store.open("town", embedder=embedder)
        assert {record.image_id for record in gallery.records()} == {"b", "c"}
        with pytest.raises(UnknownImageError, match="to be removed"):
            milvus.remove(store, "town", ["a"])
        next((tmp_path / "objects").rglob("*.i8")).write_bytes(b"")
        picture_file = Path(objects) / "town" / "pictures"
        for path in picture_file.rglob("*.jpg"):
            path.write_bytes(b"other")
        kinds = [drift.what for drift in verify(store, "town")]
        assert kinds.count("picture") == 2


def test_an_update_brings_new_and_changed_images_in_and_nothing_else(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    rows = [{"path": f"{name}.png", "latitude": 1, "longitude": row} for row, name in
            enumerate("abc")]  # fmt: skip
    folder = table_folder(tmp_path / "in", rows)
    with MilvusLite(tmp_path / "milvus") as live:
        store = live.store()
        source = open_source(folder, SourceOptions(view="drone"))
        milvus.build(store, "town", source, embedder, BuildOptions(objects=str(tmp_path / "o")))
        same = update(store, "town", embedder)
        assert (same.tally.unchanged, same.version, same.size) == (3, "000001", 3)
        assert unfinished(store, "town") == []
        picture(9).save(folder / "b.png")
        table_folder(folder, [*rows, {"path": "d.png", "latitude": 1, "longitude": 7}])
        picture(9).save(folder / "b.png")
        done = update(store, "town", embedder)
        assert (done.tally.added, done.tally.unchanged) == (2, 2)
        assert (done.version, done.size) == ("000002", 4)
        assert verify(store, "town") == []
        query = fuse(embedder.embed_query_pixels(np.stack([embedder.preprocess(picture(9))])))
        (best,) = store.open("town", embedder=embedder).search(query, top_k=1)
        assert best.image_id == "b"
        (folder / "places.csv").unlink()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        assert update(store, "town", embedder).size == 4


def test_a_rebuild_makes_again_what_is_damaged(tmp_path: Path, embedder: LocalEmbedder) -> None:
    source = flights(tmp_path / "in")
    objects = tmp_path / "objects"
    with MilvusLite(tmp_path / "milvus") as live:
        store = live.store()
        milvus.build(store, "town", source, embedder, BuildOptions(objects=str(objects)))
        before = store.open("town", embedder=embedder)
        (row,) = before.rows(f"slot == {slot_of('flight-0~p002')}", list(STORED[1:]))
        row["descriptor"] = np.zeros(embedder.descriptor_dim)
        write_rows(store, before.collection, [written_again(row, store.server.descriptor_type)])
        row = next(before.rows(f"slot == {slot_of('flight-0~p006')}", ["picture_sha256"]))
        name = row["picture_sha256"]
        next(objects.rglob(f"{name}.jpg")).write_bytes(b"other")
        row = next(before.rows(f"slot == {slot_of('flight-0~p008')}", ["picture_sha256"]))
        next(objects.rglob(f"{row['picture_sha256']}.i8")).unlink()
        row = next(before.rows(f"slot == {slot_of('flight-1~p001')}", ["picture_sha256"]))
        next(objects.rglob(f"{row['picture_sha256']}.jpg")).unlink()
        (tmp_path / "in" / "flight-1" / "p001.png").unlink()
        assert len(verify(store, "town")) == 4
        done = rebuild(store, "town", embedder, index_kind="ivf-sq8")
        assert (done.descriptors, done.pictures, done.lost) == (2, 1, ("flight-1~p001",))
        assert (done.version, done.size) == ("000002", COUNT - 2)
        assert verify(store, "town") == []
        assert store.open("town", embedder=embedder).facts.index_type == "IVF_SQ8"


def test_what_does_not_belong_together_is_refused(
    both: tuple[Gallery, MilvusGallery], server: MilvusLite
) -> None:
    class Other(LocalEmbedder):
        sha256 = "d" * 64

    store, collection = server.store(), both[1].collection
    with pytest.raises(GalleryMismatchError, match="was made with weights"):
        store.open("my-town", embedder=Other())
    facts = read_facts(store.describe(collection))
    for changed, error, reason in (
        ({"index_type": "IVF_SQ8"}, BadStoreError, "asked for an index IVF_SQ8 and built HNSW_SQ"),
        ({"descriptor_dim": 5}, GalleryMismatchError, "of another length than 5"),
        ({"format": 9}, GalleryMismatchError, "has format 9"),
    ):
        write_facts(store.server, collection, replace(facts, **changed))
        with pytest.raises(error, match=reason):
            store.open("my-town", embedder=None)
    write_facts(store.server, collection, facts)
    assert store.names() == ["my-town"]


def test_an_index_type_that_the_server_does_not_know_is_refused_before_anything_is_built(
    server: MilvusLite, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    options = BuildOptions(objects=str(tmp_path / "objects"), index_kind="ivf-rabitq")
    with pytest.raises(BadStoreError, match="choose auto or flat, ivf-sq8, hnsw-sq8"):
        milvus.build(server.store(), "town", flights(tmp_path / "in"), embedder, options)
    assert server.store().collections("town") == []


def test_a_missing_object_is_named(
    server: MilvusLite, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    source = flights(tmp_path / "in")
    options = BuildOptions(objects=str(tmp_path / "objects"))
    milvus.build(server.store(), "broken", source, embedder, options)
    gallery = server.store().open("broken", embedder=embedder)
    record = next(gallery.records())
    for path in (tmp_path / "objects").rglob("*.jpg"):
        path.unlink()
    with pytest.raises(GalleryMismatchError, match="is missing from the objects"):
        gallery.picture(record.image_id)


def test_a_server_that_is_away_is_one_line() -> None:
    store = store_at("milvus://127.0.0.1:1/city")
    with pytest.raises(
        StoreUnavailableError, match=r"milvus://127\.0\.0\.1:1/city does not answer"
    ):
        store.names()


@pytest.mark.parametrize(
    "text",
    ["milvus://", "milvus:///city", "milvus://host:port/x", "milvus://u:secret@host:1/a-b"],
)
def test_a_bad_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(BadStoreError, match="write milvus://HOST:PORT/DATABASE") as caught:
        MilvusAddress.parse(text)
    assert "secret" not in str(caught.value)


def test_an_address_never_shows_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    address = MilvusAddress.parse("milvus+tls://root:secret@db.example:443/city")
    assert (address.token, address.uri) == ("root:secret", "https://db.example:443")
    assert "secret" not in f"{address} {address!r}"
    monkeypatch.setenv("MILVUS_TOKEN", "root:other")
    plain = MilvusAddress.parse(str(Path("milvus://db.example/city")))
    assert (plain.host, plain.port, plain.token) == ("db.example", 19530, "root:other")


def test_stores_are_recognised_by_their_address() -> None:
    assert is_milvus(Path("milvus://host:1/db"))
    assert not is_milvus("var/galleries")
    assert not is_milvus("./milvus:/x")


@pytest.mark.parametrize("name", ["town", "my-town", "a.b_c", "X__000001"])
def test_gallery_names_survive_the_server_s_alphabet(name: str) -> None:
    assert alias_of(name).replace("_", "").isalnum()
    assert gallery_of(f"{alias_of(name)}__000012") == name
