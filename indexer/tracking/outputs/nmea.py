"""The camera's track as NMEA 0183 sentences: GGA and RMC for each frame.

Source: NMEA 0183 as the gpsd project describes its sentences. Receivers take the position for the
vehicle's, so that of the ground in the photo is never written.
"""

import math
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor

from indexer.errors import NoCameraError
from indexer.tracking.fixes import SURE_FROM, CameraFix, Fix, Track

ESTIMATED, INVALID = "6", "0"
"""GGA's quality indicator: estimated (dead reckoning), not from satellites; or no fix."""

METRES_OF_HDOP = 5.0
"""Radius of 68 % that counts as an HDOP of 1. Our choice."""

KNOT_M_S = 0.514444


def nmea(track: Track) -> str:
    """Return two sentences for each frame whose camera is known; times count from midnight.

    Frames of which the flight is not sure are marked as no fix.

    Raises:
        NoCameraError: the camera of no frame is known.
    """
    lines: list[str] = []
    for fix in track.fixes:
        if fix.camera is not None:
            lines += _sentences(fix, fix.camera, track.start)
    if not lines:
        raise NoCameraError(
            "NMEA carries the vehicle's position, and no frame shows where the camera was; give "
            "fov_deg, the angle of view, or write GeoJSON"
        )
    return "\r\n".join(lines) + "\r\n"


def _sentences(fix: Fix, camera: CameraFix, start: datetime | None) -> list[str]:
    moment = (start or datetime(1970, 1, 1, tzinfo=UTC)) + timedelta(seconds=fix.time_s)
    moment = moment.astimezone(UTC)
    clock = f"{moment:%H%M%S}.{moment.microsecond // 10_000:02d}"
    place = f"{_angle(camera.latitude, 'NS', 2)},{_angle(camera.longitude, 'EW', 3)}"
    hdop = min(99.9, camera.accuracy_m_68 / METRES_OF_HDOP)
    speed_knots = (fix.speed_m_s or 0.0) / KNOT_M_S
    day = f"{moment:%d%m%y}" if start is not None else ""
    is_sure = fix.confidence >= SURE_FROM
    quality, status = (ESTIMATED, "A") if is_sure else (INVALID, "V")
    return [
        _sentence(f"GPGGA,{clock},{place},{quality},00,{hdop:.1f},{camera.height_m:.1f},M,,M,,"),
        _sentence(f"GPRMC,{clock},{status},{place},{speed_knots:.1f},,{day},,,E"),
    ]


def _angle(degrees: float, signs: str, digits: int) -> str:
    """Return degrees and minutes with their hemisphere: 4916.4500000,N."""
    total_e7 = round(abs(degrees) * 60 * 1e7)
    whole, minutes_e7 = divmod(total_e7, 60 * 10**7)
    sign = signs[0] if math.copysign(1.0, degrees) > 0 else signs[1]
    return f"{whole:0{digits}d}{minutes_e7 // 10**7:02d}.{minutes_e7 % 10**7:07d},{sign}"


def _sentence(body: str) -> str:
    checksum = reduce(xor, body.encode("ascii"), 0)
    return f"${body}*{checksum:02X}"
