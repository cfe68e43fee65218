"""From ranked matches to the evidence for the best one and to a fused position on the ground."""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.geo import distance_m, metres_between, offset
from indexer.localization.camera import CameraEstimate
from indexer.localization.confidence import (
    MOST_INLIERS,
    MOST_LEAD,
    MOST_MARGIN,
    Calibration,
    Evidence,
)
from indexer.localization.pose import Placement, placement
from indexer.records import Match, Ring
from model.matching.interface import CHANCE_INLIERS

POSED_TEMPERATURE = 0.02
"""Softmax temperature for matches whose pose is known. Our choice: on the map of
docs/calibration.md the fused position is off by 4.7 m in the median; with 0.05, which tile centres
alone need, by 5.4 m.
"""

HEADING_CONSENSUS = 0.7
"""Least mean length of the matches' headings as unit vectors; that of a spread of 48 degrees. Our
choice: on the map of docs/calibration.md 99 % of the answers reach 0.9; below, they disagree.
"""

DEFAULT_REACH_M = 50.0
"""Reach of a match whose ground size is unknown, m. Our choice."""

REACH_SIDES = 1.5
"""Reach of a match in sides of its ground area: tiles so near can show the same place."""


INLIER_POWER = 2
"""Power of the inliers by which matches weigh. Our choice: a homography of twice the inliers is
trusted four times as much."""

CONSENSUS = 10
"""Parts of the reach within which the positions that keypoints give agree with the best match's.
Our choice: 11 m for tiles of 75 m; wrong ones lie anywhere."""

POSED_FLOOR, MATCHED_FLOOR = 10, 50
"""Parts of the reach that a spread is at least: without corresponding keypoints, and with them."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Ground position in the middle of the photo and the radii that hold the truth.

    The position is not that of the drone: an oblique photo looks ahead of it. Latitude and
    longitude are degrees WGS 84, the radii hold the truth in 68 and 95 % of cases. `heading_deg` is
    where the top of the (first) photo points, clockwise from true north; None for flight archives,
    where the matches disagree, and where weights or gallery have no local features.
    """

    latitude: float
    longitude: float
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None
    footprint: Ring | None = None
    """The (first) photo's outline on the ground where its keypoints correspond: clockwise from its
    top left, (latitude, longitude); None where the photo shows the horizon."""
    camera: CameraEstimate | None = None
    """Where the camera was, not the ground it shows; None where the field of view is unknown or the
    keypoints do not determine it."""


@dataclass(frozen=True, kw_only=True)
class FusedPosition:
    """Weighted mean of the query positions that the matches around the best one imply.

    Latitude and longitude are degrees WGS 84. `spread_m` is the root mean square distance of those
    positions from it, and never less than a tenth of the reach, a fiftieth with keypoints.
    `heading_deg` is their mean.
    """

    latitude: float
    longitude: float
    spread_m: float
    heading_deg: float | None

    def estimate(self, calibration: Calibration) -> Estimate:
        """Return the position with calibrated radii."""
        return Estimate(
            latitude=self.latitude,
            longitude=self.longitude,
            accuracy_m_68=calibration.scale_68 * self.spread_m,
            accuracy_m_95=calibration.scale_95 * self.spread_m,
            heading_deg=self.heading_deg,
        )


