"""The service with a real network: company in a batch changes nothing; shipped weights answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from service_live import encoded, picture, serving, settings_of, write_source

from indexer.building.operations import build
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.embedder import SHIPPED_WEIGHTS, Embedder
from service.app import create_app

JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several OpenMP threads wait for each other where other work holds the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def company(embedder: Embedder, images: int) -> float:
    """Largest difference of a descriptor made alone from the same one made in one batch."""
    pixels_N3SS = np.stack([embedder.preprocess(picture(seed)) for seed in range(images)])
    together = embedder.embed_query_pixels(pixels_N3SS)
    alone = [embedder.embed_query_pixels(one[None])[0] for one in pixels_N3SS]
    return max(
        float(np.abs(own.descriptors_STD - shared.descriptors_STD).max())
        for own, shared in zip(alone, together, strict=True)
    )


def test_descriptors_do_not_depend_on_who_shares_the_batch(tiny_weights: Path) -> None:
    assert company(Embedder.load(tiny_weights, device="cpu"), 32) <= 1e-6


@pytest.mark.skipif(not SHIPPED_WEIGHTS.exists(), reason="no weights are shipped yet")
def test_shipped_weights_answer_alone_as_in_company(tmp_path: Path) -> None:
    embedder = Embedder.load(device="cpu")
    assert company(embedder, 8) <= 1e-6
    source = open_source(write_source(tmp_path / "tiles", "satellite", range(4)), SourceOptions())
    build(tmp_path / "store", "map", source, embedder)
    settings = settings_of(tmp_path / "store", max_batch=4)
    with serving(create_app(settings, embedder), settings) as client:

        def scores(seed: int) -> list[float]:
            with httpx.Client(base_url=client.base_url, timeout=60) as own:
                body = own.post("/localize", content=encoded(picture(seed)), headers=JPEG).json()
            assert body["matches"][0]["image_id"] == f"satellite-{seed:03d}"
            return [match["score"] for match in body["matches"]]

        alone = [scores(seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(scores, range(4)))
    np.testing.assert_allclose(together, alone, atol=1e-6)
