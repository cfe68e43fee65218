"""Known positions of a flight's frames, to measure a track by: EXIF, a CSV or a video's SRT."""

import re
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import BadTableError, EmptySourceError, SourceError
from indexer.geo import distance_m
from indexer.records import Position
from indexer.sources.photos.metadata import read_photo_metadata
from indexer.sources.tables.table import read_positions
from indexer.tracking.fixes import Fix, Track

WITHIN_M = (25.0, 50.0)
"""Errors that are counted, m."""

LATE_S = 0.05
"""How much later than a frame a subtitle may begin and still be its own, s."""

_BLOCK = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d+)\s*-->(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_NAMED = re.compile(r"\[?\s*(latitude|longitude)\s*:\s*(-?\d+\.\d+)", re.IGNORECASE)
_TUPLE = re.compile(r"GPS\s*\(\s*(-?\d+\.\d+)\s*,\s*(-?\d+\.\d+)")
"""GPS(longitude, latitude, …) of older DJI drones."""


def read_flight_truth(truth: str, flight: Path, track: Track) -> dict[str, Position]:
    """Return known positions by the name of the frame.

    Args:
        truth: `exif`, `srt` (beside the video), or the path of a CSV or SRT file.
        flight: the folder, list or video.
        track: whose frames are looked up.

    Raises:
        EmptySourceError: nothing has a position, or there is no such file.
        BadTableError: the table is wrong.
    """
    if truth == "exif":
        found = _exif(flight, track.fixes)
    else:
        path = _srt_beside(flight) if truth == "srt" else Path(truth)
        if not path.is_file():
            raise EmptySourceError(f"--truth {truth}: {path} does not exist; check the path")
        is_srt = path.suffix.lower() == ".srt"
        found = _srt(path, track.fixes) if is_srt else _csv(path, track.fixes)
    if not found:
        raise EmptySourceError(f"--truth {truth}: no frame of the flight has a position there")
    return found


def error_summary(track: Track, truth: dict[str, Position]) -> str:
    """Return errors of the frames with known positions, and how often the radii held them."""
    known = [fix for fix in track.fixes if fix.name in truth]
    placed = [fix for fix in known if fix.latitude is not None]
    if not placed:
        return f"{len(known)} frames have a known position, none of them was found"
    errors = [_error_m(fix, truth[fix.name]) for fix in placed]
    shares = ", ".join(
        f"within {within:.0f} m {100 * sum(e <= within for e in errors) / len(known):.1f} %"
        for within in WITHIN_M
    )
    held = [
        100
        * sum(e <= (getattr(fix, name) or 0.0) for e, fix in zip(errors, placed, strict=True))
        / len(placed)
        for name in ("accuracy_m_68", "accuracy_m_95")
    ]
    return (
        f"{len(known)} frames with a known position: {shares}, "
        f"median error {statistics.median(errors):.1f} m; "
        f"the radii of 68 and 95 % hold {held[0]:.1f} and {held[1]:.1f} %"
    )


def _error_m(fix: Fix, position: Position) -> float:
    assert fix.latitude is not None
    assert fix.longitude is not None
    return distance_m(fix.latitude, fix.longitude, *position)


def _exif(flight: Path, fixes: Sequence[Fix]) -> dict[str, Position]:
    folder = flight if flight.is_dir() else flight.parent
    found = {}
    for fix in fixes:
        try:
            position = read_photo_metadata(folder / fix.name).position
        except (SourceError, OSError):
            continue
        if position is not None:
            found[fix.name] = position
    return found


def _csv(path: Path, fixes: Sequence[Fix]) -> dict[str, Position]:
    by_path, by_name = read_positions(path)
    found = {}
    for fix in fixes:
        position = by_path.get((path.parent / fix.name).resolve()) or by_name.get(
            Path(fix.name).name
        )
        if position is not None:
            found[fix.name] = position
    return found


def _srt_beside(video: Path) -> Path:
    for suffix in (".srt", ".SRT", ".Srt"):
        if video.with_suffix(suffix).is_file():
            return video.with_suffix(suffix)
    return video.with_suffix(".SRT")


def _srt(path: Path, fixes: Sequence[Fix]) -> dict[str, Position]:
    """Return, for each frame, the last position before its time."""
    known = sorted(read_srt(path))
    times_s = [time_s for time_s, _ in known]
    found: dict[str, Position] = {}
    for fix in fixes:
        earlier = bisect_right(times_s, fix.time_s + LATE_S)
        if earlier:
            found[fix.name] = known[earlier - 1][1]
    return found


def read_srt(path: Path) -> list[tuple[float, Position]]:
    """Return (seconds since the start, position) of a DJI drone's subtitles.

    Raises:
        BadTableError: a position is out of range.
    """
    found = []
    for match in _BLOCK.finditer(path.read_text(encoding="utf-8-sig", errors="replace")):
        hours, minutes, seconds, fraction, text = match.groups()
        time_s = 3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction}")
        position = _position(text)
        if position is None or position == (0.0, 0.0):
            continue  # the receiver had no fix
        latitude, longitude = position
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise BadTableError(f"{path.name}: {latitude}, {longitude} is no position on Earth")
        found.append((time_s, position))
    return found


def _position(text: str) -> Position | None:
    named = {name.lower(): float(value) for name, value in _NAMED.findall(text)}
    if len(named) == 2:
        return named["latitude"], named["longitude"]
    pair = _TUPLE.search(text)
    return None if pair is None else (float(pair[2]), float(pair[1]))
