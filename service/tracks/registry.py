"""The open tracks: bounded in number and length, each its owner's alone, dropped when idle."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from indexer.records import Prior
from indexer.tracking.fixes import Fix
from indexer.tracking.live import LiveTrack
from service.errors import TooManyTracksError, UnknownTrackError


@dataclass(frozen=True, kw_only=True)
class TrackLimits:
    """Most tracks, most frames of one, and seconds after its last use that a track is dropped."""

    tracks: int
    frames: int
    idle_s: float


@dataclass(kw_only=True)
class OpenTrack:
    """One flight: its gallery, its owner (the name of a key) and the track so far.

    `prior` is the circle that the whole flight lies in, `fov_deg` the angle of view across the
    frames' width; None: what their headers say. Whoever adds a frame holds `turn`;
    `changed` wakes those who watch.
    """

    track_id: str
    gallery: str
    owner: str | None
    live: LiveTrack
    used_at: float
    prior: Prior | None = None
    fov_deg: float | None = None
    start: datetime | None = None
    closed: bool = False
    fixes: list[Fix] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Tracks:
    """All open tracks of one process; used from its event loop only."""

    def __init__(self, limits: TrackLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._open: dict[str, OpenTrack] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def begin(
        self,
        gallery: str,
        owner: str | None,
        live: LiveTrack,
        prior: Prior | None = None,
        fov_deg: float | None = None,
    ) -> OpenTrack:
        """Open a track.

        Raises:
            TooManyTracksError: as many as allowed are open.
        """
        await self._drop_idle()
        if len(self._open) >= self.limits.tracks:
            first = min(track.used_at for track in self._open.values())
            wait_s = max(1, round(first + self.limits.idle_s - self._clock()))
            raise TooManyTracksError(
                f"{len(self._open)} tracks are open, as many as allowed; delete one, or try again "
                f"in {wait_s} s",
                retry_after_s=wait_s,
            )
        track = OpenTrack(
            track_id=secrets.token_urlsafe(16),
            gallery=gallery,
            owner=owner,
            live=live,
            used_at=self._clock(),
            prior=prior,
            fov_deg=fov_deg,
        )
        self._open[track.track_id] = track
        return track

    async def find(self, track_id: str, owner: str | None) -> OpenTrack:
        """Return a track of this owner, which counts as used.

        Raises:
            UnknownTrackError: there is none, it expired, or it is another key's.
        """
        await self._drop_idle()
        track = self._open.get(track_id)
        if track is None or track.owner != owner:
            raise UnknownTrackError(
                f"no track {track_id[:40]!r}; tracks are dropped {self.limits.idle_s:g} s after "
                "their last frame: begin another one with POST /tracks"
            )
        track.used_at = self._clock()
        return track

    async def end(self, track: OpenTrack) -> None:
        """Drop a track, and wake those who watch it."""
        self._open.pop(track.track_id, None)
        track.closed = True
        async with track.changed:
            track.changed.notify_all()

    async def _drop_idle(self) -> None:
        oldest = self._clock() - self.limits.idle_s
        for track in [one for one in self._open.values() if one.used_at < oldest]:
            await self.end(track)
