"""How a drone moves between two frames: what makes a step from place to place likely."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.errors import BadFilterError
from indexer.geo import distance_m
from indexer.records import Bounds

BREAK = 1e-3
"""Probability that the drone is not where its last frame and its speed allow: a second flight in
the folder, a clock that jumps. Our choice."""

HEADING_SIGMA_DEG = (15.0, 2.0)
"""Standard deviation of a change of heading, degrees: at once, and more for each second."""

STEADY_HEADING, STEADY_SIZE = 0.7, 0.7
"""Share of the steps in which heading and size change so little. Our choice: drones turn on the
spot at the end of a line."""

SIZE_SIGMA = (0.1, 0.02)
"""The same for the logarithm of the size of the ground in the photo."""

RANDOM_SIZE_SIGMA = 0.7
"""Standard deviation of the logarithm of the ratio of two random sizes. Our choice."""

SIGMAS = 2.0
"""Standard deviations of both positions that a step may be longer by."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Candidates as arrays [N]; unknown headings and sizes are NaN, angles in degrees, metres.

    `time_s` is the moment that each was taken at, `area_m2` the area that was searched for it.
    """

    time_s: NDArray[np.float64]
    north_m: NDArray[np.float64]
    east_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    size_m: NDArray[np.float64]
    area_m2: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Speed bound (m/s) and the area (m2) of the map.

    Raises:
        BadFilterError: a value is not above 0.
    """

    max_speed_m_s: float = 25.0
    area_m2: float = 1e6

    def __post_init__(self) -> None:
        if not 0 < self.max_speed_m_s < math.inf:
            raise BadFilterError(f"max speed {self.max_speed_m_s:g} m/s: must be above 0")
        if not 0 < self.area_m2 < math.inf:
            raise BadFilterError(f"area {self.area_m2:g} m2: must be above 0")

    def reach_m(self, elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the drone may be after so many seconds."""
        return self.max_speed_m_s * np.abs(elapsed_s)

    def log_gain(self, before: Places, after: Places) -> NDArray[np.float64]:
        """Return how much likelier each step is than one to a random place of the area: log [A, B].

        Symmetric in time, so that it serves a pass forward and one backward.

        Args:
            before: A places.
            after: B places.
        """
        elapsed_AB = after.time_s[None] - before.time_s[:, None]
        distance_AB = np.hypot(
            after.north_m[None] - before.north_m[:, None],
            after.east_m[None] - before.east_m[:, None],
        )
        sigma_AB = np.hypot(after.sigma_m[None], before.sigma_m[:, None])
        reach_AB = self.reach_m(elapsed_AB) + SIGMAS * sigma_AB
        beyond_AB = np.maximum(0.0, distance_AB - reach_AB) / np.maximum(sigma_AB, 1e-3)
        searched_AB = np.minimum(after.area_m2[None], before.area_m2[:, None])
        gain_AB = np.maximum(0.0, np.log(searched_AB / (math.pi * reach_AB**2)))
        gain_AB -= beyond_AB**2 / 2
        gain_AB += _heading_gain(before, after, elapsed_AB)
        gain_AB += _size_gain(before, after, elapsed_AB)
        return np.maximum(gain_AB, math.log(BREAK))


def _heading_gain(
    before: Places, after: Places, elapsed_AB: NDArray[np.float64]
) -> NDArray[np.float64]:
    at_once, per_s = HEADING_SIGMA_DEG
    sigma_AB = at_once + per_s * np.abs(elapsed_AB)
    change_AB = after.heading_deg[None] - before.heading_deg[:, None]
    change_AB = (change_AB + 180.0) % 360.0 - 180.0
    density_AB = _normal(change_AB, sigma_AB)
    gain_AB = np.log((1 - STEADY_HEADING) + STEADY_HEADING * 360.0 * density_AB)
    return np.nan_to_num(np.where(sigma_AB < 90.0, gain_AB, 0.0), nan=0.0)


def _size_gain(
    before: Places, after: Places, elapsed_AB: NDArray[np.float64]
) -> NDArray[np.float64]:
    at_once, per_s = SIZE_SIGMA
    sigma_AB = np.minimum(at_once + per_s * np.abs(elapsed_AB), RANDOM_SIZE_SIGMA)
    ratio_AB = np.log(after.size_m[None]) - np.log(before.size_m[:, None])
    density_AB = _normal(ratio_AB, sigma_AB) / _normal(ratio_AB, RANDOM_SIZE_SIGMA)
    gain_AB = np.log((1 - STEADY_SIZE) + STEADY_SIZE * density_AB)
    return np.nan_to_num(gain_AB, nan=0.0)


def _normal(values: NDArray[np.float64], sigma: NDArray[np.float64] | float) -> NDArray[np.float64]:
    density: NDArray[np.float64] = np.exp(-0.5 * (values / sigma) ** 2) / (
        np.sqrt(2 * np.pi) * sigma
    )
    return density


def motion_of(extent: Bounds, max_speed_m_s: float) -> Motion:
    """Return the motion model for a gallery's extent: (west, south, east, north), degrees."""
    west, south, east, north = extent
    middle = (south + north) / 2
    width_m = distance_m(middle, west, middle, east)
    height_m = distance_m(south, west, north, west)
    return Motion(max_speed_m_s=max_speed_m_s, area_m2=max(width_m * height_m, 1e4))
