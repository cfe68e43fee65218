"""One rendered image with its true geometry."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LatLon = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class View:
    """One image and its true geometry; degrees WGS 84, metres above ground.

    `latitude`/`longitude` are the camera's (drone) or the tile's middle (satellite); `target` is
    the ground point at the image's middle. `pixels` are RGB uint8 [S, S, 3].
    """

    kind: str
    latitude: float
    longitude: float
    altitude_m: float | None
    heading_deg: float
    gimbal_pitch_deg: float
    gsd_m: float
    field_of_view_deg: float | None
    footprint: tuple[LatLon, ...]
    target: LatLon
    jpeg_quality: int
    pixels: NDArray[np.uint8]
    flight_id: str = ""
    captured_at: str = ""
    weather: str = ""
