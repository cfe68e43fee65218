"""What `--workers` does: starts Ray's workers for a build, and lets them go."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from indexer.commands import options as opt

if TYPE_CHECKING:
    from indexer.building.embedding import Embed
    from indexer.commands.work_options import WorkOptions


@contextmanager
def embedding_on(
    workers: str | None, gpus: float, work: "WorkOptions", report: Any
) -> "Iterator[Embed | None]":
    """Give what embeds on workers; None without `--workers`.

    Args:
        workers: None, "ray" or "ray:COUNT".
        gpus: GPUs of each worker.
        work: the weights.
        report: shows what the user should know of the workers.

    Raises:
        typer.BadParameter: the text names no workers.
        WorkerError: Ray is not installed, or the cluster does not answer.
    """
    if workers is None:
        yield None
        return
    found = re.fullmatch(r"ray(?::([1-9]\d{0,4}))?", workers)
    if found is None:
        raise typer.BadParameter(f"--workers {workers!r}: write ray, or ray:8 for eight workers")
    from indexer.building.ray_workers import RayOptions, RayWorkers
    from model.weights_info import SHIPPED_WEIGHTS, read_weights_info

    sha256 = read_weights_info(work.weights or SHIPPED_WEIGHTS).sha256
    load = partial(opt.load_weights, work.weights, work.device, work.matcher, work.precision)
    options = RayOptions(count=int(found[1] or 0), gpus=gpus)
    with RayWorkers(load, sha256, options, report) as started:
        report.note(f"{started.count} workers of Ray embed")
        yield started
