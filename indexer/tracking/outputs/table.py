"""A track as tab-separated values, for a terminal."""

from indexer.tracking.fixes import Fix, Track
from indexer.tracking.outputs.moments import moment_text

COLUMNS = (
    "frame	time	status	confidence	latitude	longitude	"
    "accuracy_m_68	accuracy_m_95	heading_deg"
)
"""Header; latitude and longitude are the ground in the middle of the photo."""


def table(track: Track) -> str:
    """Return a line for each frame and one for the whole flight."""
    lines = [COLUMNS, *(_line(fix, track) for fix in track.fixes)]
    lines.append(
        f"flight: {track.status}, confidence {track.confidence:.3f}, "
        f"{track.located} of {len(track.fixes)} frames have a place"
    )
    return "\n".join(lines) + "\n"


def _line(fix: Fix, track: Track) -> str:
    moment = moment_text(fix, track) or f"{fix.time_s:.3f}"
    place = "\t" * 4
    if fix.latitude is not None and fix.accuracy_m_68 is not None:
        heading = "" if fix.heading_deg is None else f"{round(fix.heading_deg, 1) % 360:.1f}"
        place = (
            f"{fix.latitude:.7f}\t{fix.longitude:.7f}\t{fix.accuracy_m_68:.1f}\t"
            f"{fix.accuracy_m_95:.1f}\t{heading}"
        )
    return f"{fix.name}\t{moment}\t{fix.status}\t{fix.confidence:.3f}\t{place}"
