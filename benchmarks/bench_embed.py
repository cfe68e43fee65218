"""How many pictures per second the shipped weights turn into descriptors."""

import numpy as np
from figure import CannotRun, Figure, seconds_of
from PIL import Image

from model.embedder import SHIPPED_WEIGHTS, Embedder

IMAGES = 32


def run() -> dict[str, Figure]:
    """Throughput of `Embedder.embed` on photo-like pictures of 512 x 512, resize included."""
    if not SHIPPED_WEIGHTS.exists():
        raise CannotRun(f"the shipped weights {SHIPPED_WEIGHTS.name} are missing")
    embedder = Embedder.load()
    noise = np.random.default_rng(0)
    images = [
        Image.fromarray(noise.integers(0, 256, (16, 16, 3), dtype=np.uint8)).resize((512, 512))
        for _ in range(IMAGES)
    ]
    seconds = seconds_of(lambda: embedder.embed(images), runs=5)
    return {"embed_images_per_s": Figure.of([IMAGES / each for each in seconds], "images/s")}
