"""kill -9 at random moments: the next run goes on, and the end equals an unbroken run."""

import contextlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ColourEmbedder
from indexer_samples import picture, tile_folder

from indexer.building import operations
from indexer.building.compact import compact
from indexer.building.repair import rebuild, verify
from indexer.errors import GalleryBusyError, UnknownGalleryError, UnknownImageError
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.gallery import Gallery, current_version
from indexer.gallery.layout import gallery_folder
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source

PRELOADED = ["indexer.building.operations", "indexer.building.compact", "indexer.building.repair"]
GONE = ["more-19-287284-178880", "19-287285-178881", "19-287286-178882"]


class SlowEmbedder(ColourEmbedder):
    """Takes as long as a small network, so that kills fall into every stage."""

    def embed_pixels(self, pixels_N3SS):
        time.sleep(0.004 * len(pixels_N3SS) / 32)
        return super().embed_pixels(pixels_N3SS)


def everything(root: Path) -> None:
    """Build, add, remove, compact; each step may find that it was done before."""
    store, embedder = root / "store", SlowEmbedder()
    operations.build(store, "map", open_source(root / "a", SourceOptions()), embedder)
    more = open_source(root / "b", SourceOptions(id_prefix="more-"))
    if not (root / "removed").exists():
        operations.add(store, "map", more, embedder)
        (root / "removing").touch()
    if (root / "removing").exists():
        remove_again(store)
        (root / "removed").touch()
    compact(store, "map")


def remove_again(store: Path) -> None:
    # The killed run may have removed and published them.
    with contextlib.suppress(UnknownImageError):
        operations.remove(store, "map", GONE)


def contents(store: Path) -> tuple[list[object], np.ndarray]:
    gallery = Gallery.open(store, "map", embedder=SlowEmbedder())
    images = list(gallery.database.stored())
    place = gallery_folder(store, "map").version(gallery.version)
    rows = DescriptorFile(place / "descriptors.f16", gallery.descriptor_dim, 0)
    descriptors_ND = rows.gather([image.slot for image in images])
    found = [
        (image.record, image.slot, image.picture_sha256, image.descriptor_crc32) for image in images
    ]
    rows.close()
    gallery.close()
    return found, descriptors_ND


@pytest.fixture(scope="module")
def spawn():
    """Children forked from a clean server that has the imports done and no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["conftest", *PRELOADED])
    with pytest.MonkeyPatch.context() as patch:
        # The server imports before it learns pytest's search path.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        warm = context.Process(target=time.sleep, args=(0,))
        warm.start()
        warm.join()
        yield context


@pytest.fixture
def memory_path(tmp_path):
    """A folder in memory where there is one: a kill needs no disk, and disks are slow to sync."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def sources(root: Path) -> Path:
    tile_folder(root / "a", 10, 10)
    tile_folder(root / "b", 3, 4)
    return root


def changed(root: Path) -> Path:
    """A gallery of two sources; then files change, come, go, or only get another time."""
    built(root)
    tiles = sorted((root / "a").rglob("*.png"))
    for number, path in enumerate(tiles):
        if number % 2 == 0:
            picture(50_000 + number).save(path)
        elif number % 7 == 0:
            os.utime(path, (1, 1))
    tiles[-1].unlink()
    tile_folder(root / "b", 4, 4)
    return root


def drifted(root: Path) -> Path:
    """A gallery whose index, descriptors and pictures were damaged, some pictures for good."""
    built(root)
    folder = gallery_folder(root / "store", "map")
    place = folder.version(current_version(root / "store", "map"))
    (place / "index.faiss").write_bytes(b"bad")
    row_bytes = 2 * ColourEmbedder.descriptor_dim
    with (place / "descriptors.f16").open("r+b") as stream:
        for slot in range(0, 100, 2):
            stream.seek(slot * row_bytes + 9)
            stream.write(b"\x11\x22\x33")
    for path in sorted(folder.pictures.glob("*/*.jpg"))[::5]:
        path.write_bytes(b"bad")
    for path in sorted((root / "a").rglob("*.png"))[::3]:
        path.unlink()
    (root / "drifted").write_text(place.name)
    assert verify(root / "store", "map") != []
    return root


