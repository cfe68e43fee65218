"""The fields of the requests and responses of /tracks."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.records import Prior
from service.schemas.values import (
    HALF_EQUATOR_M,
    NAME_PATTERN,
    FieldOfView,
    Latitude,
    Longitude,
    prior_of,
)


class TrackParameters(BaseModel):
    """Parameters of a new track; degrees WGS 84, metres."""

    model_config = ConfigDict(extra="forbid")

    gallery: str | None = Field(
        None, pattern=NAME_PATTERN, description="Satellite gallery; unset: the only one."
    )
    latitude: Latitude | None = Field(None, description="The flight's circle: its centre, degrees.")
    longitude: Longitude | None = Field(None, description="The flight's circle: its centre.")
    radius_m: float | None = Field(
        None, gt=0, le=HALF_EQUATOR_M, allow_inf_nan=False, description="Its radius, m."
    )
    max_speed_m_s: float = Field(
        25.0, gt=0, le=400, allow_inf_nan=False, description="How fast the drone may fly, m/s."
    )

    fov_deg: FieldOfView | None = Field(
        None,
        description="Angle of view across the frames' width, degrees, for the camera; unset: what "
        "their EXIF or XMP says, if anything.",
    )

    @model_validator(mode="after")
    def _circle_is_whole(self) -> Self:
        given = [value is not None for value in (self.latitude, self.longitude, self.radius_m)]
        if any(given) and not all(given):
            raise ValueError("latitude, longitude and radius_m go together; send all or none")
        return self

    @property
    def prior(self) -> Prior | None:
        """The circle that the whole flight lies in."""
        return prior_of(self.latitude, self.longitude, self.radius_m)


class FrameParameters(BaseModel):
    """What comes with a frame, in the query string or as a form field beside the image."""

    model_config = ConfigDict(extra="forbid")

    time: str | None = Field(
        None,
        max_length=40,
        description="Seconds of any clock, or an ISO 8601 moment; unset: the time of arrival.",
    )


class TrackBody(BaseModel):
    """An open track."""

    track_id: str
    gallery: str
    frames: int
    idle_s: float = Field(description="Seconds after its last use that the track is dropped.")
    frames_url: str
    events_url: str
    track_url: str


class CameraFixBody(BaseModel):
    """Where the drone's camera was; angles are null for a frame that is bridged."""

    latitude: float
    longitude: float
    height_m: float = Field(description="Height above the map's ground, m.")
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None


class FixBody(BaseModel):
    """The fix of one frame: the ground in the middle of the photo, not the drone's position.

    Degrees WGS 84, metres; positions and radii are null for a frame that is lost.
    """

    name: str
    time_s: float = Field(description="Seconds since the track's first moment, or as sent.")
    time: str | None = Field(description="The moment, ISO 8601 in UTC, where moments were sent.")
    status: Literal["located", "bridged", "lost"] = Field(
        description="located: the frame shows the place; bridged: the motion between its "
        "neighbours gives it; lost: neither."
    )
    confidence: float
    latitude: float | None
    longitude: float | None
    accuracy_m_68: float | None
    accuracy_m_95: float | None
    heading_deg: float | None
    speed_m_s: float | None
    segment: int | None = Field(description="Number of the part between breaks, from 1.")
    problem: str | None
    camera: CameraFixBody | None = Field(
        description="Null where the field of view is unknown or too few frames determine it."
    )


class FrameBody(BaseModel):
    """The fix of a frame that was added.

    `searched` says whether only the surroundings of the last place were searched.
    """

    frame: int = Field(description="Number of the frame, from 1.")
    searched: Literal["nearby", "everywhere"]
    fix: FixBody
    total_ms: float
