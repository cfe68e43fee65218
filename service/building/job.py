"""One map that becomes a gallery: its files, its state and its progress."""

import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal


class State(StrEnum):
    """Where a job stands."""

    UPLOADING = "uploading"
    CHECKING = "checking"
    CHECKED = "checked"
    BUILDING = "building"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.PUBLISHED, State.FAILED, State.CANCELLED})
RUNNING = frozenset({State.CHECKING, State.BUILDING})


@dataclass(frozen=True, kw_only=True)
class MapRequest:
    """What a gallery is to be built as."""

    name: str
    view: Literal["satellite", "drone"] | None = None
    """None: what the source itself says."""
    tile_m: tuple[float, ...] = ()
    """Ground sides of the tiles that a map is cut into, m; empty: the indexer's choice."""


@dataclass(kw_only=True)
class Job:
    """One job; only the event loop's thread changes it."""

    request: MapRequest
    folder: Path
    job_id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: State = State.UPLOADING
    files: dict[str, int] = field(default_factory=dict)
    """Bytes by file name."""
    forecast: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    touched_at: float = field(default_factory=time.monotonic)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())

    @property
    def source(self) -> Path:
        """The path to index: the one file that is a map, else the folder of all."""
        if len(self.files) == 1:
            return self.folder / next(iter(self.files))
        return self.folder

    def touch(self) -> None:
        """Note that somebody still works on it."""
        self.touched_at = time.monotonic()

    def fail(self, reason: str) -> None:
        """End the job with a reason, without the paths of this machine."""
        self.state = State.FAILED
        self.error = reason.replace(f"{self.folder}/", "").replace(str(self.folder), "the upload")
