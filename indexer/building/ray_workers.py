"""Embedding on the workers of a Ray cluster (extra `scale`).

The build reads and prepares the images and stays the only writer; batches of pixels go to workers
that hold the weights. Results come back in the order of the batches, so that a gallery is the one
that a build without Ray makes. A batch whose worker is lost goes to another.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from indexer.building.embedding import Batch, Embedded, matcher_rows, pixels_of, prepared_in
from indexer.building.progress import Progress
from indexer.errors import WorkerError
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError

IN_FLIGHT = 2
"""Number of batches that a worker has. Our choice: one that it embeds, one on its way to it."""

MOST_LOSSES = 3
"""Number of workers that one batch may lose. Our choice: more is not the workers' bad luck."""

PATIENCE_S = 30.0
"""Time without any result after which the user reads that Ray is waited for. Our choice."""


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Number of workers, 0 for as many as the cluster has room for, and what each needs."""

    count: int = 0
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0 or self.cpus <= 0 or self.gpus < 0:
            raise WorkerError(
                f"--workers ray:{self.count} with {self.cpus:g} CPUs and {self.gpus:g} GPUs each "
                "is impossible; give a number from 1, more than 0 CPUs and no negative GPUs"
            )


class _Worker:
    """An actor with the weights."""

    def start(self, load: Callable[[], DescriptorModel]) -> str:
        self._model = load()
        return self._model.sha256

    def embed(self, pixels_N3SS: NDArray[np.uint8]) -> Embedded:
        rows = self._model.embed_gallery_pixels(pixels_N3SS)
        return Embedded(rows=rows, matcher_NB=matcher_rows(self._model, pixels_N3SS))


class RayWorkers:
    """Workers of the cluster at RAY_ADDRESS, or of this machine; an `Embed`."""

    def __init__(
        self,
        load: Callable[[], DescriptorModel],
        weights_sha256: str,
        options: RayOptions,
        progress: Progress,
    ) -> None:
        """Start the workers; they load the weights while the first images are prepared.

        Args:
            load: loads the weights; runs on each worker.
            weights_sha256: what the weights of each worker must be.
            options: how many workers, and what each needs.
            progress: receives what the user should know of the workers.

        Raises:
            WorkerError: Ray is not installed, or the cluster does not answer.
        """
        self._load, self._sha256, self._progress = load, weights_sha256, progress
        # Ray sends usage statistics home otherwise.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self._ray: Any = import_module("ray")
        except ImportError as error:
            raise WorkerError(
                "--workers ray needs Ray; run: pip install 'safenet-geo[scale]'"
            ) from error
        self._join()
        self._actor = self._ray.remote(num_cpus=options.cpus, num_gpus=options.gpus)(_Worker)
        self._room: dict[Any, int] = {}
        self._starting: dict[Any, Any] = {}
        self.count = options.count or self._fitting(options)
        for _ in range(self.count):
            self._start_one()

    def __call__(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Embedded | None]]:
        """Yield every batch in its order with what a worker made of it.

        Raises:
            WorkerError: the workers cannot load the weights, load others, or die of one batch.
        """
        yield from _Run(self).results(batches)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ray.shutdown()

    def send(self, pixels_N3SS: Any) -> tuple[Any, Any] | None:
        """Give a batch to a worker with room; return the result's reference and the worker."""
        worker = max(self._room, key=self._room.__getitem__, default=None)
        if worker is None or self._room[worker] == 0:
            return None
        self._room[worker] -= 1
        return worker.embed.remote(pixels_N3SS), worker

    def wait(self, expected: list[Any]) -> Any | None:
        """Return a reference of those expected whose result, or loss, is known.

        Returns None where a worker started meanwhile.
        """
        waiting = [*self._starting, *expected]
        ready, _ = self._ray.wait(waiting, num_returns=1, timeout=PATIENCE_S)
        if not ready:
            self._progress.note(
                f"waiting for Ray: {len(self._room)} of {self.count} workers are ready; "
                "see: ray status"
            )
            return None
        if ready[0] in self._starting:
            self._welcome(ready[0])
            return None
        return ready[0]

    def take(self, result: Any, worker: Any) -> Embedded | None:
        """Return a result; None where its worker is lost, which is replaced."""
        try:
            found: Embedded = self._ray.get(result)
        except self._ray.exceptions.RayActorError:
            if self._room.pop(worker, None) is not None:
                self._progress.note("a worker is lost; its images go to another")
                self._start_one()
            return None
        except self._ray.exceptions.RayTaskError as error:
            raise self._named(error) from error
        if worker in self._room:
            self._room[worker] += 1
        return found

    def put(self, pixels_N3SS: NDArray[np.uint8]) -> Any:
        """Return a reference to pixels that any worker can read."""
        return self._ray.put(pixels_N3SS)

    def _join(self) -> None:
        if self._ray.is_initialized():
            return
        try:
            self._ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(
                f"the Ray cluster at RAY_ADDRESS={os.environ.get('RAY_ADDRESS', '')!r} does not "
                f"answer ({' '.join(str(error).split())[:200]}); start it with: ray start --head"
            ) from error

    def _fitting(self, options: RayOptions) -> int:
        has = self._ray.cluster_resources()
        room = [has.get("CPU", 0.0) / options.cpus]
        if options.gpus:
            room.append(has.get("GPU", 0.0) / options.gpus)
        return max(1, int(min(room)))

    def _start_one(self) -> None:
        worker = self._actor.remote()
        self._starting[worker.start.remote(self._load)] = worker

    def _welcome(self, started: Any) -> None:
        worker = self._starting.pop(started)
        try:
            found = self._ray.get(started)
        except self._ray.exceptions.RayTaskError as error:
            raise self._named(error) from error
        except self._ray.exceptions.RayActorError as error:
            raise WorkerError(
                f"a worker died while it loaded the weights ({_line(error)}); see its log"
            ) from error
        if found != self._sha256:
            raise WorkerError(
                f"a worker has the weights {found[:8]}, the gallery those of "
                f"{self._sha256[:8]}; install the same weights on every machine"
            )
        self._room[worker] = IN_FLIGHT

    @staticmethod
    def _named(error: Any) -> SafeNetError:
        cause = getattr(error, "cause", None) or error
        return WorkerError(f"a worker failed ({_line(cause)}); correct it and run this again")


