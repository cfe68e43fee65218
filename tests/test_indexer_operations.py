"""Add, update, remove, compact, verify, rebuild, publish, full disk."""

import contextlib
import io
import itertools
import json
import os
import resource
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyogrio
import pytest
from indexer_samples import picture, table_folder, tile_folder

from indexer.building import operations
from indexer.building.compact import compact
from indexer.building.progress import JsonLines, PlainLines
from indexer.building.repair import rebuild, verify
from indexer.building.writer import FULL, disk_full_named
from indexer.errors import (
    DuplicateIdError,
    EmptySourceError,
    GalleryExistsError,
    GalleryMismatchError,
    StoreFullError,
    UnknownGalleryError,
    UnknownImageError,
)
from indexer.gallery.export import export
from indexer.gallery.gallery import Gallery, current_version
from indexer.gallery.layout import gallery_folder
from indexer.gallery.pictures import PictureStore
from indexer.gallery.vectors import INDEX_KINDS
from indexer.gallery.well_known_binary import footprint_wkb
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.fusion import plain_query


@pytest.fixture
def store(tmp_path, embedder) -> Path:
    source = open_source(tile_folder(tmp_path / "tiles", 4, 3), SourceOptions())
    operations.build(tmp_path / "store", "map", source, embedder)
    return tmp_path / "store"


def tiles_of(store: Path, **options):
    return open_source(store.parent / "tiles", SourceOptions(**options))


def ids(store: Path, embedder) -> list[str]:
    gallery = Gallery.open(store, "map", embedder=embedder)
    found = [record.image_id for record in gallery.records()]
    gallery.close()
    return found


def best(store: Path, embedder, image) -> tuple[str, float]:
    gallery = Gallery.open(store, "map", embedder=embedder)
    (match,) = gallery.search(plain_query(embedder.embed([image])[0]), top_k=1)
    gallery.close()
    return match.record.image_id, match.score


def test_a_second_build_of_the_same_source_changes_nothing(store, embedder) -> None:
    before = current_version(store, "map")
    outcome = operations.build(store, "map", tiles_of(store), embedder)
    assert (outcome.version, outcome.tally.added, outcome.tally.unchanged) == (before, 0, 12)


def test_another_source_needs_add_or_replace(store, embedder, tmp_path) -> None:
    other = open_source(tile_folder(tmp_path / "other", 1, 2), SourceOptions())
    with pytest.raises(GalleryExistsError, match="--replace"):
        operations.build(store, "map", other, embedder)
    assert operations.build(store, "map", other, embedder, start_over=True).size == 2
    assert verify(store, "map") == []


def test_add_refuses_taken_ids_and_takes_a_prefix(store, embedder, tmp_path) -> None:
    folder = tile_folder(tmp_path / "other", 1, 2)
    before = current_version(store, "map")
    with pytest.raises(DuplicateIdError, match="--id-prefix"):
        operations.add(store, "map", open_source(folder, SourceOptions()), embedder)
    assert current_version(store, "map") == before
    prefixed = open_source(folder, SourceOptions(id_prefix="b-"))
    assert operations.add(store, "map", prefixed, embedder).size == 14


def test_update_takes_in_new_and_changed_files_and_no_others(store, embedder) -> None:
    folder = store.parent / "tiles" / "19" / "287284"
    picture(9999).save(folder / "178880.png")
    picture(8888).save(folder / "178890.png")
    os.utime(folder / "178881.png", (1, 1))
    outcome = operations.update(store, "map", embedder)
    assert (outcome.tally.added, outcome.tally.unchanged, outcome.size) == (2, 11, 13)
    image_id, score = best(store, embedder, picture(9999))
    assert (image_id, round(score, 2)) == ("19-287284-178880", 1.0)
    assert operations.update(store, "map", embedder).tally.added == 0
    assert verify(store, "map") == []


