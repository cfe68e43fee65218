"""The formats that a track is written in, by the suffix of the file."""

from collections.abc import Callable
from pathlib import Path

from indexer.errors import UnknownFormatError
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.csv_table import csv_table
from indexer.tracking.outputs.geojson import geojson_text
from indexer.tracking.outputs.gpx import gpx
from indexer.tracking.outputs.json_text import json_text
from indexer.tracking.outputs.kml import kml
from indexer.tracking.outputs.nmea import nmea
from model.files import write_atomically

FORMATS: dict[str, Callable[[Track], str]] = {
    "json": json_text,
    "geojson": geojson_text,
    "gpx": gpx,
    "kml": kml,
    "csv": csv_table,
    "nmea": nmea,
}


def write_track(track: Track, path: Path) -> None:
    """Write a track in the format that the file's suffix names.

    Raises:
        UnknownFormatError: the suffix names none.
        NoCameraError: NMEA is wanted, and no camera is known.
    """
    form = format_of(path)
    write_atomically(path, FORMATS[form](track).encode())


def format_of(path: Path) -> str:
    """Return the format that a file's suffix names.

    Raises:
        UnknownFormatError: it names none.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        endings = ", ".join(f".{known}" for known in FORMATS)
        raise UnknownFormatError(f"{path.name}: a track is written as {endings}; choose one")
    return form