class Neighbourhood:
    """Ranked matches, divided into those around the best one and those elsewhere.

    A match is near where it lies within the best match's reach. Matches are at least one, best
    first.
    """

    def __init__(self, matches: Sequence[Match]) -> None:
        self.best = matches[0]
        self.reach_m = reach_m(self.best)
        self._same_m = self.reach_m / CONSENSUS
        self._matches = matches
        self._near = [_apart_m(self.best, match) <= self.reach_m for match in matches]

    def evidence(self, steadiness: float, temperature: float) -> Evidence:
        """Return the evidence for the best match.

        Args:
            steadiness: the query's, from `model.fusion.fuse`.
            temperature: of the softmax over scores.
        """
        weights = self._weights(temperature)
        inliers = self._place_inliers()
        inliers_elsewhere = max(
            (n for n, near in zip(inliers, self._near, strict=True) if not near), default=0
        )
        lead = inliers[0] - max(inliers_elsewhere, CHANCE_INLIERS)
        others = [
            match.score for match, near in zip(self._matches, self._near, strict=True) if not near
        ]
        margin = self.best.score - max(others, default=self._matches[-1].score)
        most = MOST_MARGIN if any(inliers) else math.inf
        geometries = [
            match.geometry
            for match, near in zip(self._matches, self._near, strict=True)
            if near and match.geometry is not None
        ]
        confirmed = max((geometry.confirmed for geometry in geometries), default=0)
        near_weight = sum(w for w, near in zip(weights, self._near, strict=True) if near)
        return Evidence(
            score=self.best.score,
            margin=min(margin, most),
            agreement=near_weight / sum(weights),
            steadiness=steadiness,
            inliers=min(self.best.inliers, MOST_INLIERS),
            lead=max(-MOST_LEAD, min(lead, MOST_LEAD)),
            spread=0.0 if self.best.geometry is None else self.best.geometry.spread,
            share=0.0 if self.best.geometry is None else self.best.geometry.share,
            confirmed=min(confirmed, MOST_INLIERS),
            mirror_lead=sum(geometry.mirror_lead for geometry in geometries),  # one alone has it
        )

    def _place_inliers(self) -> list[int]:
        """Return each match's inliers, with those of others that put the query at its position.

        Tiles that overlap support a right match; keypoints that correspond by chance hardly ever
        put the photo at one position twice.
        """
        placed = [
            None if match.geometry is None else (self._implied(match)[:2], match.inliers)
            for match in self._matches
        ]
        return [
            0
            if one is None
            else sum(
                other[1]
                for other in placed
                if other is not None and math.dist(other[0], one[0]) <= self._same_m
            )
            for one in placed
        ]

    def fuse(self, temperature: float) -> FusedPosition:
        """Return the weighted mean of the positions that the near matches imply.

        Where the best match's pose is known the temperature is `POSED_TEMPERATURE`; where its
        keypoints correspond, matches count by their inliers instead.
        """
        posed = placement(self.best).heading_deg is not None
        matched = posed and self.best.geometry is not None
        if matched:
            weights = [float(match.inliers) ** INLIER_POWER for match in self._matches]
        else:
            weights = self._weights(POSED_TEMPERATURE if posed else temperature)
        near = [
            (weight, *self._implied(match))
            for weight, match, close in zip(weights, self._matches, self._near, strict=True)
            if close and weight > 0
        ]
        if matched:
            _, north_m, east_m, _ = near[0]
            near = [one for one in near if math.dist(one[1:3], (north_m, east_m)) <= self._same_m]
        total = sum(weight for weight, *_ in near)
        north_m = sum(weight * north for weight, north, _, _ in near) / total
        east_m = sum(weight * east for weight, _, east, _ in near) / total
        variance_m2 = (
            sum(w * ((n - north_m) ** 2 + (e - east_m) ** 2) for w, n, e, _ in near) / total
        )
        latitude, longitude = offset(*_centre(self.best), north_m, east_m)
        headings = [(weight, heading) for weight, _, _, heading in near if heading is not None]
        return FusedPosition(
            latitude=latitude,
            longitude=longitude,
            spread_m=math.hypot(
                math.sqrt(variance_m2), self.reach_m / (MATCHED_FLOOR if matched else POSED_FLOOR)
            ),
            heading_deg=_mean_heading(headings),
        )

    def _implied(self, match: Match) -> tuple[float, float, float | None]:
        """Metres north and east of the best match's centre, and the heading, of the query."""
        there: Placement = placement(match)
        north_m, east_m = metres_between(*_centre(self.best), *_centre(match))
        return north_m + there.north_m, east_m + there.east_m, there.heading_deg

    def _weights(self, temperature: float) -> list[float]:
        top = self.best.score
        return [math.exp((match.score - top) / temperature) for match in self._matches]


def reach_m(match: Match) -> float:
    """Return how far from a match another one may lie and still show the same place, m."""
    ground_m = match.record.ground_m
    return DEFAULT_REACH_M if ground_m is None else REACH_SIDES * ground_m


def _centre(match: Match) -> tuple[float, float]:
    return match.record.latitude, match.record.longitude


def _apart_m(a: Match, b: Match) -> float:
    return distance_m(*_centre(a), *_centre(b))


def _mean_heading(headings: Sequence[tuple[float, float]]) -> float | None:
    """Weighted circular mean of (weight, degrees), 0 <= it < 360; None where they disagree."""
    mean = sum(cmath.rect(weight, math.radians(heading)) for weight, heading in headings)
    if abs(mean) <= HEADING_CONSENSUS * sum(weight for weight, _ in headings):
        return None
    return math.degrees(cmath.phase(mean)) % 360 % 360  # a tiny negative one gives 360 at first
