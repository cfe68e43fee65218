"""A track as CSV (RFC 4180): a line for each frame, lost ones too."""

import csv
import io

from indexer.csv_cells import safe_cell
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.json_text import fix_document

COLUMNS = (
    "name",
    "time",
    "time_s",
    "status",
    "confidence",
    "latitude",
    "longitude",
    "accuracy_m_68",
    "accuracy_m_95",
    "heading_deg",
    "speed_m_s",
    "segment",
    "problem",
)
CAMERA_COLUMNS = (
    "camera_latitude",
    "camera_longitude",
    "camera_height_m",
    "camera_accuracy_m_95",
    "camera_heading_deg",
    "camera_pitch_deg",
)
"""Latitude and longitude are the ground in the middle of the photo, not the drone."""


def csv_table(track: Track) -> str:
    """Return the table; text that a spreadsheet would run as a formula is quoted."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *CAMERA_COLUMNS])
    for fix in track.fixes:
        values = fix_document(fix, track)
        camera = values["camera"] or {}
        own = [safe_cell(values[column]) for column in COLUMNS]
        writer.writerow(
            [*own, *(camera.get(column.removeprefix("camera_")) for column in CAMERA_COLUMNS)]
        )
    return stream.getvalue()