def test_remove_takes_images_out_of_every_part(store, embedder) -> None:
    gone = "19-287285-178881"
    outcome = operations.remove(store, "map", [gone, "never-there"])
    assert (outcome.size, outcome.tally.added) == (11, -1)
    assert gone not in ids(store, embedder)
    assert best(store, embedder, picture(1001))[0] != gone
    assert verify(store, "map") == []
    with pytest.raises(UnknownImageError, match="none of the 1 ids"):
        operations.remove(store, "map", ["never-there"])


def test_removing_everything_leaves_an_empty_gallery_that_answers(store, embedder) -> None:
    operations.remove(store, "map", ids(store, embedder))
    gallery = Gallery.open(store, "map", embedder=embedder)
    assert gallery.search(plain_query(embedder.embed([picture(1)])[0]), top_k=3) == []
    assert gallery.extent() is None
    gallery.close()


def test_equal_pictures_of_several_threads_are_stored_once_and_none_fails(tmp_path) -> None:
    threads = 8
    jpeg = bytes(200_000)
    with ThreadPoolExecutor(threads) as pool:
        for attempt in range(20):
            pictures, start = PictureStore(tmp_path / str(attempt)), threading.Barrier(threads)

            def add(_: int, pictures=pictures, start=start) -> str:
                start.wait()
                return pictures.add(jpeg)

            assert len(set(pool.map(add, range(threads)))) == 1
            assert len(list(pictures.names())) == 1
            assert list(pictures.leftovers()) == []


def test_compact_gives_back_rows_and_pictures_and_changes_no_answer(store, embedder) -> None:
    operations.remove(store, "map", ids(store, embedder)[:6])
    before = best(store, embedder, picture(3001))
    done = compact(store, "map", keep=1)
    assert (done.rows, done.pictures) == (6, 6)
    assert len(list(PictureStore(gallery_folder(store, "map").pictures).names())) == 6
    assert best(store, embedder, picture(3001)) == before
    assert verify(store, "map") == []
    assert compact(store, "map", keep=1).freed_bytes == 0


def test_compact_removes_what_a_killed_run_left_half_written(store) -> None:
    pictures = PictureStore(gallery_folder(store, "map").pictures)
    left = pictures.folder / "ab" / ".ab12.jpg.7-8.partial"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    assert compact(store, "map").pictures == 1
    assert not left.exists()
    assert verify(store, "map") == []


def test_versions_beyond_the_kept_ones_are_deleted(store, embedder) -> None:
    for image_id in ids(store, embedder)[:5]:
        operations.remove(store, "map", [image_id], keep=2)
    names = sorted(path.name for path in gallery_folder(store, "map").versions.iterdir())
    assert len(names) == 2
    assert names[-1] == current_version(store, "map")


def test_a_reader_keeps_its_version_while_a_writer_publishes(store, embedder) -> None:
    gallery = Gallery.open(store, "map", embedder=embedder)
    operations.remove(store, "map", ["19-287284-178880"])
    compact(store, "map")
    assert gallery.record("19-287284-178880").image_id == "19-287284-178880"
    assert gallery.search(plain_query(embedder.embed([picture(0)])[0]), top_k=1)[0].score > 0.99
    assert gallery.picture("19-287284-178880").startswith(b"\xff\xd8")
    gallery.close()


def drift_index(place: Path, root: Path) -> None:
    (place / "index.faiss").write_bytes(b"\0" * 100)


def drift_database(place: Path, root: Path) -> None:
    database = sqlite3.connect(place / "gallery.sqlite")
    database.execute("DELETE FROM image WHERE id = 3")
    database.commit()
    database.close()


def drift_descriptor(place: Path, root: Path) -> None:
    with (place / "descriptors.f16").open("r+b") as stream:
        stream.seek(768 * 2 * 5 + 7)
        stream.write(b"\x11\x22\x33")


def drift_picture(place: Path, root: Path) -> None:
    next(iter((root / "pictures").glob("*/*.jpg"))).write_bytes(b"gone bad")


def drift_manifest(place: Path, root: Path) -> None:
    (place / "manifest.json").unlink()


