"""The model's one thread: bounded, shared, fair to a lone client, and blind to company."""

import asyncio
import threading

import numpy as np
import pytest
from conftest import ColourEmbedder
from numpy.typing import NDArray
from service_live import picture

from model.descriptor_model import ImageEmbedding
from service.errors import QueueFullError
from service.questions.batching import BatchWorker

Pixels = NDArray[np.uint8]


def pixels(seed: int) -> Pixels:
    return ColourEmbedder().preprocess(picture(seed))


class Recorder:
    """The colour embedder, noting the size of each batch; waits while `gate` is closed."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, pixels_N3SS: Pixels) -> list[ImageEmbedding]:
        self.sizes.append(len(pixels_N3SS))
        self.threads.add(threading.get_ident())
        self.gate.wait(5)
        return ColourEmbedder().embed_query_pixels(pixels_N3SS)


def worker_of(recorder: Recorder, **changes: float) -> BatchWorker:
    options = {"max_batch": 8, "max_wait_s": 0.05, "capacity": 64} | changes
    return BatchWorker(recorder.embed, **options)  # type: ignore[arg-type]


async def embed(worker: BatchWorker, seeds: list[int]) -> NDArray[np.float32]:
    with worker.reserve(len(seeds)) as room:
        embedded = await worker.embed(room, [pixels(seed) for seed in seeds])
    return np.concatenate([image.descriptors_STD[0] for image in embedded.images])


def test_requests_share_batches_and_each_gets_its_own_rows() -> None:
    async def ask() -> None:
        recorder = Recorder()
        worker = worker_of(recorder)
        recorder.gate.clear()
        first = asyncio.create_task(embed(worker, [0]))
        await asyncio.sleep(0.02)
        rest = [asyncio.create_task(embed(worker, [2 * n, 2 * n + 1])) for n in range(1, 8)]
        await asyncio.sleep(0.05)
        recorder.gate.set()
        found = await asyncio.gather(first, *rest)
        worker.close()
        assert recorder.sizes == [1, 8, 6]
        assert len(recorder.threads) == 1
        for rows_ND, seeds in zip(
            found[1:], ([2 * n, 2 * n + 1] for n in range(1, 8)), strict=True
        ):
            alone_ND = ColourEmbedder().embed_pixels(np.stack([pixels(s) for s in seeds]))
            np.testing.assert_array_equal(rows_ND, alone_ND)

    asyncio.run(ask())


def test_more_views_than_a_batch_holds_are_spread_over_batches() -> None:
    async def ask() -> None:
        recorder = Recorder()
        worker = worker_of(recorder, max_batch=4)
        rows_ND = await embed(worker, list(range(10)))
        worker.close()
        assert recorder.sizes == [4, 4, 2]
        expected = ColourEmbedder().embed_pixels(np.stack([pixels(s) for s in range(10)]))
        np.testing.assert_array_equal(rows_ND, expected)

    asyncio.run(ask())


def test_lone_client_does_not_wait_for_company() -> None:
    async def ask() -> None:
        worker = worker_of(Recorder(), max_wait_s=86_400.0)
        async with asyncio.timeout(60):
            await embed(worker, [1])
        worker.close()

    asyncio.run(ask())


def test_batch_waits_for_images_that_are_still_being_decoded() -> None:
    async def ask() -> None:
        recorder = Recorder()
        worker = worker_of(recorder, max_wait_s=5.0)
        with worker.reserve(1) as late:
            early = asyncio.create_task(embed(worker, [1]))
            await asyncio.sleep(0.05)
            assert recorder.sizes == []
            await worker.embed(late, [pixels(2)])
        await early
        worker.close()
        assert recorder.sizes == [2]

    asyncio.run(ask())


def test_full_queue_refuses_with_a_time_to_come_back() -> None:
    async def ask() -> None:
        worker = worker_of(Recorder(), capacity=4)
        with worker.reserve(3):
            with pytest.raises(QueueFullError) as caught, worker.reserve(2):
                pass
            assert caught.value.retry_after_s >= 1
            with worker.reserve(1):
                assert worker.depth == 4
        assert worker.depth == 0
        worker.close()

    asyncio.run(ask())


def test_cancelled_work_is_dropped_before_it_runs() -> None:
    async def ask() -> None:
        recorder = Recorder()
        worker = worker_of(recorder, max_wait_s=0.0)
        recorder.gate.clear()
        first = asyncio.create_task(embed(worker, [0]))
        await asyncio.sleep(0.02)
        dropped = asyncio.create_task(embed(worker, [1, 2, 3]))
        kept = asyncio.create_task(embed(worker, [4]))
        await asyncio.sleep(0.02)
        dropped.cancel()
        await asyncio.sleep(0.02)
        recorder.gate.set()
        await asyncio.gather(first, kept)
        assert recorder.sizes == [1, 1]
        assert worker.depth == 0
        worker.close()

    asyncio.run(ask())


def test_failing_batch_fails_its_requests_and_no_later_one() -> None:
    calls = [0]

    def sometimes(pixels_N3SS: Pixels) -> list[ImageEmbedding]:
        calls[0] += 1
        if calls[0] == 1:
            raise RuntimeError("out of memory")
        return ColourEmbedder().embed_query_pixels(pixels_N3SS)

    async def ask() -> None:
        worker = BatchWorker(sometimes, max_batch=2, max_wait_s=0.0, capacity=8)
        with pytest.raises(RuntimeError, match="out of memory"):
            await embed(worker, [0])
        assert (await embed(worker, [1])).shape == (1, 768)
        worker.close()

    asyncio.run(ask())


def test_close_finishes_what_is_queued() -> None:
    async def ask() -> None:
        recorder = Recorder()
        worker = worker_of(recorder, max_batch=2, max_wait_s=0.0)
        tasks = [asyncio.create_task(embed(worker, [n])) for n in range(6)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.to_thread(worker.close)
        rows = await asyncio.gather(*tasks)
        assert len(rows) == 6

    asyncio.run(ask())
