"""A version's files are read whole once; after a change, and for `verify`, again."""

import os
from pathlib import Path

import pytest
from conftest import ColourEmbedder
from indexer_samples import tile_folder

from indexer.building import operations
from indexer.building.repair import verify
from indexer.errors import GalleryMismatchError
from indexer.gallery import gallery as gallery_module
from indexer.gallery.checked_files import STAMP, is_checked
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source


@pytest.fixture
def place(tmp_path: Path, embedder: ColourEmbedder) -> Path:
    """A published version whose files are an hour old."""
    source = open_source(tile_folder(tmp_path / "tiles", 2, 2), SourceOptions())
    version = operations.build(tmp_path, "map", source, embedder).version
    return tmp_path / "map" / "versions" / version


def open_and_close(place: Path) -> None:
    Gallery.open(place.parents[2], "map", embedder=None).close()


def stamp_later(place: Path) -> None:
    """Let the stamp be a second younger than the files, as it is a second after a build."""
    after_ns = (place / "index.faiss").stat().st_ctime_ns + 1_000_000_000
    os.utime(place / STAMP, ns=(after_ns, after_ns))


def test_the_second_opening_hashes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_and_close(place)
    stamp_later(place)
    assert is_checked(place)
    hashed: list[Path] = []
    monkeypatch.setattr(gallery_module, "file_sha256", hashed.append)
    open_and_close(place)
    assert hashed == []


@pytest.mark.parametrize("file", ["index.faiss", "gallery.sqlite"])
def test_a_file_of_the_same_size_written_after_the_check_is_refused(place: Path, file: str) -> None:
    open_and_close(place)
    stamp_later(place)
    data = bytearray((place / file).read_bytes())
    data[len(data) // 2] ^= 255
    (place / file).write_bytes(data)
    with pytest.raises(GalleryMismatchError, match=file):
        open_and_close(place)


def test_a_file_written_in_the_same_tick_as_the_stamp_is_checked_again(place: Path) -> None:
    open_and_close(place)
    same_ns = (place / "index.faiss").stat().st_mtime_ns
    os.utime(place / STAMP, ns=(same_ns, same_ns))
    assert not is_checked(place)


def test_verify_finds_what_changed_behind_the_stamp(place: Path) -> None:
    """A disk that lost bytes leaves times and sizes as they were."""
    open_and_close(place)
    stamp_later(place)
    index = place / "index.faiss"
    data = bytearray(index.read_bytes())
    data[-20] ^= 255
    index.write_bytes(data)
    forged = place / STAMP
    forged.unlink()
    from indexer.gallery.checked_files import remember_checked

    remember_checked(place)
    stamp_later(place)
    open_and_close(place)
    assert [drift.what for drift in verify(place.parents[2], "map")] == ["files"]


def test_a_stamp_of_other_checks_does_not_count(place: Path) -> None:
    open_and_close(place)
    stamp_later(place)
    (place / STAMP).write_text('{"checks": 0, "files": {}}')
    assert not is_checked(place)
    (place / STAMP).write_text("{damaged")
    assert not is_checked(place)
