"""Metadata of a gallery image, conditions of a search and its matches.

Frames: latitude and longitude are degrees WGS 84, lengths are metres, headings are degrees
clockwise from true north, a gimbal pitch of -90 looks straight down.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from indexer.geo import bounds_of, ground_size_m
from model.matching.interface import Geometry

View = Literal["satellite", "drone"]
"""View of a gallery's images: map tiles from above, or drone images of a flight archive."""

Position = tuple[float, float]
"""(latitude, longitude), degrees WGS 84."""

Ring = tuple[Position, ...]
"""Vertices of a polygon, closed or not; see `polygons`."""

Bounds = tuple[float, float, float, float]
"""(west, south, east, north), degrees; west > east where the box crosses the antimeridian."""


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """One gallery image's metadata.

    `corners` are four (latitude, longitude), clockwise from the image's top left, where the
    ground area is known; `altitude_datum` says what `altitude_m` counts from ("takeoff", "msl",
    "ellipsoid"); `place_id` is a ground-truth id where the source has one.
    """

    image_id: str
    view: View
    latitude: float
    longitude: float
    corners: tuple[Position, Position, Position, Position] | None = None
    gsd_m: float | None = None
    altitude_m: float | None = None
    altitude_datum: str | None = None
    heading_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    flight_id: str | None = None
    captured_at: datetime | None = None
    place_id: str | None = None
    source: str = ""
    content_sha256: str = ""

    @property
    def bounds(self) -> Bounds | None:
        """(west, south, east, north) of the corners; west > east across the antimeridian."""
        return None if self.corners is None else bounds_of(self.corners)

    @property
    def ground_m(self) -> float | None:
        """Mean side of the ground area, m; None where the corners are unknown."""
        return None if self.corners is None else ground_size_m(self.corners)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Circle that the answer lies in: within `radius_m` of a position."""

    latitude: float
    longitude: float
    radius_m: float


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions on a match besides similarity; None means no condition.

    `bounds`, `polygon` and `area` (at least one of its polygons) hold an image whose centre lies
    inside; a capture-date condition drops images without a date, a ground-size condition drops
    images without corners.
    """

    bounds: Bounds | None = None
    polygon: Ring | None = None
    area: tuple[Ring, ...] | None = None
    captured_after: datetime | None = None
    captured_before: datetime | None = None
    source: str | None = None
    flight_id: str | None = None
    min_ground_m: float | None = None
    max_ground_m: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Position and rotation of a query in a match, found by `model.verification`.

    `up` and `right` lead from the match's centre to the query's, in sides of the match's centre
    square, which is what the network sees; `turn_deg` is clockwise from the match's top to the
    query's.
    """

    up: float
    right: float
    turn_deg: float


@dataclass(frozen=True, kw_only=True)
class Match:
    """One answer of a search: rank from 1.

    `score` is the cosine of the two descriptors; where weights and gallery have local features,
    it is `model.verification.combined` of that and of their agreement, and `pose` is known.
    """

    record: ImageRecord
    score: float
    rank: int
    pose: Pose | None = None
    geometry: Geometry | None = None
    """Corresponding points and their homography, where a matcher found them."""

    @property
    def image_id(self) -> str:
        """Id of the matched image."""
        return self.record.image_id

    @property
    def inliers(self) -> int:
        """Number of keypoints that its geometry explains; 0 where nothing was matched."""
        return 0 if self.geometry is None else self.geometry.inliers

    @property
    def latitude(self) -> float:
        """Latitude of the matched image, degrees."""
        return self.record.latitude

    @property
    def longitude(self) -> float:
        """Longitude of the matched image, degrees."""
        return self.record.longitude
