"""Measured positions of one part of a flight, smoothed: the ground in the photos, the camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.records import Position
from indexer.tracking.candidates import CameraPlace, Sighting, position
from indexer.tracking.fixes import NORMAL_68, NORMAL_95, CameraFix
from indexer.tracking.smoothing import Smoothed, off_the_line, smooth_best

LEAST_CAMERAS = 3
"""Least number of frames that must determine the camera for it to have a track."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """Measured positions of one segment, to be smoothed; NaN where a frame has none."""

    time_T: NDArray[np.float64]
    measured_T2: NDArray[np.float64]
    sigma_T: NDArray[np.float64]
    sure_T: NDArray[np.bool_]

    @classmethod
    def empty(cls, frames: Sequence[Sighting]) -> Self:
        """Return a course without measurements."""
        return cls(
            time_T=np.array([each.time_s for each in frames]),
            measured_T2=np.full((len(frames), 2), np.nan),
            sigma_T=np.ones(len(frames)),
            sure_T=np.zeros(len(frames), dtype=bool),
        )

    def measure(
        self, row: int, north_east_m: tuple[float, float], sigma_m: float, *, sure: bool
    ) -> None:
        """Add a measurement."""
        self.measured_T2[row] = north_east_m
        self.sigma_T[row], self.sure_T[row] = sigma_m, sure

    def smoothed(self, firm_m: float = 0.0) -> Smoothed:
        """Return the smoothed positions; at least one was measured.

        Args:
            firm_m: deviation below which a measurement that is not sure may show a turn.
        """
        arrays = (self.time_T, self.measured_T2, self.sigma_T)
        aside_T = off_the_line(*arrays) & ~self.sure_T
        self.measured_T2[aside_T] = np.nan
        return smooth_best(*arrays, self.sure_T, self.sure_T | (self.sigma_T < firm_m))


def cameras(
    frames: Sequence[Sighting], chosen: dict[int, int], origin: Position
) -> dict[int, CameraFix]:
    """Return the camera's fixes by row, from the first frame that shows it to the last."""
    known = {row: frames[row].camera for row, candidate in chosen.items() if candidate == 0}
    seen = {row: camera for row, camera in known.items() if camera is not None}
    if len(seen) < LEAST_CAMERAS:
        return {}
    course = Course.empty(frames)
    for row, camera in seen.items():
        course.measure(row, (camera.north_m, camera.east_m), camera.sigma_m, sure=False)
    smoothed = course.smoothed()
    rows = list(range(min(seen), max(seen) + 1))
    heights_m = np.interp(
        course.time_T[rows],
        course.time_T[list(seen)],
        [camera.height_m for camera in seen.values()],
    )
    return {
        row: _camera_fix(smoothed, row, height_m, seen.get(row), origin)
        for row, height_m in zip(rows, heights_m.tolist(), strict=True)
    }


def _camera_fix(
    smoothed: Smoothed, row: int, height_m: float, camera: CameraPlace | None, origin: Position
) -> CameraFix:
    latitude, longitude = position(origin, *smoothed.position_T2[row].tolist())
    sigma_m = float(smoothed.sigma_T[row])
    used = camera if smoothed.used_T[row] else None
    return CameraFix(
        latitude=latitude,
        longitude=longitude,
        height_m=height_m,
        accuracy_m_68=NORMAL_68 * sigma_m,
        accuracy_m_95=NORMAL_95 * sigma_m,
        heading_deg=None if used is None else used.heading_deg,
        pitch_deg=None if used is None else used.pitch_deg,
        roll_deg=None if used is None else used.roll_deg,
    )
