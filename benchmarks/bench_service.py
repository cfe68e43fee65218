"""The service under load: 1, 8 and 32 clients, against the bare embedder and two other servers.

Everything runs in one go on one machine: the embedder, then each server in a process of its own,
asked by a light load generator in another. The images are JPEG files of 512 x 512 as in
University-1652; "bare" decodes and embeds the same files in batches of 16, with as many decoding
threads as the service, and answers nobody; "pipeline" also searches and verifies, as the service
and the other servers do.
"""

import importlib.util
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from figure import CannotRun, Figure, seconds_of
from PIL import Image
from servers import found

from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.cpu_threads import limit_blas_threads
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.images import open_image

FOLDER = Path(__file__).resolve().parent
IMAGES, BATCH, DECODERS = 32, 16, 2
SECONDS, ROUNDS = 6.0, 5
SCRIPTS = {"ours": "servers.py", "plain": "servers.py", "litserve": "litserve_server.py"}


def run() -> dict[str, Figure]:
    """All figures of the service; ratios are medians of rounds, each between two bare runs."""
    if not SHIPPED_WEIGHTS.exists():
        raise CannotRun(f"the shipped weights {SHIPPED_WEIGHTS.name} are missing")
    limit_blas_threads()  # as the service does
    embedder = Embedder.load()
    with tempfile.TemporaryDirectory() as place:
        files = _write_images(Path(place) / "images")
        store = _write_store(Path(place), files, embedder)
        return _figures(embedder, files, store)


def _figures(embedder: Embedder, files: Path, store: Path) -> dict[str, Figure]:
    samples: dict[str, list[float]] = {}

    def note(key: str, value: float) -> None:
        samples.setdefault(key, []).append(value)

    outside_ms: list[float] = []
    for _ in range(ROUNDS):
        with _server("ours", store) as port:
            alone = _load(port, 1, files)
            outside_ms += [_outside_ms(request) for request in alone["requests"]]
            note("service_1_client_images_per_s", alone["per_s"])
            note("service_8_clients_images_per_s", _load(port, 8, files)["per_s"])
            before = _bare_per_s(embedder, files)
            piped_before = _pipeline_per_s(embedder, files, store)
            full = _load(port, 32, files)["per_s"]
            piped = statistics.fmean((piped_before, _pipeline_per_s(embedder, files, store)))
            bare, decoded = (
                statistics.fmean(pair)
                for pair in zip(before, _bare_per_s(embedder, files), strict=True)
            )
        note("service_32_clients_images_per_s", full)
        note("embedder_from_files_images_per_s", bare)
        note("service_32_clients_over_embedder", full / bare)
        note("pipeline_images_per_s", piped)
        note("service_32_clients_over_pipeline", full / piped)
        note("service_32_clients_over_embedder_of_decoded_images", full / decoded)
        for name in _others():
            with _server(name, store) as port:
                seen = _load(port, 32, files)
                note(f"{name}_32_clients_images_per_s", seen["per_s"])
    units = {key: "ratio" if "over" in key else "images/s" for key in samples}
    figures = {key: Figure.of(values, units[key]) for key, values in samples.items()}
    return figures | {"service_overhead_ms": Figure.of(outside_ms, "ms")}


def _others() -> list[str]:
    return ["plain"] + (["litserve"] if importlib.util.find_spec("litserve") else [])


def _outside_ms(request: dict[str, Any]) -> float:
    """What the client waited for besides decoding, embedding and searching."""
    told = request["timing"]
    return float(request["ms"] - told["decode"] - told["embed"] - told["search"])


def _bare_per_s(embedder: Embedder, files: Path) -> tuple[float, float]:
    """Images per second of the embedder alone: from files, and from images decoded before."""
    bodies = [file.read_bytes() for file in sorted(files.iterdir())]
    side = 2 * embedder.input_size

    def decode(body: bytes) -> Image.Image:
        return open_image(body, min_side=side)

    with ThreadPoolExecutor(DECODERS) as pool:
        pictures = list(pool.map(decode, bodies))

        def from_files() -> None:
            for start in range(0, IMAGES, BATCH):
                embedder.embed(list(pool.map(decode, bodies[start : start + BATCH])))

        from_files_s = statistics.median(seconds_of(from_files, runs=5))
    decoded_s = statistics.median(seconds_of(lambda: embedder.embed(pictures), runs=5))
    return IMAGES / from_files_s, IMAGES / decoded_s


def _pipeline_per_s(embedder: Embedder, files: Path, store: Path) -> float:
    """Images per second of all that the service does with an image, in a bare loop."""
    bodies = [file.read_bytes() for file in sorted(files.iterdir())]
    gallery = Gallery.open(store, "map", embedder=embedder)

    def pixels(body: bytes) -> np.ndarray:
        return embedder.preprocess(open_image(body, min_side=2 * embedder.input_size))

    with ThreadPoolExecutor(DECODERS) as pool:

        def everything() -> None:
            for start in range(0, IMAGES, BATCH):
                batch = np.stack(list(pool.map(pixels, bodies[start : start + BATCH])))
                images = embedder.embed_query_pixels(batch)
                list(pool.map(lambda image: found(gallery, embedder, image), images))

        seconds = statistics.median(seconds_of(everything, runs=3))
    gallery.close()
    return IMAGES / seconds


def _write_images(folder: Path) -> Path:
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(IMAGES):
        cells = Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        picture = cells.resize((512, 512), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:02d}.jpg", quality=90)
    return folder


def _write_store(place: Path, files: Path, embedder: Embedder) -> Path:
    lines = [f"{file.name},50.{file.stem},14" for file in sorted(files.iterdir())]
    table = place / "source"
    table.mkdir()
    for file in files.iterdir():
        (table / file.name).write_bytes(file.read_bytes())
    (table / "tiles.csv").write_text("path,latitude,longitude\n" + "\n".join(lines) + "\n")
    build(place / "store", "map", open_source(table, SourceOptions()), embedder)
    return place / "store"


@contextmanager
def _server(name: str, store: Path) -> Iterator[int]:
    """A server in its own process, ready and warm; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, str(FOLDER / SCRIPTS[name]), name, str(store), str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(command, cwd=FOLDER.parent, **quiet)  # type: ignore[call-overload]  # noqa: S603
    try:
        _wait_ready(port)
        yield port
    finally:
        # LitServe's worker processes outlive their parent's end: the whole group is ended.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def _wait_ready(port: int) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"no answer on port {port} within two minutes")


def _load(port: int, clients: int, files: Path) -> dict[str, Any]:
    """What the load generator saw, after a warm-up of a second."""
    for seconds in (1.0, SECONDS):
        arguments = [str(port), "/localize", str(clients), str(seconds), str(files)]
        command = [sys.executable, str(FOLDER / "load.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    seen: dict[str, Any] = json.loads(done.stdout)
    if set(seen["statuses"]) != {"200"}:
        raise RuntimeError(f"answers other than 200: {seen['statuses']}")
    return seen
