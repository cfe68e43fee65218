"""Objects beside a Milvus store: an object store that goes, or refuses, costs no image."""

from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from indexer_samples import LocalEmbedder
from milvus_server import MilvusLite
from test_indexer_milvus import COUNT, flights

from indexer.building.milvus.operations import BuildOptions, build
from indexer.building.milvus.rebuild import rebuild
from indexer.building.milvus.verify import verify
from indexer.errors import StoreAccessError, StoreError, StoreUnavailableError
from indexer.gallery.objects import ObjectStore


class FailingFiles(MemoryFileSystem):
    """An object store in memory whose calls end with an error once so many were answered."""

    protocol = "failing"
    error: ClassVar[Exception | None] = None
    left: ClassVar[int] = 0

    def _answer(self) -> None:
        type(self).left -= 1
        if self.error is not None and self.left < 0:
            raise self.error

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self._answer()
        super().pipe_file(path, value, mode, **options)

    def cat_file(self, path: str, *args: Any, **options: Any) -> bytes:
        self._answer()
        return bytes(super().cat_file(path, *args, **options))


@pytest.fixture(autouse=True)
def healthy() -> None:
    fsspec.register_implementation("failing", FailingFiles, clobber=True)
    FailingFiles.error, FailingFiles.left = None, 0


class ClientError(Exception):
    """As the clients of object stores have: no OSError."""


@pytest.mark.parametrize(
    ("error", "named", "words"),
    [
        (ClientError("no route"), StoreUnavailableError, "does not answer"),
        (TimeoutError(), StoreUnavailableError, "does not answer"),
        (ClientError("Unable to locate credentials"), StoreAccessError, "refuses the credentials"),
        (PermissionError("Forbidden"), StoreAccessError, "refuses the credentials"),
    ],
)
def test_an_object_store_that_fails_is_one_line(
    error: Exception, named: type[StoreError], words: str
) -> None:
    objects = ObjectStore("failing://one/place", "city")
    name = objects.add(b"picture")
    FailingFiles.error = error
    for call in (
        lambda: objects.read(name),
        lambda: objects.sound(name),
        lambda: objects.matcher_rows([name], "xfeat", 4),
        lambda: objects.local([name], "abc", 4),
        lambda: objects.add(b"another"),
        lambda: objects.write_text("failed.csv", ""),
    ):
        with pytest.raises(named, match=words):
            call()


def test_rows_that_are_not_whole_are_missing() -> None:
    objects = ObjectStore("failing://rows/place", "city")
    names = [objects.add(data) for data in (b"whole", b"short", b"none")]
    row_B = np.arange(6, dtype=np.int8)
    objects.add_row(names[0], "xfeat", row_B)
    objects.add_row(names[1], "xfeat", row_B[:5])
    found = objects.matcher_rows(names, "xfeat", 6)
    assert {name: each.tolist() for name, each in found.items()} == {names[0]: row_B.tolist()}
    assert objects.matcher_rows([], "xfeat", 6) == {}


def test_what_cannot_be_written_is_no_failed_image(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="an object cannot be written to"):
        ObjectStore(str(tmp_path / "file"), "city").add(b"picture")


def test_a_build_whose_object_store_goes_is_continued_without_a_loss(tmp_path: Path) -> None:
    source, embedder = flights(tmp_path / "in"), LocalEmbedder()
    options = BuildOptions(objects="failing://two/place")
    FailingFiles.error, FailingFiles.left = ClientError("no route"), 150
    with MilvusLite(tmp_path / "milvus") as live:
        with pytest.raises(StoreUnavailableError, match="of gallery 'city' does not answer"):
            build(live.store(), "city", source, embedder, options)
        FailingFiles.error = None
        outcome = build(live.store(), "city", source, embedder, options)
        assert (outcome.size, outcome.tally.failed) == (COUNT - 1, 1)
        assert verify(live.store(), "city") == []
        FailingFiles.error = ClientError("no route")
        with pytest.raises(StoreUnavailableError):
            rebuild(live.store(), "city", embedder)
        FailingFiles.error = None
        assert live.store().open("city", embedder=embedder).size == COUNT - 1
