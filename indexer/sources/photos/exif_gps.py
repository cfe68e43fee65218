"""Position, altitude and direction in EXIF's GPS directory, and the same tags inside XMP.

Source: EXIF 2.32, GPS attribute information; XMP specification part 2, namespace `exif`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from indexer.records import Position
from indexer.sources.photos.camera_xmp import number_of
from indexer.sources.photos.xmp import XmpValues, namespace_key

_EXIF = namespace_key("http://ns.adobe.com/exif/1.0/")
_XMP_ANGLE = re.compile(r"[+-]?[\d.]+(?:[, ]+[\d.]+){0,2}")

LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4
ALTITUDE_REF, ALTITUDE, STATUS, DIRECTION_REF, DIRECTION = 5, 6, 9, 16, 17

GpsTags = Mapping[int, Any]
"""EXIF's GPS directory as Pillow gives it."""


def tags_in_xmp(values: XmpValues) -> dict[int, Any]:
    """Return the `exif:GPS...` properties of a packet as EXIF's GPS directory has them."""
    tags: dict[int, Any] = {}
    for name, value, reference in (
        ("GPSLatitude", LATITUDE, LATITUDE_REF),
        ("GPSLongitude", LONGITUDE, LONGITUDE_REF),
    ):
        text = values.get((_EXIF, name), "").strip()
        found = _XMP_ANGLE.match(text)
        if found is not None:
            parts = [number_of(part) for part in re.split("[, ]+", found.group())]
            letter = text[found.end() :].strip() or values.get((_EXIF, name + "Ref"), "")
            tags |= {value: parts, reference: letter}
    for name, tag in (("GPSAltitude", ALTITUDE), ("GPSImgDirection", DIRECTION)):
        number = number_of(values.get((_EXIF, name), ""))
        if number is not None:
            tags[tag] = number
    for name, tag in (("GPSStatus", STATUS), ("GPSImgDirectionRef", DIRECTION_REF)):
        tags[tag] = values.get((_EXIF, name), "")
    tags[ALTITUDE_REF] = number_of(values.get((_EXIF, "GPSAltitudeRef"), "")) or 0
    return tags


def position_in(tags: GpsTags) -> Position | None:
    """Return (latitude, longitude), degrees WGS 84; None without a fix.

    A receiver without a fix writes zeros, fractions of zero, or the status V (void).
    """
    if _letter(tags.get(STATUS)) == "V":
        return None
    latitude = _degrees(tags.get(LATITUDE), _letter(tags.get(LATITUDE_REF)), "S")
    longitude = _degrees(tags.get(LONGITUDE), _letter(tags.get(LONGITUDE_REF)), "W")
    return usable(latitude, longitude)


def usable(latitude: float | None, longitude: float | None) -> Position | None:
    """Return a position that a receiver can have measured, None for zeros and impossible ones."""
    if latitude is None or longitude is None:
        return None
    on_earth = abs(latitude) <= 90.0 and abs(longitude) <= 180.0
    zeros = abs(latitude) < 1e-6 and abs(longitude) < 1e-6
    return (latitude, longitude) if on_earth and not zeros else None


def altitude_in(tags: GpsTags) -> tuple[float | None, str | None]:
    """Return (altitude_m, datum): "msl" or "ellipsoid"; (None, None) where none is given."""
    value = _number(tags.get(ALTITUDE))
    if value is None:
        return None, None
    reference = tags.get(ALTITUDE_REF) or 0
    # Pillow gives the one byte as bytes; XMP writes a digit.
    code = reference[0] if isinstance(reference, bytes) else _number(reference)
    # EXIF 2.32: 0 and 1 are above and below sea level, 3.0 adds 2 and 3 for the ellipsoid.
    sign = -1.0 if code in (1, 3) else 1.0
    return sign * value, "ellipsoid" if code in (2, 3) else "msl"


def direction_in(tags: GpsTags) -> float | None:
    """Return where the camera looked, degrees from true north; None without one or by compass."""
    value = _number(tags.get(DIRECTION))
    if value is None or _letter(tags.get(DIRECTION_REF)) not in ("T", ""):
        return None
    return value % 360.0


def _letter(reference: Any) -> str:
    text = reference.decode("latin-1") if isinstance(reference, bytes) else str(reference or "")
    return text.strip("\0 ").upper()[:1]


def _degrees(parts: Any, letter: str, negative: str) -> float | None:
    """Signed degrees of up to three numbers: degrees, minutes, seconds."""
    try:
        numbers = [float(part) for part in (parts if isinstance(parts, list | tuple) else [parts])]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not 1 <= len(numbers) <= 3 or not all(math.isfinite(number) for number in numbers):
        return None
    value = math.fsum(number / 60.0**place for place, number in enumerate(numbers))
    return -value if letter == negative else value


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None
