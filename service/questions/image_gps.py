"""The position that a camera wrote into its image (EXIF), read only when the caller asks for it."""

import io
import math
import warnings

from PIL import ExifTags, Image

from model.images import FORMATS

Position = tuple[float, float]
"""(latitude, longitude), degrees WGS 84."""


def position_inside(data: bytes) -> Position | None:
    """Where the EXIF GPS tags of an image say it was taken; None without usable ones.

    A (0, 0) is what receivers write before their first fix, and is no position here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                tags = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
            latitude = _degrees(tags, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S")
            longitude = _degrees(tags, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W")
        except Exception:  # damaged metadata is no metadata
            return None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or latitude == longitude == 0:
        return None
    return latitude, longitude


def _degrees(tags: dict[int, object], value: int, reference: int, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in tags[value])  # type: ignore[attr-defined]
    sign = -1.0 if str(tags.get(reference, "")).strip().upper() == negative else 1.0
    total = sign * (degrees + minutes / 60 + seconds / 3600)
    return total if math.isfinite(total) else math.inf
