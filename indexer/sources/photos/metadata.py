"""Where and how a photo was taken: XMP before EXIF, for the indexer and for uploads alike."""

import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from indexer.errors import SourceError
from indexer.records import Position
from indexer.sources.photos.camera_xmp import CameraXmp, read_camera
from indexer.sources.photos.capture_time import taken
from indexer.sources.photos.exif_gps import (
    altitude_in,
    direction_in,
    position_in,
    tags_in_xmp,
    usable,
)
from indexer.sources.photos.xmp import read_xmp
from model.images import open_header

_GPS_IFD, _EXIF_IFD, _ORIENTATION, _XMP_TAG = 0x8825, 0x8769, 0x0112, 700
_MODEL = 0x0110
_FOCAL_35MM, _FULL_WIDTH, _FULL_HEIGHT = 0xA405, 0xA002, 0xA003
_DIAGONAL_35MM = math.hypot(36.0, 24.0)

STRAIGHT_DOWN_DEG = 10.0
"""Our choice: a camera within this angle of straight down shows a rectangle of the ground."""

WIDE = 1.6
"""Ratio of the sides from which a photo counts as the full width of a 4:3 sensor, whose diagonal
the 35 mm equivalent is about. Our choice: the 24 mm of a DJI FC3170 then
are 0.69 of the width of its 16:9 photos; 0.70 (0.68 to 0.73) was measured between six pairs of
overlapping photos of known height."""


@dataclass(frozen=True, kw_only=True)
class PhotoMetadata:
    """Where and how a photo was taken; degrees WGS 84, metres, pixels.

    `position` is None where the photo has none or its receiver had no fix. `altitude_m` counts
    from `altitude_datum`: "takeoff" (height above take-off or the ground), "msl" or "ellipsoid".
    Angles are the camera's; the aircraft's own yaw stands in only where the camera's is missing.
    `width_px`, `height_px` and `focal_px` are the sensor's, before `orientation` (EXIF) is
    applied. A `captured_at` without a zone counts as UTC.
    """

    position: Position | None
    altitude_m: float | None
    altitude_datum: str | None
    heading_deg: float | None
    gimbal_pitch_deg: float | None
    captured_at: datetime | None
    width_px: int
    height_px: int
    focal_px: float | None
    orientation: int = 1
    camera: str | None = None
    """Model of the camera."""

    @property
    def ground_m(self) -> tuple[float, float] | None:
        """(width, height) of the ground in the picture, m, over flat ground, looking down.

        None where the camera does not look down within 10 degrees, or the height above take-off
        is unknown or not above 0, or the focal length is unknown.
        """
        if self.altitude_datum != "takeoff" or not self.altitude_m or not self.focal_px:
            return None
        if self.altitude_m <= 0.0 or self.gimbal_pitch_deg is None:
            return None
        if abs(self.gimbal_pitch_deg + 90.0) > STRAIGHT_DOWN_DEG:
            return None
        scale = self.altitude_m / self.focal_px
        return self.width_px * scale, self.height_px * scale


def photo_position(photo: bytes) -> Position | None:
    """Return the (latitude, longitude) inside an encoded photo; None without a usable one.

    Degrees WGS 84. The pixels are not decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_header(io.BytesIO(photo)) as image:
                return _metadata_of(image).position()
    except Exception:  # what is no image has no position
        return None


def header_position(exif: Image.Exif, xmp: bytes) -> Position | None:
    """Return the (latitude, longitude) in a header that was read already, as `photo_position`."""
    return _Metadata(exif, xmp or exif.get(_XMP_TAG), (0, 0)).position()


def header_focal(exif: Image.Exif, xmp: bytes, size: tuple[int, int]) -> float | None:
    """Return the focal length in sides of the photo's centre square; None where nothing says it.

    Args:
        exif: of a header that was read already.
        xmp: the packet of the same header; empty without one.
        size: of the whole photo, px; upright or not.
    """
    focal_px = _Metadata(exif, xmp or exif.get(_XMP_TAG), size).focal_px()
    return None if focal_px is None else focal_px / min(size)


def read_photo_metadata(path: Path) -> PhotoMetadata:
    """Read a photo's metadata; its pixels are not decoded.

    Raises:
        SourceError: it is no photo that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_header(path) as image:
                return _metadata_of(image).everything()
    except FileNotFoundError:
        raise
    except Exception as error:
        raise SourceError(f"{path.name} is not a photo that can be read; copy it again") from error


