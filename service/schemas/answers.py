"""The answer of /localize and /navigate."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from indexer.geojson import area
from service.schemas.galleries import GalleryName
from service.schemas.images import ImageBody, MatchBody
from service.schemas.values import Quadruple


class CameraBody(BaseModel):
    """Where the camera was and where it looked; each spread is one standard deviation.

    Angles are in the order of a gimbal's axes: heading, then roll, then pitch.
    """

    latitude: float = Field(description="Latitude of the camera, degrees WGS 84.")
    longitude: float = Field(description="Longitude of the camera, degrees WGS 84.")
    height_m: float = Field(description="Height above the map's ground, m.")
    altitude_m: float | None = Field(
        description="Height in the datum of the gallery's surface model, m; null without one."
    )
    heading_deg: float = Field(
        description="Where the camera looks, degrees clockwise from true north; where it looks "
        "straight down, where the photo's top points."
    )
    pitch_deg: float = Field(description="0 is level, -90 straight down, degrees.")
    roll_deg: float = Field(description="Positive where the right side is lower, degrees.")
    horizontal_spread_m: float
    height_spread_m: float
    heading_spread_deg: float
    pitch_spread_deg: float
    roll_spread_deg: float


class EstimateBody(BaseModel):
    """The ground in the middle of the (first) photo, degrees WGS 84; not the drone's position.

    An oblique camera looks ahead: the drone may be farther away than the radii.
    """

    position_of: Literal["ground_in_photo_centre"] = Field(
        default="ground_in_photo_centre",
        description="The point that latitude and longitude name. It is never the vehicle.",
    )
    latitude: float = Field(description="Latitude of the ground in the middle of the photo.")
    longitude: float = Field(description="Longitude of the ground in the middle of the photo.")
    accuracy_m_68: float = Field(
        description="Radius that holds that ground point in 68 % of cases, m."
    )
    accuracy_m_95: float = Field(
        description="Radius that holds that ground point in 95 % of cases, m."
    )
    heading_deg: float | None = Field(
        default=None,
        description="Where the top of the (first) photo points, degrees clockwise from true north; "
        "null where the matches disagree, and where weights or gallery have no local features.",
    )
    footprint: dict[str, Any] | None = Field(
        default=None,
        description="The (first) photo's outline on the ground, a GeoJSON Polygon (MultiPolygon "
        "across the antimeridian); null where no keypoints correspond or the horizon is in view.",
    )
    camera: CameraBody | None = Field(
        default=None,
        description="The (first) photo's camera; null where its field of view is unknown (send "
        "fov_deg) or the keypoints do not determine it.",
    )

    @field_validator("footprint", mode="before")
    @classmethod
    def _as_geojson(cls, ring: Any) -> Any:
        return area(ring) if isinstance(ring, tuple) else ring


class FlightLineBody(BaseModel):
    """A GeoJSON Feature: a line through the images' positions and their times, in order.

    Positions are as the archive has them: GPS, or the smoothed ground positions that `track` found.
    """

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any]
    properties: dict[str, Any]


class FlightBody(BaseModel):
    """The part of one flight that matched: its images in order of capture."""

    flight_id: str
    first_captured_at: datetime | None
    last_captured_at: datetime | None
    matched_image_ids: list[str]
    track: list[ImageBody]
    truncated: bool = Field(description="Whether the flight goes on beyond the track shown.")
    line: FlightLineBody | None = Field(
        None, description="The way along the images; null unless track=true, and for one image."
    )


class QueryBody(BaseModel):
    """The images that arrived: their number, the first one's upright size in px, GPS use."""

    images: int
    width: int
    height: int
    gps_used: bool


class ModelBody(BaseModel):
    """The weights that answered."""

    name: str
    sha256: str
    descriptor_dim: int


class TimingBody(BaseModel):
    """Time of each stage, ms."""

    decode: float
    queue: float
    embed: float
    search: float
    total: float


class PicturesBody(BaseModel):
    """Links to pictures of how the model aligned and divided one image."""

    image: str
    aligned_url: str
    rings_url: str
    heatmap_url: str


Status = Literal["match", "uncertain", "no_match"]


class ImageAnswerBody(BaseModel):
    """What one of several photos shows on its own; `best_match` is null where nothing matches."""

    image: int = Field(description="Number of the photo in the request, from 1.")
    status: Status
    confidence: float
    estimate: EstimateBody | None
    best_match: MatchBody | None


class AnswerBody(BaseModel):
    """The answer of /localize and /navigate."""

    status: Status = Field(
        description="`no_match`: the matches are only the most similar images; use none of them."
    )
    confidence: float = Field(
        description="Probability that the best match shows the place of the photo, 0..1."
    )
    estimate: EstimateBody | None = Field(
        description="Null for no_match, for photos that disagree, and for /navigate, "
        "on whose galleries the radii are not calibrated."
    )
    matches: list[MatchBody]
    agreement: Literal["agree", "partly", "disagree"] | None = Field(
        default=None,
        description="For several photos: whether each of them, alone, is at the answer's place "
        "(agree), some are (partly), or at least two were found at different places (disagree; "
        "then there is no common estimate and `matches` are the best one of each photo).",
    )
    per_image: list[ImageAnswerBody] | None = Field(
        default=None, description="For several photos: what each of them shows on its own."
    )
    flights: list[FlightBody] | None = None
    explanation: list[PicturesBody] | None = None
    correspondences: list[Quadruple] | None = Field(
        default=None,
        description="With explain=true: points of the (first) photo and of the best match that "
        "show the same, at most 100: x, y in the photo, x, y in the match, 0..1 from the top left.",
    )
    query: QueryBody
    gallery: GalleryName
    model: ModelBody
    timing_ms: TimingBody
