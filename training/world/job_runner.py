"""Runs resumable jobs in processes and shows how many are done."""

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from console.progress import Progress


class _Resumable(Protocol):
    @property
    def is_done(self) -> bool: ...


J = TypeVar("J", bound=_Resumable)


def run_jobs(work: Callable[[J], int], jobs: list[J], workers: int, unit: str) -> None:
    """Run the jobs that are not done yet; `unit` names what one job makes, such as places."""
    remaining = [job for job in jobs if not job.is_done]
    results = _in_processes(work, remaining, workers)
    for _ in Progress(unit, len(jobs), unit=unit).over(results, done=len(jobs) - len(remaining)):
        pass


def _in_processes(work: Callable[[J], int], jobs: list[J], workers: int) -> Iterator[int]:
    """Yield the result of each job as it ends, run in `workers` processes."""
    if workers <= 1 or len(jobs) <= 1:
        yield from map(work, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(work, jobs)
