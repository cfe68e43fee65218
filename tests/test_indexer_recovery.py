"""A gallery whose replacing was interrupted, or whose writer's half is lost or damaged."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from conftest import ColourEmbedder
from indexer_samples import picture, table_folder, tile_folder

from indexer.building import operations
from indexer.building.compact import compact
from indexer.building.progress import Silent
from indexer.building.repair import rebuild, verify
from indexer.building.writer import open_writer
from indexer.errors import (
    EmptySourceError,
    GalleryBusyError,
    GalleryMismatchError,
    UnknownGalleryError,
)
from indexer.gallery.gallery import Gallery, current_version
from indexer.gallery.layout import gallery_folder
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.fusion import plain_query


class Stopping(ColourEmbedder):
    """Is interrupted when it is asked for the batch of that number."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def embed_pixels(self, pixels_N3SS):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().embed_pixels(pixels_N3SS)


@pytest.fixture
def store(tmp_path, embedder) -> Path:
    operations.build(tmp_path / "store", "map", tiles(tmp_path / "tiles", 4, 3), embedder)
    return tmp_path / "store"


def tiles(folder: Path, columns: int, rows: int, **options):
    return open_source(tile_folder(folder, columns, rows), SourceOptions(**options))


def size(store: Path) -> int:
    gallery = Gallery.open(store, "map", embedder=None)
    found = len(list(gallery.records()))
    gallery.close()
    return found


def writers(store: Path, embedder, more):
    """Everything that publishes what the writer's half holds."""
    return {
        "add": lambda: operations.add(store, "map", more, embedder),
        "update": lambda: operations.update(store, "map", embedder),
        "remove": lambda: operations.remove(store, "map", ["19-287284-178880"]),
        "compact": lambda: compact(store, "map"),
        "rebuild": lambda: rebuild(store, "map", embedder),
    }


def test_a_source_without_a_usable_image_replaces_nothing(store, embedder, tmp_path) -> None:
    bad = table_folder(tmp_path / "bad", [{"path": "a.png", "lat": 1, "lon": 2}])
    (bad / "a.png").write_bytes(b"no image")
    before = current_version(store, "map")
    source = open_source(bad, SourceOptions(view="satellite"))
    with pytest.raises(EmptySourceError, match=r"none of the 1 images of bad .* stays as it is"):
        operations.build(store, "map", source, embedder, start_over=True)
    assert (current_version(store, "map"), verify(store, "map")) == (before, [])
    assert rebuild(store, "map", embedder).size == 12


@pytest.mark.parametrize("batches", [0, 1])
def test_an_interrupted_replacing_is_published_by_nothing_but_its_end(
    store, embedder, tmp_path, batches
) -> None:
    other = tiles(tmp_path / "other", 10, 4)
    more = tiles(tmp_path / "more", 1, 1, id_prefix="more-")
    before = current_version(store, "map")
    with pytest.raises(KeyboardInterrupt):
        operations.build(store, "map", other, Stopping(batches), start_over=True)
    for act in writers(store, embedder, more).values():
        with pytest.raises(GalleryBusyError, match="finish with: safenet-index build --replace"):
            act()
    assert (current_version(store, "map"), size(store)) == (before, 12)
    outcome = operations.build(store, "map", other, embedder, start_over=True)
    assert (outcome.size, outcome.tally.unchanged) == (40, 32 * batches)
    assert verify(store, "map") == []
    assert compact(store, "map").rows == 0


