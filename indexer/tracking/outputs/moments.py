"""The moment of a fix, where the flight has dates."""

from datetime import UTC, timedelta

from indexer.tracking.fixes import Fix, Track


def moment_text(fix: Fix, track: Track) -> str | None:
    """Return the moment as ISO 8601 in UTC; None where the flight has no dates."""
    if track.start is None:
        return None
    moment = (track.start + timedelta(seconds=fix.time_s)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