@pytest.mark.parametrize(
    "drift", [drift_index, drift_database, drift_descriptor, drift_picture, drift_manifest]
)
def test_verify_finds_and_rebuild_repairs(drift, store, embedder) -> None:
    folder = gallery_folder(store, "map")
    assert verify(store, "map") == []
    drift(folder.version(current_version(store, "map")), folder.root)
    assert verify(store, "map") != []
    assert rebuild(store, "map", embedder).lost == ()
    assert verify(store, "map") == []
    for number in range(3):
        assert best(store, embedder, picture(number))[1] > 0.98


def test_rebuild_drops_what_nothing_can_bring_back_and_names_it(store, embedder) -> None:
    folder = gallery_folder(store, "map")
    gallery = Gallery.open(store, "map", embedder=embedder)
    jpeg = gallery.picture("19-287284-178880")
    gallery.close()
    for path in folder.pictures.glob("*/*.jpg"):
        if path.read_bytes() == jpeg:
            path.unlink()
    (store.parent / "tiles" / "19" / "287284" / "178880.png").unlink()
    assert rebuild(store, "map", embedder).lost == ("19-287284-178880",)
    assert verify(store, "map") == []


def test_an_image_is_not_lost_whose_picture_another_source_brings_back(
    store, embedder, tmp_path
) -> None:
    again = open_source(tile_folder(tmp_path / "again", 1, 1), SourceOptions(id_prefix="z-"))
    operations.add(store, "map", again, embedder)
    first = picture_of(store, embedder, "19-287284-178880")
    assert first == picture_of(store, embedder, "z-19-287284-178880")
    for path in gallery_folder(store, "map").pictures.glob("*/*.jpg"):
        if path.read_bytes() == first:
            path.unlink()
    (store.parent / "tiles" / "19" / "287284" / "178880.png").unlink()
    assert rebuild(store, "map", embedder).lost == ()
    assert verify(store, "map") == []


def picture_of(store: Path, embedder, image_id: str) -> bytes:
    gallery = Gallery.open(store, "map", embedder=embedder)
    jpeg = gallery.picture(image_id)
    gallery.close()
    return jpeg


@pytest.mark.parametrize("kind", [kind for kind in INDEX_KINDS if kind != "auto"])
def test_every_index_type_finds_each_image_and_can_be_exchanged(kind, store, embedder) -> None:
    rebuild(store, "map", embedder, index_kind=kind)
    gallery = Gallery.open(store, "map", embedder=embedder)
    assert gallery.manifest.index_kind == kind
    for column in range(4):
        (match,) = gallery.search(plain_query(embedder.embed([picture(column * 1000)])[0]), top_k=1)
        assert match.record.image_id == f"19-{287284 + column}-178880"
    gallery.close()
    assert verify(store, "map") == []


