"""What drone makers write into XMP: the table of their dialects, and one reading of all.

Sources: DJI "Image Metadata" (including the misspelt `GpsLongtitude` of several models; newer
Autel models write the same namespace under another prefix), Parrot "Embedded Photo Metadata",
Pix4D camera tags (also senseFly, older Autel, Sentera, MicaSense), Skydio's photos as OpenAthena
reads them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.sources.photos.xmp import XmpValues, namespace_key


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Names of one maker's values; the first one that holds a number counts.

    `height` counts from take-off or the ground below, `altitude` from mean sea level. `yaw` is
    clockwise from north; `straight_down_deg` is the `pitch` of a camera that looks straight down.
    `focal_px` is in pixels.
    """

    namespace: str
    latitude: tuple[str, ...] = ()
    longitude: tuple[str, ...] = ()
    height: tuple[str, ...] = ()
    altitude: tuple[str, ...] = ()
    yaw: tuple[str, ...] = ()
    pitch: tuple[str, ...] = ()
    straight_down_deg: float = -90.0
    focal_px: tuple[str, ...] = ()


DIALECTS = (
    Dialect(
        namespace="http://www.dji.com/drone-dji/1.0/",
        latitude=("GpsLatitude", "Latitude"),
        longitude=("GpsLongitude", "GpsLongtitude", "Longitude", "Longtitude"),
        height=("RelativeAltitude",),
        altitude=("AbsoluteAltitude",),
        yaw=("GimbalYawDegree", "FlightYawDegree"),
        pitch=("GimbalPitchDegree",),
        focal_px=("CalibratedFocalLength",),
    ),
    Dialect(
        namespace="https://www.skydio.com/drone-skydio/1.0/",
        latitude=("Latitude",),
        longitude=("Longitude",),
        height=("RelativeAltitude",),
        altitude=("AbsoluteAltitude",),
        yaw=("CameraOrientationNED/Yaw", "GimbalYawDegree", "CameraYawDegree"),
        pitch=("CameraOrientationNED/Pitch", "GimbalPitchDegree", "CameraPitchDegree"),
        focal_px=("CalibratedFocalLength",),
    ),
    Dialect(
        namespace="http://www.parrot.com/drone-parrot/1.0/",
        yaw=("CameraYawDegree", "DroneYawDegree"),
        pitch=("CameraPitchDegree",),
    ),
    Dialect(
        namespace="http://pix4d.com/camera/1.0/",
        height=("AboveGroundAltitude",),
        yaw=("Yaw",),
        pitch=("Pitch",),
        straight_down_deg=0.0,
    ),
    Dialect(
        namespace="http://ns.sensefly.com/Camera/1.0/",
        height=("AboveGroundAltitude",),
        yaw=("Yaw",),
        pitch=("Pitch",),
        straight_down_deg=0.0,
    ),
)
"""The dialects in the order in which each value is looked up."""


@dataclass(frozen=True, kw_only=True)
class CameraXmp:
    """Camera values of a packet; None where it has no usable one.

    Degrees, metres, pixels. `position` may still be a receiver's zeros. A `pitch_deg` of -90
    looks straight down, whatever the maker counts from.
    """

    position: tuple[float, float] | None = None
    height_m: float | None = None
    altitude_m: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    focal_px: float | None = None


def read_camera(values: XmpValues) -> CameraXmp:
    """Return each value from the first dialect that holds it."""
    spaces = [(dialect, namespace_key(dialect.namespace)) for dialect in DIALECTS]
    places = (
        (_number(values, space, dialect.latitude), _number(values, space, dialect.longitude))
        for dialect, space in spaces
    )
    pitches = (
        None if pitch is None else _folded(pitch - dialect.straight_down_deg - 90.0)
        for dialect, space in spaces
        if (pitch := _number(values, space, dialect.pitch)) is not None
    )
    yaw_deg = _first(_number(values, space, dialect.yaw) for dialect, space in spaces)
    return CameraXmp(
        position=next(
            ((lat, lon) for lat, lon in places if lat is not None and lon is not None), None
        ),
        height_m=_first(_number(values, space, dialect.height) for dialect, space in spaces),
        altitude_m=_first(_number(values, space, dialect.altitude) for dialect, space in spaces),
        yaw_deg=None if yaw_deg is None else yaw_deg % 360.0,
        pitch_deg=_first(pitches),
        focal_px=_first(_number(values, space, dialect.focal_px) for dialect, space in spaces),
    )


def number_of(text: str) -> float | None:
    """Return a finite number, written with a point, a decimal comma or as a fraction."""
    top, _, bottom = text.strip().partition("/")
    if "." not in top:
        top = top.replace(",", ".")
    try:
        value = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _number(values: XmpValues, space: str, names: tuple[str, ...]) -> float | None:
    return _first(number_of(values.get((space, name), "")) for name in names)


def _first(numbers: Iterator[float | None]) -> float | None:
    return next((number for number in numbers if number is not None), None)


def _folded(angle_deg: float) -> float:
    return angle_deg if -180.0 <= angle_deg <= 180.0 else (angle_deg + 180.0) % 360.0 - 180.0
