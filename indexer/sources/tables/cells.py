"""Values of a table's cells: numbers, moments, footprints; each with its own clear refusal."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime

from indexer.errors import BadTableError
from indexer.geo import square_corners, wrap_longitude
from indexer.records import Position
from indexer.sources.candidate import check_position
from indexer.sources.tables.lines import RING


def number(row: Mapping[str, str], key: str, where: str) -> float:
    """Return a finite number.

    Raises:
        BadTableError: it is none.
    """
    text = row.get(key, "")
    try:
        value = float(text)
    except ValueError as error:
        raise BadTableError(f"{where}: {key} {text!r} is not a number; correct it") from error
    if not math.isfinite(value):
        raise BadTableError(f"{where}: {key} {text!r} is not a finite number; correct it")
    return value


_WORD = r"(n(?:orth)?|s(?:outh)?|e(?:ast)?|w(?:est)?)"
_FRONT, _BACK = re.compile(_WORD + r"\b\.?\s*", re.I), re.compile(r"\s*" + _WORD + r"$", re.I)
_PART = r"(\d+(?:[.,]\d+)?)"
_BETWEEN = r"(?:\s*(?:[°º'′’:]|deg(?:rees)?\b)\s*|\s+)"
_ANGLE = re.compile(
    rf"([+-]?){_PART}(?:{_BETWEEN}{_PART})?(?:{_BETWEEN}{_PART})?\s*(?:[°º'′’\"″”]|'')?"
)
"""Degrees as people write them: 50.1 N, 50°06'00"N, South 33 30 15, 14,4, 50 deg 6' 0.00" N."""


def degrees(row: Mapping[str, str], key: str, where: str) -> float:
    """Return an angle: a number, or degrees, minutes, seconds with a hemisphere's letter or word.

    Raises:
        BadTableError: it is none, or its hemisphere is that of the other axis.
    """
    text = row.get(key, "").strip()
    front = _FRONT.match(text)
    back = None if front else _BACK.search(text)
    inner = text[front.end() if front else 0 : back.start() if back else None]
    found = None if _is_number(text) else _ANGLE.fullmatch(inner)
    if found is None:
        return number(row, key, where)
    word = front or back
    letter = word.group(1)[0].upper() if word else ""
    if letter and letter not in ("NS" if "latitude" in key else "EW"):
        raise BadTableError(f"{where}: {key} {text!r} names the other axis; exchange the two")
    parts = [float((part or "0").replace(",", ".")) for part in found.groups()[1:]]
    value = math.fsum(part / 60.0**place for place, part in enumerate(parts))
    return -value if found.group(1) == "-" or letter in ("S", "W") else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def optional(row: Mapping[str, str], key: str, where: str) -> float | None:
    """Return a number, or None where the cell is empty."""
    return number(row, key, where) if row.get(key) else None


def positive(row: Mapping[str, str], key: str, where: str) -> float | None:
    """Return a length above 0, or None where the cell is empty.

    Raises:
        BadTableError: it is none.
    """
    value = optional(row, key, where)
    if value is not None and value <= 0:
        raise BadTableError(f"{where}: {key} {value:g} is not above 0; correct it or leave it out")
    return value


def moment(row: Mapping[str, str], where: str) -> datetime | None:
    """`captured_at`, or None where it is empty.

    Raises:
        BadTableError: it is no ISO 8601 date.
    """
    text = row.get("captured_at")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTableError(
            f"{where}: captured_at {text!r} is no ISO 8601 date; write 2024-05-31T12:00:00Z"
        ) from error


def _wkt_corners(text: str, where: str) -> tuple[Position, ...]:
    found = re.fullmatch(r"POLYGON\s*\(\(([^()]+)\)\)", text.strip(), re.IGNORECASE)
    points = [] if found is None else [point.split() for point in found.group(1).split(",")]
    if len(points) != 5 or any(len(point) < 2 for point in points):
        raise BadTableError(f"{where}: footprint {text[:40]!r} is no POLYGON of four corners")
    try:
        return tuple((float(point[1]), float(point[0])) for point in points[:4])
    except ValueError as error:
        raise BadTableError(f"{where}: footprint {text[:40]!r} has a bad number") from error


def _on_earth(ring: tuple[Position, ...], where: str) -> tuple[Position, ...]:
    for latitude, longitude in ring:
        # Our own export writes a polygon across the antimeridian with longitudes beyond 180.
        east = wrap_longitude(longitude) if abs(longitude) <= 360.0 else longitude
        check_position(latitude, east, f"{where}: footprint")
    return ring


def corners(
    row: Mapping[str, str], latitude: float, longitude: float, where: str
) -> tuple[Position, ...] | None:
    """Return four corners, clockwise from the top left: of a ring, a side length or a box.

    Raises:
        BadTableError: they are no place on Earth.
    """
    if row.get(RING):
        ring = tuple((north, east) for north, east in json.loads(row[RING]))
        return _on_earth(ring, where)
    if row.get("footprint"):
        return _on_earth(_wkt_corners(row["footprint"], where), where)
    side_m = positive(row, "ground_m", where)
    if side_m is not None:
        heading_deg = optional(row, "heading_deg", where) or 0.0
        return square_corners(latitude, longitude, side_m, side_m, heading_deg)
    if all(row.get(key) for key in ("west", "south", "east", "north")):
        west, south, east, north = (
            number(row, key, where) for key in ("west", "south", "east", "north")
        )
        check_position(south, west, where)
        check_position(north, east, where)
        return (north, west), (north, east), (south, east), (south, west)
    return None
