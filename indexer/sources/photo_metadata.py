"""What a drone camera writes into a photo: EXIF position and DJI's XMP.

Source: EXIF 2.32, DJI "Image Metadata" (XMP name space drone-dji), including the misspelt
`GpsLongtitude` of several models.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from indexer.errors import SourceError
from indexer.sources.photo_time import taken
from model.images import FORMATS

_GPS_IFD, _EXIF_IFD = 0x8825, 0x8769
_FOCAL_35MM = 0xA405
_XMP = re.compile(rb"(?<!/)drone-dji:(\w+)\s*(?:=\s*\"([^\"]*)\"|>\s*([^<]*)<)")
_DIAGONAL_35MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class PhotoMetadata:
    """Where and how a photo was taken; degrees WGS 84, metres, pixels.

    `altitude_m` counts from `altitude_datum`: "takeoff" (DJI RelativeAltitude), "msl" or
    "ellipsoid" (EXIF). Angles are the gimbal's, which says where the camera looks; the aircraft's
    own yaw stands in only where the gimbal's is missing. `focal_px` is in pixels of the full size.
    A `captured_at` without a zone counts as UTC.
    """

    latitude: float
    longitude: float
    altitude_m: float | None
    altitude_datum: str | None
    heading_deg: float | None
    gimbal_pitch_deg: float | None
    captured_at: datetime | None
    width_px: int
    height_px: int
    focal_px: float | None

    @property
    def ground_m(self) -> tuple[float, float] | None:
        """(width, height) of the ground in the picture, m, over flat ground, looking down.

        None where the camera does not look down within 10 degrees, or the height above take-off
        or the focal length is unknown.
        """
        if self.altitude_datum != "takeoff" or not self.altitude_m or not self.focal_px:
            return None
        if self.gimbal_pitch_deg is None or self.gimbal_pitch_deg > -80.0:
            return None
        scale = self.altitude_m / self.focal_px
        return self.width_px * scale, self.height_px * scale


def read_photo_metadata(path: Path) -> PhotoMetadata:
    """Read a photo's metadata; its pixels are not decoded.

    Raises:
        SourceError: it cannot be read, or has no position.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            exif = image.getexif()
            gps, details = exif.get_ifd(_GPS_IFD), exif.get_ifd(_EXIF_IFD)
            dji = read_dji(image.info.get("xmp") or b"")
            size = image.size
    except FileNotFoundError:
        raise
    except Exception as error:
        raise SourceError(f"{path.name} is not a photo that can be read; copy it again") from error
    place = _dji_position(dji) or _exif_position(gps)
    if place is None:
        raise SourceError(f"{path.name} has no GPS position; give a CSV with its position")
    altitude_m, datum = _altitude(dji, gps)
    return PhotoMetadata(
        latitude=place[0],
        longitude=place[1],
        altitude_m=altitude_m,
        altitude_datum=datum,
        heading_deg=_heading(dji),
        gimbal_pitch_deg=_first(dji, "GimbalPitchDegree"),
        captured_at=taken(details, gps),
        width_px=size[0],
        height_px=size[1],
        focal_px=_focal_px(dji, details, size),
    )


def read_dji(xmp: bytes | str) -> dict[str, str]:
    """The drone-dji values of an XMP packet, written as attributes or as elements."""
    data = xmp.encode() if isinstance(xmp, str) else xmp
    return {
        key.decode(): (attribute or element).decode(errors="replace").strip()
        for key, attribute, element in _XMP.findall(data)
    }


def _first(values: dict[str, str], *names: str) -> float | None:
    for name in names:
        try:
            value = float(values[name])
        except (KeyError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None


def _dji_position(dji: dict[str, str]) -> tuple[float, float] | None:
    latitude = _first(dji, "GpsLatitude", "Latitude")
    longitude = _first(dji, "GpsLongitude", "GpsLongtitude", "Longitude")
    if latitude is None or longitude is None or (latitude == 0.0 and longitude == 0.0):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _exif_position(gps: dict[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(gps.get(2), gps.get(1), "S")
    longitude = _degrees(gps.get(4), gps.get(3), "W")
    if latitude is None or longitude is None:
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _degrees(parts: Any, letter: Any, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        return None
    return -value if str(letter or "").strip("\0 ").upper() == negative else value


def _altitude(dji: dict[str, str], gps: dict[int, Any]) -> tuple[float | None, str | None]:
    above_takeoff = _first(dji, "RelativeAltitude")
    if above_takeoff is not None:
        return above_takeoff, "takeoff"
    try:
        value = float(gps[6])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        absolute = _first(dji, "AbsoluteAltitude")
        return absolute, None if absolute is None else "msl"
    reference = gps.get(5, b"\0")
    code = reference[0] if isinstance(reference, bytes) and reference else int(reference or 0)
    # EXIF 2.32: 0 and 1 are above and below sea level, 3.0 adds 2 and 3 for the ellipsoid.
    sign = -1.0 if code in (1, 3) else 1.0
    return sign * value, "ellipsoid" if code in (2, 3) else "msl"


def _heading(dji: dict[str, str]) -> float | None:
    yaw = _first(dji, "GimbalYawDegree", "FlightYawDegree")
    return None if yaw is None else yaw % 360.0


def _focal_px(dji: dict[str, str], details: dict[int, Any], size: tuple[int, int]) -> float | None:
    calibrated = _first(dji, "CalibratedFocalLength")
    if calibrated:
        return calibrated
    try:
        equivalent_mm = float(details.get(_FOCAL_35MM) or 0)
    except (TypeError, ValueError):
        return None
    if not equivalent_mm > 0:
        return None
    return equivalent_mm / _DIAGONAL_35MM * math.hypot(*size)
