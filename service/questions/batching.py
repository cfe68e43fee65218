"""Run the model in one thread, on batches shared by all clients, from a bounded queue."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from model.descriptor_model import ImageEmbedding
from service.errors import QueueFullError

T = TypeVar("T")
Embed = Callable[[NDArray[np.uint8]], Sequence[ImageEmbedding]]


@dataclass(frozen=True)
class Embedded:
    """The embeddings of one question's images, and their times in ms."""

    images: list[ImageEmbedding]
    queue_ms: float
    embed_ms: float


@dataclass
class _Job:
    """One question's images, or one call that needs the model's thread."""

    pixels: list[NDArray[np.uint8]]
    call: Callable[[], object] | None = None
    future: "Future[object]" = field(default_factory=Future)
    embedded: dict[int, ImageEmbedding] = field(default_factory=dict)
    queued_at: float = field(default_factory=time.perf_counter)
    started_at: float | None = None


class Reservation:
    """Room for one question's images: taken before decoding, given back when answered."""

    def __init__(self, images: int) -> None:
        self.images = images
        self.decoding = images


class BatchWorker:
    """Runs `embed` in one thread on batches of at most `max_batch` images.

    A batch starts as soon as the thread is free. Only while admitted images are still being
    decoded does it wait for them, `max_wait_s` at the longest, so that a single client never waits.
    """

    def __init__(
        self,
        embed: Embed,
        *,
        max_batch: int,
        max_wait_s: float,
        capacity: int,
        on_batch: Callable[[int, float], None] = lambda images, seconds: None,
    ) -> None:
        """Start the thread.

        Args:
            embed: uint8 [N, 3, S, S] → one embedding each; only the worker's thread calls it.
            max_batch: most images per call.
            max_wait_s: longest wait for images that are still being decoded, s.
            capacity: most images admitted at a time; more raise QueueFullError.
            on_batch: called with the size and the duration in s of each batch.
        """
        self._embed, self._on_batch = embed, on_batch
        self._max_batch, self._max_wait_s, self._capacity = max_batch, max_wait_s, capacity
        self._items: deque[tuple[_Job, int]] = deque()
        self._changed = threading.Condition()
        self._admitted = self._decoding = 0
        self._seconds_per_image = 0.05
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Number of images admitted and not yet answered."""
        return self._admitted

    def wait_s(self) -> int:
        """Return the seconds, at least 1, in which all admitted images will have been embedded."""
        return max(1, math.ceil(self._admitted * self._seconds_per_image))

    @contextmanager
    def reserve(self, images: int) -> Iterator[Reservation]:
        """Reserve room for so many images while the block runs.

        Raises:
            QueueFullError: the queue would hold more than its capacity.
        """
        room = Reservation(images)
        with self._changed:
            if self._admitted + images > self._capacity:
                wait_s = self.wait_s()
                raise QueueFullError(
                    f"the queue has {self._admitted} of {self._capacity} images, no room for "
                    f"{images} more; send it again in {wait_s} s",
                    retry_after_s=wait_s,
                )
            self._admitted += images
            self._decoding += images
        try:
            yield room
        finally:
            with self._changed:
                self._admitted -= images
                self._decoding -= room.decoding
                self._changed.notify()

    async def embed(self, room: Reservation, pixels: list[NDArray[np.uint8]]) -> Embedded:
        """Embed preprocessed images; cancelling drops the work that has not begun."""
        job = _Job(pixels)
        with self._changed:
            self._decoding -= room.decoding
            room.decoding = 0
        await self._submit(job, len(pixels))
        ended_at = time.perf_counter()
        started_at = job.started_at or ended_at
        return Embedded(
            [job.embedded[i] for i in range(len(pixels))],
            (started_at - job.queued_at) * 1e3,
            (ended_at - started_at) * 1e3,
        )

    async def run(self, call: Callable[[], T]) -> T:
        """Return the result of `call`, run in the model's thread between batches."""
        return cast(T, await self._submit(_Job([], call), 1))

    async def _submit(self, job: _Job, items: int) -> object:
        with self._changed:
            if self._closing:
                raise QueueFullError("the service is shutting down; send it to another one")
            self._items.extend((job, index) for index in range(items))
            self._changed.notify()
        return await asyncio.wrap_future(job.future)

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while items := self._next():
            jobs = {id(job): job for job, _ in items}
            started_at = time.perf_counter()
            for job in jobs.values():
                job.started_at = job.started_at or started_at
            try:
                self._run(items)
            except Exception as error:
                for job in jobs.values():
                    if not job.future.done():
                        job.future.set_exception(error)

    def _run(self, items: list[tuple[_Job, int]]) -> None:
        first = items[0][0]
        if first.call is not None:
            _resolve(first, first.call())
            return
        started_at = time.perf_counter()
        found = self._embed(np.stack([job.pixels[index] for job, index in items]))
        seconds = time.perf_counter() - started_at
        self._seconds_per_image += 0.2 * (seconds / len(items) - self._seconds_per_image)
        self._on_batch(len(items), seconds)
        for (job, index), image in zip(items, found, strict=True):
            job.embedded[index] = image
            if len(job.embedded) == len(job.pixels):
                _resolve(job, None)

    def _next(self) -> list[tuple[_Job, int]]:
        """Return the next batch; empty when closed and done."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._items or self._closing)
                if not self._closing:
                    self._changed.wait_for(self._is_full, timeout=self._max_wait_s)
                items = self._take()
                if items or (self._closing and not self._items):
                    return items

    def _take(self) -> list[tuple[_Job, int]]:
        """Return the oldest items that make one batch: images together, a call alone."""
        items: list[tuple[_Job, int]] = []
        while self._items and len(items) < self._max_batch:
            job, index = self._items[0]
            if job.call is not None and items:
                break
            self._items.popleft()
            if job.future.done():  # cancelled, or failed with an earlier batch
                continue
            items.append((job, index))
            if job.call is not None:
                break
        return items

    def _is_full(self) -> bool:
        return self._closing or len(self._items) >= self._max_batch or self._decoding == 0


def _resolve(job: _Job, value: object) -> None:
    if job.future.set_running_or_notify_cancel():
        job.future.set_result(value)
