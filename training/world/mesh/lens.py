"""Projections that the rasteriser knows: a pinhole camera, and a parallel view along a direction.

Both map a world point to a position on the image and to a `nearness` that grows towards the
viewer and is linear on the image: 1 / depth for a pinhole, minus the depth for a parallel view.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


class Projection(NamedTuple):
    """What the kernels need of a lens; see there."""

    frame_43: F64
    half_width: float
    is_parallel: bool


NEAR_M = 0.5
"""Our choice: a pinhole shows nothing nearer than this; a drone keeps farther off than that."""


@dataclass(frozen=True, kw_only=True)
class Lens:
    """One projection of world metres onto a square image of `side_px`.

    `frame` has four rows [4, 3]: the origin, then unit vectors to the image's right, its top, and
    away from the viewer. `half_width` is the tangent of half the field of view of a pinhole, or
    half the image's width in metres of a parallel view.
    """

    frame: F64
    half_width: float
    is_parallel: bool
    side_px: int

    @property
    def projection(self) -> Projection:
        """The lens as the kernels take it."""
        return Projection(self.frame, self.half_width, self.is_parallel)

    def sees(self, low_N3: F64, high_N3: F64) -> NDArray[np.bool_]:
        """Return which axis-parallel boxes may reach into the image, bool [N].

        A box counts as visible unless all its corners lie beyond one side of the view.
        """
        pick_83 = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)], dtype=bool)
        corners_N83 = np.where(pick_83, high_N3[:, None], low_N3[:, None]) - self.frame[0]
        right_N8, up_N8, depth_N8 = (corners_N83 @ axis for axis in self.frame[1:])
        if self.is_parallel:
            limit_N8 = np.full_like(depth_N8, self.half_width)
            is_behind_N = np.zeros(len(low_N3), dtype=bool)
        else:
            limit_N8 = depth_N8 * self.half_width
            is_behind_N = (depth_N8 < NEAR_M).all(axis=1)
        is_beside_N = (
            (right_N8 > limit_N8).all(axis=1)
            | (-right_N8 > limit_N8).all(axis=1)
            | (up_N8 > limit_N8).all(axis=1)
            | (-up_N8 > limit_N8).all(axis=1)
        )
        return np.asarray(~(is_behind_N | is_beside_N))


def pinhole(
    eye: tuple[float, float, float],
    axes: tuple[tuple[float, float, float], ...],
    field_of_view_deg: float,
    side_px: int,
) -> Lens:
    """Return the projection of a camera at `eye` with axes right, up and forward."""
    return Lens(
        frame=np.array([eye, *axes], dtype=np.float64),
        half_width=math.tan(math.radians(field_of_view_deg) / 2),
        is_parallel=False,
        side_px=side_px,
    )


def from_above(x_m: float, y_m: float, z_m: float, width_m: float, side_px: int) -> Lens:
    """Return the orthographic view straight down, north up, centred on (x, y).

    `z_m` is any height; depths count from there.
    """
    axes = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)]
    frame = np.array([(x_m, y_m, z_m), *axes], dtype=np.float64)
    return Lens(frame=frame, half_width=width_m / 2, is_parallel=True, side_px=side_px)


def towards_sun(sun: tuple[float, float, float], points_N3: F64, side_px: int) -> Lens:
    """Return the parallel view from the sun that just holds the points.

    `sun` is the unit vector from the ground to the sun.
    """
    away = -np.array(sun, dtype=np.float64)
    right = np.cross(away, (0.0, 0.0, 1.0))
    length = np.linalg.norm(right)
    right = right / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    up = np.cross(right, away)
    across_N, along_N = points_N3 @ right, points_N3 @ up
    middle = (across_N.min() + across_N.max()) / 2, (along_N.min() + along_N.max()) / 2
    half = max(np.ptp(across_N), np.ptp(along_N), 1.0) / 2 + 1.0
    origin = middle[0] * right + middle[1] * up
    return Lens(
        frame=np.stack([origin, right, up, away]),
        half_width=float(half),
        is_parallel=True,
        side_px=side_px,
    )
