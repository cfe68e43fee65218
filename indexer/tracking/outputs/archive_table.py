"""A track as a table that `safenet-index build` reads: photos without GPS as a flight archive."""

import csv
import io
import os
from pathlib import Path

from indexer.csv_cells import safe_cell
from indexer.errors import NoArchiveError
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.moments import moment_text

COLUMNS = ("path", "view", "flight_id", "captured_at", "latitude", "longitude", "heading_deg")
"""As `indexer.sources.tables.table` has them. Positions are the ground in the middle of the photo:
what a question about a tile wants."""


def archive_table(track: Track, flight: Path, table: Path) -> str:
    """Return the table of all frames that have a place, smoothed over the whole flight.

    Args:
        track: of a folder or a list of photos.
        flight: the folder or the list; its name is the flight's id.
        table: where the table will lie; paths are relative to its folder.

    Raises:
        NoArchiveError: the frames are those of a video, or none has a place.
    """
    folder = flight if flight.is_dir() else flight.parent
    placed = [fix for fix in track.fixes if fix.latitude is not None]
    if not placed:
        raise NoArchiveError("no frame has a place; there is nothing to build an archive of")
    if not (folder / placed[0].name).is_file():
        raise NoArchiveError(
            f"{flight.name}: an archive is built of photos; write the video's frames to a folder"
        )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for fix in placed:
        path = os.path.relpath(folder / fix.name, table.parent)
        writer.writerow(
            [
                path.replace(os.sep, "/") if path[0] not in "=+-@" else f"./{path}",
                "drone",
                safe_cell(flight.stem),
                moment_text(fix, track),
                f"{fix.latitude:.7f}",
                f"{fix.longitude:.7f}",
                None if fix.heading_deg is None else f"{fix.heading_deg:.1f}",
            ]
        )
    return stream.getvalue()
