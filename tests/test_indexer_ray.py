"""A build on Ray's workers makes the gallery of a build without them, though a worker is lost."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from indexer_samples import LocalEmbedder, table_folder
from numpy.typing import NDArray

from indexer.building import operations
from indexer.building.operations import Outcome
from indexer.building.ray_workers import RayOptions, RayWorkers
from indexer.errors import WorkerError
from indexer.gallery.layout import current_version, gallery_folder
from indexer.sources.candidate import Source, SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import GalleryRows

COUNT = 300
ray: Any = pytest.importorskip("ray", reason="Ray is missing: install the extra scale")
pytestmark = pytest.mark.filterwarnings("ignore")


class Mortal(LocalEmbedder):
    """The worker that is asked first after `deaths` batches in all dies of it, once."""

    def __init__(self, folder: Path, deaths: int) -> None:
        self.folder, self.deaths = folder, deaths

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        (self.folder / f"{os.getpid()}-{os.urandom(4).hex()}").touch()
        if len(list(self.folder.glob("*-*"))) > 2:
            for number in range(self.deaths):
                try:
                    (self.folder / f"death{number}").touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_gallery_pixels(pixels_N3SS)


class Counting:
    """Keeps the reports of a build."""

    def __init__(self) -> None:
        self.total, self.added, self.notes = 0, 0, list[str]()

    def start(self, total: int) -> None:
        self.total = total

    def advance(self, *, added: int, skipped: int, failed: int, unchanged: int) -> None:
        self.added += added

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("photos")
    rows = [
        {"path": f"p{number:03d}.png", "latitude": 50 + number / 1e3, "longitude": 14}
        for number in range(COUNT)
    ]
    table_folder(root, rows)
    (root / "p004.png").write_bytes(b"no image")
    return open_source(root, SourceOptions(view="drone"))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two processors of this machine, whose workers can import the tests' models."""
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_gcs_server_port_wait_time_s", "300")  # a busy machine takes over 30
        patch.setenv("PYTHONPATH", f"{here}:{here.parent}")
        for left in (2, 1, 0):
            try:
                ray.init(
                    num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                    _node_ip_address="127.0.0.1",
                )  # fmt: skip
                break
            except Exception as error:  # Ray has no class of its own for it
                if "timed out during startup" not in str(error) or not left:
                    raise
                ray.shutdown()  # its limit of 30 s is fixed; a busy machine takes longer
        yield
        ray.shutdown()


def built(
    store: Path, source: Source, deaths: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Outcome, Counting]:
    """Build with two workers, of which so many die."""
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # the cluster serves all tests
    (store / "calls").mkdir(parents=True)
    seen = Counting()
    load = partial(Mortal, store / "calls", deaths)
    with RayWorkers(load, LocalEmbedder.sha256, RayOptions(count=2), seen) as workers:
        outcome = operations.build(
            store, "town", source, LocalEmbedder(), progress=seen, workers=workers
        )
    return outcome, seen


def test_the_gallery_is_that_of_an_unbroken_local_build(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = operations.build(tmp_path / "here", "town", source, LocalEmbedder())
    outcome, seen = built(tmp_path / "there", source, 1, monkeypatch)
    assert (outcome.tally, outcome.size) == (local.tally, COUNT - 1)
    assert (seen.total, seen.added) == (COUNT, COUNT - 1)
    told = [
        note for note in seen.notes if not note.startswith("waiting for Ray")
    ]  # when it is slow
    assert told == ["a worker is lost; its images go to another"]
    pids = {path.name.partition("-")[0] for path in (tmp_path / "there/calls").glob("*-*")}
    assert len(pids) >= 2, "both workers embedded"
    for part in ("descriptors.f16", "index.faiss"):
        here, there = (
            gallery_folder(root, "town").version(current_version(root, "town")) / part
            for root in (tmp_path / "here", tmp_path / "there")
        )
        assert here.read_bytes() == there.read_bytes()


def test_a_batch_that_kills_every_worker_ends_the_build_and_what_is_stored_stays(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkerError, match="3 workers died of the batch that begins with image 'p"):
        built(tmp_path, source, 99, monkeypatch)
    again = operations.build(tmp_path, "town", source, LocalEmbedder())
    assert again.size == COUNT - 1


def test_a_worker_with_other_weights_or_none_is_refused(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    options = RayOptions(count=1)
    for load, wanted, reason in (
        (LocalEmbedder, "e" * 64, "has the weights cccccccc, the gallery those of eeeeeeee"),
        (partial(Path.read_bytes, Path("/nowhere")), "e" * 64, "a worker failed .*No such file"),
    ):
        workers = RayWorkers(load, wanted, options, Counting())
        with pytest.raises(WorkerError, match=reason):
            any(workers.wait([]) for _ in range(20))  # a slow start passes the first waits by
