"""Another season on a mesh's colours: plants change, leaves fall, snow lies on what is level."""

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import value_noise

F32 = NDArray[np.float32]
_PLANT_RGB = {
    "lush": (0.62, 1.02, 0.45),
    "dry": (1.22, 1.06, 0.68),
    "autumn": (1.3, 0.92, 0.5),
    "bare": (1.02, 0.95, 0.86),
}
"""Our choice: a plant's colour over its brightness, between those of the overhead sets."""
_SNOW_RGB = (226.0, 231.0, 238.0)


def in_season(colour_HW3: F32, point_HW3: F32, normal_HW3: F32, season: str, share: float) -> F32:
    """Return colours (0-255) in a season that shows by `share` (0-1)."""
    if season == "as flown":
        return colour_HW3
    if season == "snow":
        cover_HW = np.zeros(colour_HW3.shape[:2], np.float32)
        _snow_cover(point_HW3, normal_HW3, share, cover_HW)
        return _blended(colour_HW3, np.array(_SNOW_RGB, np.float32), cover_HW)
    brightness_HW1 = colour_HW3.mean(axis=2, keepdims=True)
    target_HW3 = brightness_HW1 * np.array(_PLANT_RGB[season], np.float32)
    return _blended(colour_HW3, target_HW3, share * greenness(colour_HW3))


def greenness(colour_HW3: F32) -> F32:
    """Return how surely a pixel is a plant, 0-1, from its excess of green over red and blue."""
    total = colour_HW3.sum(axis=2) + np.float32(1.0)
    excess = (2 * colour_HW3[..., 1] - colour_HW3[..., 0] - colour_HW3[..., 2]) / total
    sure: F32 = np.clip((excess - 0.02) / 0.08, 0.0, 1.0).astype(np.float32)
    return sure


def _blended(colour_HW3: F32, target: F32, share_HW: F32) -> F32:
    return (colour_HW3 + share_HW[..., None] * (target - colour_HW3)).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _snow_cover(point_HW3: F32, normal_HW3: F32, share: float, cover_HW: F32) -> None:
    """Write how much snow hides each pixel: much on level ground, in patches, none on walls."""
    for row in range(cover_HW.shape[0]):
        for column in range(cover_HW.shape[1]):
            level = (normal_HW3[row, column, 2] - 0.55) / 0.3
            if level <= 0.0:
                continue
            x, y = point_HW3[row, column, 0], point_HW3[row, column, 1]
            patch = 0.6 * value_noise(41, x / 9.0, y / 9.0) + 0.4 * value_noise(43, x, y)
            deep = (patch + 0.8 * share - 0.75) / 0.3
            cover_HW[row, column] = 0.85 * min(level, 1.0) * min(max(deep, 0.0), 1.0)
