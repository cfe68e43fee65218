"""Runs resumable jobs in processes and shows how many are done."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from console.progress import Progress
from training.world.store import in_processes


class _Resumable(Protocol):
    @property
    def is_done(self) -> bool: ...


J = TypeVar("J", bound=_Resumable)


def run_jobs(work: Callable[[J], int], jobs: list[J], workers: int, unit: str) -> None:
    """Run the jobs that are not done yet; `unit` names what one job makes, such as places."""
    remaining = [job for job in jobs if not job.is_done]
    results = in_processes(work, remaining, workers)
    for _ in Progress(unit, len(jobs), unit=unit).over(results, done=len(jobs) - len(remaining)):
        pass
