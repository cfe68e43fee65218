"""Where the sure frames of a flight expect the others.

Drones fly straight legs and turn at their ends, where a smooth curve between sure frames is far
off.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.geo import metres_between
from indexer.records import Position
from indexer.tracking.fixes import RADIUS_95, Fix
from indexer.tracking.motion import Motion

LEG_SIGMA_M = 8.0
"""Standard deviation on each axis of a frame's place from the line that the drone flies, m: the
gimbal moves. Our choice."""

STRAIGHT = 0.9
"""Probability that a drone flies straight legs where a leg leads to a place off the smooth curve.
Our choice."""

LONGEST_LEG = 8
"""Largest number of sure frames that a leg is fitted to. Our choice."""

LEAST_LEG = 3
"""Least number of sure frames of a leg that is followed beyond the last one or before the first.
Our choice: two give no direction that can be trusted."""

LONGEST_BEYOND_S = 20.0
"""How long such a leg is followed, s. Our choice."""

LONGEST_AROUND_S = 10.0
"""How far from the nearest sure frame, s, a frame without a leg is expected around that one. Our
choice: half of the time for which a leg is followed."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A place that the sure frames expect another one at, in the flight's metres.

    `sigma_m` is the standard deviation on each axis, `share` the probability of this place among
    those that are expected, `heading_deg` that of the leg's photos; None where it is unknown.
    """

    north_m: float
    east_m: float
    sigma_m: float
    share: float = 1.0
    heading_deg: float | None = None

    def distance_m(self, other: "Expected") -> float:
        """Return the distance to another place, m."""
        return math.hypot(self.north_m - other.north_m, self.east_m - other.east_m)


class Legs:
    """The ways of a flight's sure frames, between which the other frames are bridged or lost."""

    def __init__(self, fixes: Sequence[Fix], motion: Motion, origin: Position) -> None:
        """Take the track of the sure frames.

        Args:
            fixes: of all frames; those of sure frames are `located`.
            motion: how the drone moves.
            origin: latitude and longitude that metres count from.
        """
        self._fixes = fixes
        self._motion = motion
        self._origin = origin
        self._sure = [row for row, fix in enumerate(fixes) if fix.status == "located"]

    def expected(self, row: int) -> tuple[Expected, ...]:
        """Return the places that a frame is expected at; their shares sum to one.

        A lost frame is expected where a leg goes on to it, else around the nearest sure frame;
        nowhere where both are too long ago.
        """
        if self._fixes[row].latitude is None:
            return self._beyond(row)
        between = self._between(row)
        straight = _agreed(list(self._straight(row)))
        if not straight:
            return (between,)
        if len(straight) == 1 and between.distance_m(straight[0]) <= 2 * LEG_SIGMA_M:
            sigma_m = max(between.sigma_m, LEG_SIGMA_M)
            return (replace(between, sigma_m=sigma_m, heading_deg=straight[0].heading_deg),)
        share = STRAIGHT / len(straight)
        return (
            replace(between, share=1 - STRAIGHT),
            *(replace(each, share=share) for each in straight),
        )

    def _between(self, row: int) -> Expected:
        """Return where the smoothed track of the sure frames has another one."""
        north_m, east_m = self._place(row)
        sigma_m = (self._fixes[row].accuracy_m_95 or 0.0) / RADIUS_95
        return Expected(north_m=north_m, east_m=east_m, sigma_m=sigma_m)

    def _straight(self, row: int) -> Iterator[Expected]:
        """Yield where the leg before, and the one after, put a frame, as far as that can be."""
        before, after = self._around(row)
        for rows, others in ((before, after), (after, before)):
            expected = self._extended(row, rows, 2)
            if expected is not None and others and self._can_be(expected, row, others[0]):
                yield expected

    def _beyond(self, row: int) -> tuple[Expected, ...]:
        """Return where the leg that ends before a frame, or begins after it, puts it.

        Without such a leg, the frame is expected around the nearest sure one.
        """
        around = [rows for rows in self._around(row) if rows]
        for rows in around:
            if self._elapsed_s(row, rows[0]) <= LONGEST_BEYOND_S:
                expected = self._extended(row, rows, LEAST_LEG)
                if expected is not None:
                    return (expected,)
        if not around:
            return ()
        elapsed_s, nearest = min((self._elapsed_s(row, rows[0]), rows[0]) for rows in around)
        if elapsed_s > LONGEST_AROUND_S:
            return ()
        north_m, east_m = self._place(nearest)
        sigma_m = max(self._motion.max_speed_m_s * elapsed_s / 2, LEG_SIGMA_M)
        return (Expected(north_m=north_m, east_m=east_m, sigma_m=sigma_m),)

    def _around(self, row: int) -> tuple[list[int], list[int]]:
        """Return the sure frames before and after one, nearest first."""
        at = bisect_left(self._sure, row)
        return self._sure[max(0, at - LONGEST_LEG) : at][::-1], self._sure[at : at + LONGEST_LEG]

    def _extended(self, row: int, rows: Sequence[int], least: int) -> Expected | None:
        """Return where the leg of the nearest sure frames puts another one.

        Args:
            row: the frame.
            rows: sure frames, nearest first.
            least: number of them that the leg must have.
        """
        leg = list(rows[:2])
        if len(leg) < 2 or not self._elapsed_s(*leg):
            return None
        for other in rows[2:]:
            expected = self._line(leg, other)
            north_m, east_m = self._place(other)
            off_m = math.hypot(expected.north_m - north_m, expected.east_m - east_m)
            if off_m > 2 * expected.sigma_m:
                break
            leg.append(other)
        return self._line(leg, row) if len(leg) >= least else None

    def _line(self, leg: Sequence[int], row: int) -> Expected:
        """Return where a line at constant speed, fitted to sure frames, puts another frame."""
        time_L = np.array([self._fixes[one].time_s for one in leg])
        place_L2 = np.array([self._place(one) for one in leg])
        middle_s = time_L.mean()
        spread_s2 = ((time_L - middle_s) ** 2).sum()
        velocity_2 = (time_L - middle_s) @ place_L2 / spread_s2
        ahead_s = self._fixes[row].time_s - middle_s
        north_m, east_m = (place_L2.mean(axis=0) + ahead_s * velocity_2).tolist()
        headings = (self._fixes[one].heading_deg for one in leg)
        return Expected(
            north_m=north_m,
            east_m=east_m,
            sigma_m=LEG_SIGMA_M * math.sqrt(1 + 1 / len(leg) + ahead_s**2 / spread_s2),
            heading_deg=next((each for each in headings if each is not None), None),
        )

    def _can_be(self, expected: Expected, row: int, other: int) -> bool:
        """Return whether the drone can fly from an expected place to a sure frame."""
        north_m, east_m = self._place(other)
        way_m = math.hypot(expected.north_m - north_m, expected.east_m - east_m)
        sigma_m = math.hypot(expected.sigma_m, LEG_SIGMA_M)
        return way_m <= self._motion.max_speed_m_s * self._elapsed_s(row, other) + 2 * sigma_m

    def _elapsed_s(self, row: int, other: int) -> float:
        return abs(self._fixes[row].time_s - self._fixes[other].time_s)

    def _place(self, row: int) -> tuple[float, float]:
        fix = self._fixes[row]
        assert fix.latitude is not None
        assert fix.longitude is not None
        return metres_between(*self._origin, fix.latitude, fix.longitude)


def _agreed(straight: list[Expected]) -> list[Expected]:
    """Return the places that both legs give, as one where they agree."""
    if len(straight) < 2:
        return straight
    one, other = straight
    if one.distance_m(other) > 3 * math.hypot(one.sigma_m, other.sigma_m):
        return straight
    share = other.sigma_m**2 / (one.sigma_m**2 + other.sigma_m**2)
    both = replace(
        one,
        north_m=share * one.north_m + (1 - share) * other.north_m,
        east_m=share * one.east_m + (1 - share) * other.east_m,
        sigma_m=max(one.sigma_m * math.sqrt(share), LEG_SIGMA_M),
    )
    return [both]
