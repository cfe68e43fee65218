"""Works off resumable jobs with a bar on a terminal and plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.errors import SafeNetError
from model.usage_errors import say
from training.world.store import in_processes

_errors = Console(stderr=True)


class _Resumable(Protocol):
    @property
    def is_done(self) -> bool: ...


J = TypeVar("J", bound=_Resumable)


def work_off(work: Callable[[J], int], jobs: list[J], workers: int, what: str) -> None:
    """Do the jobs not done yet, with a bar on a terminal and plain lines elsewhere."""
    todo = [job for job in jobs if not job.is_done]
    done = len(jobs) - len(todo)
    if not _errors.is_terminal:
        for _ in in_processes(work, todo, workers):
            done += 1
            if done % 20 == 0 or done == len(jobs):
                _errors.print(f"{what}: {done} of {len(jobs)}", highlight=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_errors) as progress:
        task = progress.add_task(what, total=len(jobs), completed=done)
        for _ in in_processes(work, todo, workers):
            progress.advance(task)


@contextmanager
def reported() -> Iterator[None]:
    """Turn our errors, and what a disk refuses, into one line on stderr and exit status 1."""
    try:
        yield
    except SafeNetError as error:
        say(str(error))
        raise typer.Exit(1) from error
    except OSError as error:
        say(f"{error.filename or 'file'}: {error.strerror or error}")
        raise typer.Exit(1) from error