def standing(root: Path) -> Path:
    """A gallery of one source, to be replaced by another."""
    built(root)
    tile_folder(root / "c", 6, 8)
    (root / "old").write_text(current_version(root / "store", "map"))
    return root


def built(root: Path) -> None:
    store, embedder = sources(root) / "store", ColourEmbedder()
    operations.build(store, "map", open_source(root / "a", SourceOptions()), embedder)
    more = open_source(root / "b", SourceOptions(id_prefix="more-"))
    operations.add(store, "map", more, embedder)


def update_all(root: Path) -> None:
    operations.update(root / "store", "map", SlowEmbedder())


def rebuild_all(root: Path) -> None:
    rebuild(root / "store", "map", SlowEmbedder())


def replace_all(root: Path) -> None:
    source = open_source(root / "c", SourceOptions(id_prefix="c-"))
    store = root / "store"
    if current_version(store, "map") == (root / "old").read_text():
        operations.build(store, "map", source, SlowEmbedder(), start_over=True)
    compact(store, "map")


@pytest.mark.parametrize(
    ("prepare", "work", "wanted_kills"),
    [
        (sources, everything, 56),
        (changed, update_all, 12),
        (drifted, rebuild_all, 12),
        (standing, replace_all, 12),
    ],
)
def test_kills_at_random_moments_change_nothing_in_the_end(
    memory_path, spawn, prepare, work, wanted_kills
) -> None:
    unbroken, broken = prepare(memory_path / "unbroken"), prepare(memory_path / "broken")
    began = time.monotonic()
    child = spawn.Process(target=work, args=(unbroken,))
    child.start()
    child.join()
    assert child.exitcode == 0
    usual_s = time.monotonic() - began
    rng, kills, runs = random.Random(5), 0, 0
    while kills < wanted_kills:
        runs += 1
        child = spawn.Process(target=work, args=(broken,))
        child.start()
        child.join(timeout=rng.uniform(0.0, usual_s))
        if child.exitcode is None:
            child.kill()
            child.join()
            kills += 1
            published_is_whole(broken)
        else:
            assert child.exitcode == 0
            compare(unbroken, broken)
            broken = prepare(memory_path / f"broken-{runs}")
    work(broken)
    compare(unbroken, broken)


def published_is_whole(root: Path) -> None:
    try:
        version = current_version(root / "store", "map")
    except UnknownGalleryError:
        return
    damaged = root / "drifted"
    if damaged.exists() and damaged.read_text() == version:
        return
    gallery = Gallery.open(root / "store", "map", embedder=SlowEmbedder())
    records = list(gallery.records())
    assert len(records) == gallery.size
    gallery.close()
    if (root / "old").exists():
        replaced = [record.image_id.startswith("c-") for record in records]
        assert (len(replaced), any(replaced)) in ((112, False), (48, True))


def compare(unbroken: Path, broken: Path) -> None:
    assert verify(broken / "store", "map") == []
    rows_a, descriptors_a = contents(unbroken / "store")
    rows_b, descriptors_b = contents(broken / "store")
    assert rows_a == rows_b
    np.testing.assert_array_equal(descriptors_a, descriptors_b)


def hold(root: Path, ready, done) -> None:
    from indexer.building.progress import Silent
    from indexer.building.writer import open_writer

    with open_writer(root, "map", Silent()):
        ready.set()
        done.wait(30)


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path, spawn, embedder) -> None:
    source = open_source(tile_folder(tmp_path / "tiles", 2, 2), SourceOptions())
    ready, done = spawn.Event(), spawn.Event()
    child = spawn.Process(target=hold, args=(tmp_path, ready, done))
    child.start()
    assert ready.wait(30)
    try:
        with pytest.raises(GalleryBusyError, match=str(child.pid)):
            operations.build(tmp_path, "map", source, embedder)
    finally:
        done.set()
        child.join()
    assert operations.build(tmp_path, "map", source, embedder).size == 4