def test_unreadable_tiles_are_listed_and_tried_again_by_add(tmp_path, embedder) -> None:
    folder = tile_folder(tmp_path / "tiles", 2, 3)
    bad = folder / "19" / "287285" / "178881.png"
    good = bad.read_bytes()
    bad.write_bytes(good[: len(good) // 2])
    outcome = operations.build(tmp_path, "map", open_source(folder, SourceOptions()), embedder)
    assert (outcome.size, outcome.tally.failed) == (5, 1)
    failed = (tmp_path / "map" / "failed.csv").read_text().splitlines()
    assert failed[0] == "image_id,location,reason"
    assert failed[1].startswith(f"19-287285-178881,{bad},")
    bad.write_bytes(good)
    outcome = operations.add(tmp_path, "map", open_source(folder, SourceOptions()), embedder)
    assert (outcome.size, outcome.tally.added, outcome.tally.failed) == (6, 1, 0)
    assert (tmp_path / "map" / "failed.csv").read_text().splitlines() == failed[:1]


def test_nothing_usable_is_an_error_and_publishes_nothing(tmp_path, embedder) -> None:
    folder = table_folder(tmp_path / "t", [{"path": "a.png", "lat": 1, "lon": 2}])
    (folder / "a.png").write_bytes(b"no image")
    with pytest.raises(EmptySourceError, match="none of the 1 images"):
        operations.build(tmp_path, "map", open_source(folder, SourceOptions()), embedder)
    with pytest.raises(UnknownGalleryError):
        current_version(tmp_path, "map")


def test_other_weights_are_refused_by_every_writer(store, embedder) -> None:
    class Other(type(embedder)):
        name, sha256, descriptor_dim = "other", "f" * 64, 5

    before = current_version(store, "map")
    for action in (operations.build, operations.add):
        with pytest.raises(GalleryMismatchError, match="5-d"):
            action(store, "map", tiles_of(store), Other())
    with pytest.raises(GalleryMismatchError, match="other"):
        rebuild(store, "map", Other())
    assert current_version(store, "map") == before


@contextlib.contextmanager
def files_up_to(limit: int):
    """Files cannot grow beyond so many bytes, as on a full disk or over a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [200, 20_000, 36_000])
def test_a_full_disk_is_named_and_loses_nothing(store, embedder, tmp_path, limit) -> None:
    more = open_source(tile_folder(tmp_path / "more", 2, 2), SourceOptions(id_prefix="m-"))
    before = ids(store, embedder)
    named = pytest.raises(StoreFullError, match="disk under gallery 'map' is full")
    with named, files_up_to(limit):
        operations.add(store, "map", more, embedder)
    with contextlib.suppress(StoreFullError), files_up_to(limit):
        rebuild(store, "map", embedder)
    with contextlib.suppress(StoreFullError), files_up_to(limit):
        compact(store, "map")
    assert set(before) <= set(ids(store, embedder))
    assert operations.add(store, "map", more, embedder).size == 16
    assert verify(store, "map") == []


def test_what_faiss_says_of_a_full_disk_is_understood(store) -> None:
    for number in FULL:
        said = f"Error: 'ret == (1)' failed: write error in index.faiss: {os.strerror(number)}"
        with pytest.raises(StoreFullError), disk_full_named(gallery_folder(store, "map")):
            raise RuntimeError(said)


def test_exports_hold_every_footprint(store, embedder, tmp_path) -> None:
    gallery = Gallery.open(store, "map", embedder=embedder)
    for name in ("a.geojson", "a.csv", "a.gpkg"):
        assert export(gallery.records(), tmp_path / name) == 12
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    record = gallery.record(features[0]["properties"]["image_id"])
    ring = features[0]["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert {(round(lat, 7), round(lon, 7)) for lat, lon in record.corners} == {
        (lat, lon) for lon, lat in ring
    }
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring))
    assert area > 0, "counter-clockwise, RFC 7946"
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 13
    meta, _, blobs, columns = pyogrio.raw.read(tmp_path / "a.gpkg", layer="footprint")
    assert meta["crs"] == "EPSG:4326"
    found = dict(zip(columns[list(meta["fields"]).index("image_id")], blobs, strict=True))
    assert found == {one.image_id: footprint_wkb(one) for one in gallery.records()}
    gallery.close()


def test_progress_says_counts_pace_and_rest(tmp_path, embedder) -> None:
    source = open_source(tile_folder(tmp_path / "tiles", 8, 5), SourceOptions())
    stream = io.StringIO()
    operations.build(tmp_path, "a", source, embedder, progress=JsonLines(stream))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[-1]["event"] == "progress"
    assert (lines[-1]["seen"], lines[-1]["total"], lines[-1]["added"]) == (40, 40, 40)
    assert lines[-1]["images_per_s"] > 0
    assert lines[0]["event"] == "note"
    first = next(line for line in lines if line["event"] == "progress")
    assert first["eta_s"] >= 0
    plain = io.StringIO()
    operations.build(tmp_path, "b", source, embedder, progress=PlainLines(plain))
    assert plain.getvalue().splitlines()[-1].startswith("40/40 images, ")