def _metadata_of(image: Image.Image) -> "_Metadata":
    try:
        exif = image.getexif()
    except Exception:  # damaged metadata is no metadata
        exif = Image.Exif()
    return _Metadata(exif, image.info.get("xmp") or exif.get(_XMP_TAG), image.size)


class _Metadata:
    """The metadata blocks of one image; a damaged block counts as none."""

    def __init__(self, exif: Image.Exif, packet: Any, size: tuple[int, int]) -> None:
        self._size = size
        self._exif = _directory(exif, None)
        self._gps = _directory(exif, _GPS_IFD)
        self._details = _directory(exif, _EXIF_IFD)
        values = read_xmp(packet if isinstance(packet, bytes | str) else b"")
        self._camera: CameraXmp = read_camera(values)
        self._gps_in_xmp = tags_in_xmp(values)

    def position(self) -> Position | None:
        """Return the first usable position: the maker's XMP, XMP's own EXIF tags, EXIF."""
        maker = self._camera.position
        return (
            (usable(*maker) if maker is not None else None)
            or position_in(self._gps_in_xmp)
            or position_in(self._gps)
        )

    def everything(self) -> PhotoMetadata:
        altitude_m, datum = self._altitude()
        heading_deg = self._camera.yaw_deg
        for tags in (self._gps_in_xmp, self._gps):
            heading_deg = direction_in(tags) if heading_deg is None else heading_deg
        orientation = self._exif.get(_ORIENTATION, 1)
        return PhotoMetadata(
            position=self.position(),
            altitude_m=altitude_m,
            altitude_datum=datum,
            heading_deg=heading_deg,
            gimbal_pitch_deg=self._camera.pitch_deg,
            captured_at=taken(self._details, self._gps),
            width_px=self._size[0],
            height_px=self._size[1],
            focal_px=self.focal_px(),
            orientation=orientation if orientation in range(1, 9) else 1,
            camera=str(self._exif.get(_MODEL) or "").strip("\0 ") or None,
        )

    def _altitude(self) -> tuple[float | None, str | None]:
        if self._camera.height_m is not None:
            return self._camera.height_m, "takeoff"
        for tags in (self._gps, self._gps_in_xmp):
            altitude_m, datum = altitude_in(tags)
            if altitude_m is not None:
                return altitude_m, datum
        absolute_m = self._camera.altitude_m
        return absolute_m, None if absolute_m is None else "msl"

    def focal_px(self) -> float | None:
        """Focal length in pixels: calibrated, else from the 35 mm equivalent."""
        calibrated = self._camera.focal_px
        if calibrated is not None and calibrated > 0:
            return calibrated * self._shrunk()
        try:
            equivalent_mm = float(self._details.get(_FOCAL_35MM) or 0)
        except (TypeError, ValueError, ZeroDivisionError):
            return None
        if not 0 < equivalent_mm < math.inf:
            return None
        long_px, short_px = max(self._size), min(self._size)
        is_wide = long_px > WIDE * short_px
        diagonal_px = math.hypot(long_px, 0.75 * long_px if is_wide else short_px)
        return equivalent_mm / _DIAGONAL_35MM * diagonal_px

    def _shrunk(self) -> float:
        """By how much the photo was made smaller after it was taken, from the size in EXIF."""
        try:
            full_px = max(int(self._details[_FULL_WIDTH]), int(self._details[_FULL_HEIGHT]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return 1.0
        return min(1.0, max(self._size) / full_px) if full_px > 0 else 1.0


def _directory(exif: Image.Exif, which: int | None) -> Mapping[int, Any]:
    try:
        return dict(exif) if which is None else dict(exif.get_ifd(which))
    except Exception:  # damaged metadata is no metadata
        return {}