def test_an_interrupted_replacing_can_be_given_up(store, embedder, tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        operations.build(store, "map", tiles(tmp_path / "o", 10, 4), Stopping(1), start_over=True)
    shutil.rmtree(gallery_folder(store, "map").work)
    done = rebuild(store, "map", embedder)
    assert (done.size, done.descriptors, done.lost) == (12, 0, ())
    assert operations.update(store, "map", embedder).tally.unchanged == 12


def test_an_emptied_gallery_can_be_replaced_under_other_weights(store, embedder, tmp_path) -> None:
    class Other(ColourEmbedder):
        name, sha256 = "other", "f" * 64

    everything = [f"19-{287284 + x}-{178880 + y}" for x in range(4) for y in range(3)]
    assert operations.remove(store, "map", everything).size == 0
    other = tiles(tmp_path / "other", 1, 2)
    assert operations.build(store, "map", other, Other(), start_over=True).size == 2


def spoil_database(folder) -> None:
    folder.database.write_bytes(b"garbage" * 2000)


def lose_database(folder) -> None:
    folder.database.unlink()


def empty_database(folder) -> None:
    folder.database.write_bytes(b"")


def lose_work(folder) -> None:
    shutil.rmtree(folder.work)


def lose_rows(folder) -> None:
    folder.descriptors(0).unlink()


def cut_rows(folder) -> None:
    data = folder.descriptors(0).read_bytes()
    folder.descriptors(0).unlink()
    folder.descriptors(0).write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    "damage", [spoil_database, lose_database, empty_database, lose_work, lose_rows, cut_rows]
)
def test_a_damaged_writers_half_is_found_refused_and_brought_back(
    damage, store, embedder, tmp_path
) -> None:
    folder = gallery_folder(store, "map")
    more = tiles(tmp_path / "more", 1, 1, id_prefix="more-")
    damage(folder)
    assert [drift.what for drift in verify(store, "map")] == ["writer"]
    acts = writers(store, embedder, more)
    repair = acts.pop("rebuild")
    for act in acts.values():
        with pytest.raises((GalleryMismatchError, UnknownGalleryError)) as caught:
            act()
        assert "safenet-index rebuild" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert repair().size == 12
    assert verify(store, "map") == []
    assert operations.add(store, "map", more, embedder).size == 13
    gallery = Gallery.open(store, "map", embedder=embedder)
    for column in range(4):
        (match,) = gallery.search(plain_query(embedder.embed([picture(1000 * column)])[0]), top_k=1)
        assert match.record.image_id.endswith(f"19-{287284 + column}-178880")
    gallery.close()


def test_a_place_that_the_tree_lost_is_found_and_put_back(store, embedder) -> None:
    database = sqlite3.connect(gallery_folder(store, "map").database)
    database.execute("DELETE FROM image_place WHERE id = 3")
    database.commit()
    database.close()
    assert [drift.detail for drift in verify(store, "map")] == ["the R*Tree lacks images"]
    assert rebuild(store, "map", embedder).size == 12
    assert verify(store, "map") == []


@pytest.mark.parametrize("damage", [spoil_database, lose_database, lose_work])
def test_a_build_beside_a_lost_half_publishes_itself_and_never_the_old_version(
    damage, store, embedder, tmp_path
) -> None:
    damage(gallery_folder(store, "map"))
    other = tiles(tmp_path / "other", 1, 12, id_prefix="o-")
    before = current_version(store, "map")
    with pytest.raises(GalleryMismatchError, match="safenet-index rebuild map"):
        operations.build(store, "map", other, embedder)
    outcome = operations.build(store, "map", other, embedder, start_over=True)
    assert outcome.version > before
    gallery = Gallery.open(store, "map", embedder=embedder)
    assert all(record.image_id.startswith("o-") for record in gallery.records())
    gallery.close()
    assert (outcome.size, verify(store, "map")) == (12, [])


def test_a_version_without_its_descriptors_is_not_published(store, embedder) -> None:
    lose_rows(gallery_folder(store, "map"))
    with open_writer(store, "map", Silent()) as writer:
        writer.database.set_index_kind("flat")
        with pytest.raises(GalleryMismatchError, match=r"descriptors-0\.f16 holds 0 of 12"):
            writer.publish()


def test_a_build_that_died_before_its_first_image_is_named(tmp_path, embedder) -> None:
    source = tiles(tmp_path / "tiles", 2, 2)
    acts = writers(tmp_path, embedder, tiles(tmp_path / "b", 1, 1))

    def opened() -> None:
        with open_writer(tmp_path, "map", Silent()):
            raise KeyboardInterrupt

    def began() -> None:
        operations.build(tmp_path, "map", source, Stopping(0))

    for died in (opened, began):
        with pytest.raises(KeyboardInterrupt):
            died()
        for act in acts.values():
            with pytest.raises(UnknownGalleryError, match="safenet-index build"):
                act()
    assert operations.build(tmp_path, "map", source, embedder).size == 4


