"""When a photo was taken, by its EXIF: the camera's clock with its zone, else the satellites'.

Source: EXIF 2.32, DateTimeOriginal, OffsetTimeOriginal, GPSDateStamp and GPSTimeStamp (UTC).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_TAKEN, _OFFSET = 0x9003, 0x9011
_GPS_TIME, _GPS_DATE = 0x07, 0x1D

WIDEST_ZONE = timedelta(hours=15)
"""Our choice: zones reach from -12 to +14 hours; a GPS time further off is old or false."""


def taken(details: Mapping[int, Any], gps: Mapping[int, Any]) -> datetime | None:
    """Return the moment of capture; without a zone where the photo names none.

    Args:
        details: the photo's Exif directory.
        gps: its GPS directory.
    """
    clock = _text(details, _TAKEN)
    zoned = _parsed(clock + _text(details, _OFFSET), "%Y:%m:%d %H:%M:%S%z")
    if zoned is not None:
        return zoned
    local, satellites = _parsed(clock, "%Y:%m:%d %H:%M:%S"), _gps_moment(gps)
    if local is None or satellites is None:
        return local or satellites
    return satellites if abs(satellites - local.replace(tzinfo=UTC)) <= WIDEST_ZONE else local


def _gps_moment(gps: Mapping[int, Any]) -> datetime | None:
    day = _parsed(_text(gps, _GPS_DATE) + "+0000", "%Y:%m:%d%z")
    try:
        hours, minutes, seconds = (float(part) for part in gps[_GPS_TIME])
        past_midnight = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if day is None or not timedelta(0) <= past_midnight < timedelta(days=1):
        return None
    return day + past_midnight


def _text(tags: Mapping[int, Any], tag: int) -> str:
    return str(tags.get(tag) or "").strip("\0 ")


def _parsed(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)
    except ValueError:
        return None
