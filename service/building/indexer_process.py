"""`safenet-index build` in a process of its own, with its JSON lines as events.

Our choice: a map is untrusted input for GDAL and others. A process of its own keeps what goes
wrong there, and its memory, away from the answers.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.building.job import Job

Event = dict[str, Any]

NICENESS = 10
"""Our choice: answers come before a build where both want the cores."""

MAX_LINE_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """How the indexer is called: the store, and the weights that the service has."""

    store: Path
    weights: Path | None
    matcher: str

    def command(self, job: Job, *, dry_run: bool) -> list[str]:
        """Return the command that builds a job's gallery, or only counts its images."""
        command = [sys.executable, "-m", "indexer.commands.app", "build", job.request.name]
        command += [str(job.source), "--store", str(self.store), "--log", "json"]
        command += ["--matcher", self.matcher]
        if self.weights is not None:
            command += ["--weights", str(self.weights)]
        if job.request.view is not None:
            command += ["--view", job.request.view]
        if job.request.tile_m:
            command += ["--tile-m", ",".join(f"{side:g}" for side in job.request.tile_m)]
        return [*command, "--dry-run", "--minutes"] if dry_run else command


async def run(command: list[str], on_event: Callable[[Event], None]) -> int:
    """Run a command and report its events; when cancelled, end it first. Returns its exit code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAFENET_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        env=kept,
        start_new_session=True,
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    try:
        assert process.stderr is not None
        async for line in process.stderr:
            event = _event(line)
            if event is not None:
                on_event(event)
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
