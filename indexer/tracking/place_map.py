"""How well what a photo shows fits each place of a square of the ground."""

import base64
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_PER_UNIT = 16
"""Steps of a natural logarithm that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceMap:
    """Likelihood of the photo at places of a square, as a ratio to that at an average one of them.

    `north_m` and `east_m` count from the flight's origin to the square's middle, `step_m` is the
    distance of two places. `code` keeps the logarithms in little room: int8 in base64, row by row
    from the north-west.
    """

    north_m: float
    east_m: float
    step_m: float
    code: str

    @classmethod
    def of(cls, north_m: float, east_m: float, step_m: float, log_RR: NDArray[np.float64]) -> Self:
        """Return the map of logarithms [R, R], rows from north to south, R odd."""
        steps_RR = np.clip(np.rint(log_RR * _PER_UNIT), -128, 127).astype(np.int8)
        code = base64.b64encode(steps_RR.tobytes()).decode()
        return cls(north_m=north_m, east_m=east_m, step_m=step_m, code=code)

    def ratios(self) -> NDArray[np.float64]:
        """Return the ratios [R, R]."""
        steps = np.frombuffer(base64.b64decode(self.code), dtype=np.int8)
        side = round(np.sqrt(len(steps)))
        return np.exp(steps.reshape(side, side) / _PER_UNIT)

    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return metres north and east of every place, each [R, R]."""
        side = self.ratios().shape[0]
        offsets_m = (np.arange(side) - side // 2) * self.step_m
        north_RR, east_RR = np.meshgrid(
            self.north_m - offsets_m, self.east_m + offsets_m, indexing="ij"
        )
        return north_RR, east_RR

    def holds(self, north_m: NDArray[np.float64], east_m: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which positions lie in the square."""
        half_m = self.ratios().shape[0] / 2 * self.step_m
        inside: NDArray[np.bool_] = (np.abs(north_m - self.north_m) <= half_m) & (
            np.abs(east_m - self.east_m) <= half_m
        )
        return inside
