"""The jobs that build galleries from uploaded maps: one at a time, cleaned up after."""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from indexer.building.lock import writer_lock
from indexer.errors import GalleryBusyError
from indexer.gallery.layout import gallery_folder
from service.building.indexer_process import Event, Indexer, run
from service.building.job import ENDED, RUNNING, Job, MapRequest, State
from service.errors import BuildBusyError, JobStateError, UnknownJobError

FOLDER = ".uploads"
"""Below the store; no gallery has a name that begins with a dot."""

KEPT_JOBS = 20
ABANDONED_S = 600.0
"""Our choice: a job whose files stopped coming for so long makes room for the next one."""

LEFTOVER_S = 86_400.0
"""Our choice: a build of a day is longer than any that comes from a browser."""

_log = logging.getLogger(__name__)


class JobBoard:
    """All jobs of one service; only for the event loop's thread."""

    def __init__(self, indexer: Indexer, on_published: Callable[[], object]) -> None:
        """Delete what earlier processes left behind; nothing is built yet.

        Args:
            indexer: builds the galleries.
            on_published: called in a thread after a gallery was published.
        """
        self._indexer, self._on_published = indexer, on_published
        self._root = indexer.store / FOLDER
        _drop_leftovers(self._root)
        self._jobs: dict[str, Job] = {}
        self._task: asyncio.Task[None] | None = None

    def create(self, request: MapRequest) -> Job:
        """Return a new job that waits for its files.

        Raises:
            BuildBusyError: another job has not ended.
            JobStateError: a gallery has that name.
        """
        active = next((job for job in self._jobs.values() if job.state not in ENDED), None)
        if active is not None:
            if active.state in RUNNING or time.monotonic() - active.touched_at < ABANDONED_S:
                raise BuildBusyError(
                    f"map {active.request.name!r} is {active.state}; one is built at a time, try "
                    "again later or cancel that one",
                    retry_after_s=60,
                )
            self._end(active, State.CANCELLED)
        if (self._indexer.store / request.name).exists():
            raise JobStateError(f"gallery {request.name!r} exists already; choose another name")
        while len(self._jobs) >= KEPT_JOBS:
            del self._jobs[next(iter(self._jobs))]
        job = Job(request=request, folder=self._root)
        job.folder = self._root / job.job_id
        job.folder.mkdir(parents=True)
        self._jobs[job.job_id] = job
        return job

    def find(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            UnknownJobError: there is no such job, or it is long past.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise UnknownJobError(
                f"no job {job_id[:40]!r} is known; POST /galleries begins one"
            ) from None

    def check(self, job: Job) -> None:
        """Begin to count what a build would bring.

        Raises:
            JobStateError: no file has arrived, or the job is at another state.
        """
        self._begin(job, State.CHECKING, dry_run=True)

    def build(self, job: Job) -> None:
        """Begin to build.

        Raises:
            JobStateError: no file has arrived, or the job is at another state.
        """
        self._begin(job, State.BUILDING, dry_run=False)

    async def cancel(self, job: Job) -> None:
        """End a job and delete its files; a gallery that was published stays."""
        if job.state in RUNNING:
            await self._stop()
        if job.state not in ENDED:
            self._end(job, State.CANCELLED)

    async def close(self) -> None:
        """End what has not ended, and delete its files."""
        for job in self._jobs.values():
            await self.cancel(job)

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _begin(self, job: Job, state: State, *, dry_run: bool) -> None:
        if job.state not in (State.UPLOADING, State.CHECKED) or not job.files:
            what = "no file has arrived" if not job.files else f"it is {job.state}"
            raise JobStateError(f"job {job.job_id}: {what}; see GET /jobs/{job.job_id}")
        job.state = state
        job.touch()
        self._task = asyncio.create_task(self._run(job, dry_run=dry_run))

    async def _run(self, job: Job, *, dry_run: bool) -> None:
        errors: list[str] = []

        def record(event: Event) -> None:
            kind = event.pop("event")
            if kind == "progress":
                job.progress = event
            elif kind == "note":
                job.notes.append(str(event.get("text", "")))
            elif kind == "error":
                errors.append(str(event.get("message", "")))
            elif kind == "result" and dry_run:
                job.forecast = event

        try:
            code = await run(self._indexer.command(job, dry_run=dry_run), record)
            if code != 0:
                job.fail(errors[-1] if errors else "the indexer ended unexpectedly; see its log")
                self._end(job, State.FAILED)
            elif dry_run:
                job.state = State.CHECKED
            else:
                await asyncio.to_thread(self._on_published)
                self._end(job, State.PUBLISHED)
        except OSError:
            _log.exception("cannot run the indexer")
            job.fail("the indexer cannot be run; see the service's log")
            self._end(job, State.FAILED)
        job.touch()

    def _end(self, job: Job, state: State) -> None:
        """End a job; its files go, and what an unfinished build left of a gallery."""
        job.state = state
        shutil.rmtree(job.folder, ignore_errors=True)
        if state is not State.PUBLISHED:
            self._drop_unpublished(job.request.name)
        _log.info("map %s: %s", job.request.name, state, extra={"job": job.job_id})

    def _drop_unpublished(self, name: str) -> None:
        """Delete a gallery that has no version yet, unless another process writes it."""
        gallery = gallery_folder(self._indexer.store, name)
        if not gallery.root.is_dir() or gallery.current.exists():
            return
        with contextlib.suppress(GalleryBusyError), writer_lock(gallery.lock):
            shutil.rmtree(gallery.root, ignore_errors=True)


def _drop_leftovers(root: Path) -> None:
    """Delete upload folders that no process can be using any more; services may share a store."""
    for folder in root.iterdir() if root.is_dir() else ():
        if time.time() - folder.stat().st_mtime > LEFTOVER_S:
            shutil.rmtree(folder, ignore_errors=True)
