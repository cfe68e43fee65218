"""The parts of a track that have positions, for drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from indexer.records import Position
from indexer.tracking.fixes import Fix, Track


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A fix that has a position."""

    fix: Fix
    position: Position


def parts(track: Track) -> Iterator[list[Placed]]:
    """Yield the fixes of each segment, in order of time; lost frames belong to none."""
    placed = [
        Placed(fix=fix, position=(fix.latitude, fix.longitude))
        for fix in track.fixes
        if fix.latitude is not None and fix.longitude is not None
    ]
    for _, part in groupby(placed, key=lambda each: each.fix.segment):
        yield list(part)