class _Run:
    """One pass: which batches are where."""

    def __init__(self, workers: RayWorkers) -> None:
        self._workers = workers
        self._held: dict[int, Batch] = {}
        self._pixels: dict[int, Any] = {}
        self._losses: dict[int, int] = {}
        self._unsent: deque[int] = deque()
        self._sent: dict[Any, tuple[int, Any]] = {}
        self._done: dict[int, Embedded | None] = {}

    def results(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Embedded | None]]:
        """Yield the batches in their order."""
        numbered, following, exhausted = enumerate(batches), 0, False
        while not exhausted or self._held:
            while not exhausted and len(self._held) < (IN_FLIGHT + 1) * self._workers.count:
                number, batch = next(numbered, (-1, []))
                exhausted = number < 0
                if not exhausted:
                    self._hold(number, batch)
                self._send()
            if self._sent or self._unsent:
                self._receive()
            while following in self._done:
                self._pixels.pop(following, None)
                yield self._held.pop(following), self._done.pop(following)
                following += 1

    def _hold(self, number: int, batch: Batch) -> None:
        self._held[number] = batch
        prepared = prepared_in(batch)
        if prepared:
            self._pixels[number] = self._workers.put(pixels_of(prepared))
            self._unsent.append(number)
        else:
            self._done[number] = None

    def _send(self) -> None:
        while self._unsent:
            sent = self._workers.send(self._pixels[self._unsent[0]])
            if sent is None:
                return
            result, worker = sent
            self._sent[result] = (self._unsent.popleft(), worker)

    def _receive(self) -> None:
        result = self._workers.wait(list(self._sent))
        if result is not None:
            number, worker = self._sent.pop(result)
            found = self._workers.take(result, worker)
            if found is None:
                self._lose(number)
            else:
                self._done[number] = found
        self._send()

    def _lose(self, number: int) -> None:
        self._losses[number] = self._losses.get(number, 0) + 1
        if self._losses[number] >= MOST_LOSSES:
            first = prepared_in(self._held[number])[0].record.image_id
            raise WorkerError(
                f"{MOST_LOSSES} workers died of the batch that begins with image {first!r}; look "
                "at their logs and their memory, and run this again: what is stored stays"
            )
        self._unsent.appendleft(number)


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()[:200]
