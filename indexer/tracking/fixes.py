"""The fixes of a flight's frames, and the track that they make."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FixStatus = Literal["located", "bridged", "lost"]
"""`located`: the frame itself shows the place. `bridged`: the frame is refused as an outlier, and
the motion between its neighbours gives the position. `lost`: neither; there is no position."""

SURE_FROM = 0.8
"""Probability from which a flight is a `match`. Our choice."""

SURE_ALONE = 0.9
"""A frame whose place is so probable by itself is no outlier, however sharp the turn, and is not
searched for again."""

RADIUS_68, RADIUS_95 = 0.95, 2.1
"""Radii that hold 68 and 95 % of the ground positions, in standard deviations of the smoother.
Measured on the flights of docs/flights.md: most errors are smaller than those of a normal
distribution, for which these would be 1.515 and 2.448."""

NORMAL_68, NORMAL_95 = 1.515, 2.448
"""Those of a circular normal distribution, for the camera."""


@dataclass(frozen=True, kw_only=True)
class CameraFix:
    """Where the drone's camera was: degrees WGS 84, metres above the map's ground.

    The radii hold the truth in 68 and 95 % of cases, m. Angles are those of the frame itself, None
    where it is bridged: heading clockwise from true north, pitch -90 straight down.
    """

    latitude: float
    longitude: float
    height_m: float
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class Fix:
    """One frame's place on the track: the ground in the middle of the photo.

    Latitude and longitude are degrees WGS 84, radii hold the truth in 68 and 95 % of cases, m,
    `heading_deg` is where the photo's top points, clockwise from true north, `speed_m_s` that of
    the ground position. All are None for a frame that is lost. `confidence` is the probability
    that the place is right, given all frames. `segment` counts the parts between breaks, from 1.
    """

    name: str
    time_s: float
    status: FixStatus
    confidence: float
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m_68: float | None = None
    accuracy_m_95: float | None = None
    heading_deg: float | None = None
    speed_m_s: float | None = None
    segment: int | None = None
    problem: str | None = None
    camera: CameraFix | None = None
    """None where the field of view is unknown or too few frames determine it."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """A flight's fixes in order of time, and notes on the whole.

    `status` is `match` where most frames have a place of which the flight is sure, `no_match` where
    none has one, else `uncertain`. `confidence` is the mean of the fixes that have a position.
    `notes` are sentences: parts of the flight that are lost, breaks, frames that cannot be read.
    """

    status: Literal["match", "uncertain", "no_match"]
    confidence: float
    fixes: tuple[Fix, ...]
    notes: tuple[str, ...] = ()
    start: datetime | None = None
    """Moment that the fixes' seconds count from, where the frames have dates."""

    @property
    def located(self) -> int:
        """Number of frames with a position."""
        return sum(fix.latitude is not None for fix in self.fixes)
