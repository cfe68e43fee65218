"""The focal length of a photo, from its field of view.

A focal length is in sides of the photo's centre square, as positions in the photo are.
"""

import math

from indexer.errors import BadFieldOfViewError

LEAST_DEG, MOST_DEG = 1.0, 150.0
"""Bounds of a field of view. Our choice: wider lenses are fisheyes, which no pinhole resembles."""


def focal_of(fov_deg: float, width: int, height: int) -> float:
    """Return the focal length of a pinhole camera.

    Args:
        fov_deg: the angle across the width of the upright photo.
        width: of the photo, any unit.
        height: in the same unit.

    Raises:
        BadFieldOfViewError: the angle is out of its range.
    """
    if not LEAST_DEG <= fov_deg <= MOST_DEG:
        raise BadFieldOfViewError(
            f"fov_deg {fov_deg:g}: send the angle across the photo's width, "
            f"{LEAST_DEG:g} to {MOST_DEG:g} degrees"
        )
    return width / 2 / math.tan(math.radians(fov_deg) / 2) / min(width, height)
