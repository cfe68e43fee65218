"""Run the service with the colour embedder in a process of its own, for tests that kill it.

Usage: python tests/service_process.py STORE PORT [DELAY_S], where each run of the model takes
DELAY_S longer.
"""

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from conftest import ColourEmbedder

from service.app import create_app
from service.server import Server
from service.settings import Settings
from service.telemetry import logs


class SlowColours(ColourEmbedder):
    """Takes a while, as a real model does."""

    delay_s = 0.0

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(self.delay_s)
        return super().embed_pixels(pixels_N3SS)


def main(store: str, port: str, delay_s: str = "0") -> None:
    logs.configure("info", "json")
    settings = Settings(store=Path(store), port=int(port), watch_s=0.1)
    embedder = SlowColours()
    embedder.delay_s = float(delay_s)
    Server(create_app(settings, embedder), settings).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
