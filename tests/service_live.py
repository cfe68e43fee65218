"""What the service's tests share: a small real store and the real app under real uvicorn."""

import csv
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import ColourEmbedder
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image

from indexer.building.operations import build
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from service.app import create_app
from service.server import Server
from service.settings import Settings

SCRIPT = Path(__file__).parent / "service_process.py"
PLACES = 12
FLIGHTS = 2
SIDE_PX = 96


def picture(seed: int, size: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> Image.Image:
    """A picture unlike any other seed's: 6 x 6 random colours, smoothly enlarged."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    """An image as file bytes."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def position(seed: int) -> tuple[float, float]:
    """Latitude and longitude of a place, degrees; places are 111 m apart to the north."""
    return round(50.0 + seed * 0.001, 6), 14.0


def write_source(folder: Path, view: str, seeds: range) -> Path:
    """A folder of images with its CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in seeds:
        name = f"{view}-{seed:03d}.jpg"
        (folder / name).write_bytes(encoded(picture(seed)))
        latitude, longitude = position(seed)
        row: dict[str, object] = {"path": name, "view": view, "latitude": latitude}
        row |= {"longitude": longitude, "id": f"{view}-{seed:03d}"}
        if view == "satellite":
            row |= {"ground_m": 100, "gsd_m": 0.3}
        else:
            row |= {"altitude_m": 60, "altitude_datum": "takeoff", "heading_deg": 90}
            row |= {"gimbal_pitch_deg": -60, "flight_id": f"flight-{seed % FLIGHTS}"}
            row |= {"captured_at": f"2024-05-01T10:{59 - seed:02d}:00+00:00"}
        rows.append(row)
    with (folder / "images.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def publish(store: Path, name: str, view: str, seeds: range, work: Path) -> str:
    """Build or rebuild a gallery of synthetic pictures; returns the version."""
    source = open_source(write_source(work, view, seeds), SourceOptions())
    return build(store, name, source, ColourEmbedder(), start_over=True).version


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the galleries `map` (satellite) and `flights` (drone)."""
    root = tmp_path_factory.mktemp("store")
    publish(root, "map", "satellite", range(PLACES), tmp_path_factory.mktemp("tiles"))
    publish(root, "flights", "drone", range(PLACES), tmp_path_factory.mktemp("drone"))
    return root


class GatedColours(ColourEmbedder):
    """The colour embedder; while `gate` is closed its runs wait, and `ran` counts their images."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.ran = 0

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As the colour embedder, once the gate is open."""
        self.gate.wait(20)
        self.ran += len(pixels_N3SS)
        return super().embed_pixels(pixels_N3SS)


@contextmanager
def serving(app: FastAPI, settings: Settings) -> Iterator[httpx.Client]:
    """The app under uvicorn on a free loopback port, in a thread; yields a client of it."""
    server = Server(app, settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def settings_of(store: Path, **changes: object) -> Settings:
    """Settings for a test: a free port, no watch, text logs."""
    return Settings(store=store, port=0, watch_s=0, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def live(store: Path) -> Iterator[httpx.Client]:
    """A client of a running service with the colour embedder and both galleries."""
    settings = settings_of(store)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        yield client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(
    store: Path, port: int, delay_s: float = 0.0, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The service in its own process, ready; killed at the end if it still runs.

    Its log is the file service.log beside the store.
    """
    command = [sys.executable, str(SCRIPT), str(store), str(port), str(delay_s)]
    with (store.parent / "service.log").open("wb") as log:
        running = subprocess.Popen(command, stderr=log, env=os.environ | environment)
        try:
            wait_ready(port)
            yield running
        finally:
            running.kill()
            running.wait()


def wait_ready(port: int, limit_s: float = 180.0) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the service did not get ready")