def test_a_database_of_a_newer_release_is_refused(store, embedder) -> None:
    database = sqlite3.connect(gallery_folder(store, "map").database)
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    for act in writers(store, embedder, tiles(store.parent / "more", 1, 1)).values():
        with pytest.raises(GalleryMismatchError, match="written by a newer release"):
            act()
    assert size(store) == 12


def test_what_was_removed_stays_out_of_an_update_and_comes_back_by_add(store, embedder) -> None:
    gone = ["19-287284-178880", "19-287285-178881"]
    operations.remove(store, "map", gone)
    outcome = operations.update(store, "map", embedder)
    assert (outcome.tally.added, outcome.tally.unchanged, outcome.size) == (0, 12, 10)
    back = operations.add(store, "map", tiles(store.parent / "tiles", 4, 3), embedder)
    assert (back.tally.added, back.size) == (2, 12)
    assert operations.update(store, "map", embedder).size == 12


def test_a_source_that_keeps_no_image_is_forgotten(store, embedder, tmp_path) -> None:
    from indexer.records import Filters

    other = tiles(tmp_path / "b" / "tiles", 2, 2, id_prefix="b-")
    operations.add(store, "map", other, embedder)
    path = str(tmp_path / "tiles")
    chosen = operations.select_ids(store, "map", Filters(source=path))
    assert (len(chosen), any(name.startswith("b-") for name in chosen)) == (12, False)
    assert operations.remove(store, "map", chosen).size == 4
    outcome = operations.update(store, "map", embedder)
    assert (outcome.tally.added, outcome.tally.unchanged, outcome.size) == (0, 4, 4)


def test_an_update_passes_over_a_source_that_is_gone(store, embedder, tmp_path) -> None:
    class Notes(Silent):
        def __init__(self) -> None:
            self.said: list[str] = []

        def note(self, text: str) -> None:
            self.said.append(text)

    other = tmp_path / "other"
    operations.add(store, "map", tiles(other, 2, 2, id_prefix="o-"), embedder)
    shutil.rmtree(tmp_path / "tiles")
    tile_folder(other, 2, 3)
    notes = Notes()
    outcome = operations.update(store, "map", embedder, progress=notes)
    assert (outcome.tally.added, outcome.size) == (2, 18)
    assert f"{tmp_path / 'tiles'} is gone" in notes.said[0]


def test_an_update_reads_what_it_can_before_it_names_a_bad_source(
    store, embedder, tmp_path
) -> None:
    other = tmp_path / "other"
    operations.add(store, "map", tiles(other, 2, 2, id_prefix="o-"), embedder)
    shutil.rmtree(tmp_path / "tiles" / "19")
    tile_folder(other, 2, 3)
    with pytest.raises(EmptySourceError, match="tiles is empty"):
        operations.update(store, "map", embedder)
    assert size(store) == 18


def test_an_update_of_a_gallery_without_sources_is_named(store, embedder) -> None:
    gallery = Gallery.open(store, "map", embedder=None)
    names = [record.image_id for record in gallery.records()]
    gallery.close()
    operations.remove(store, "map", names)
    with pytest.raises(EmptySourceError, match="no source left; use: safenet-index add"):
        operations.update(store, "map", embedder)


def test_restored_rows_are_the_published_ones(store, embedder) -> None:
    folder = gallery_folder(store, "map")
    before = np.fromfile(folder.descriptors(0), dtype=np.float16)
    lose_work(folder)
    assert rebuild(store, "map", embedder).descriptors == 0
    np.testing.assert_array_equal(np.fromfile(folder.descriptors(0), dtype=np.float16), before)


def test_verify_looks_past_a_writer_at_work_and_one_that_was_killed(store, tmp_path) -> None:
    folder = gallery_folder(store, "map")
    with open_writer(store, "map", Silent()) as writer:
        writer.database.remove(["19-287284-178880"])
        assert folder.database.with_name("gallery.sqlite-wal").stat().st_size > 0
        assert verify(store, "map") == []
        shutil.copytree(store, tmp_path / "killed")
    assert verify(tmp_path / "killed", "map") == []
    assert compact(tmp_path / "killed", "map").rows == 1
    assert size(tmp_path / "killed") == 11
