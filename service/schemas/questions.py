"""The parameters of /localize and /navigate."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.records import Filters, Prior
from service.bounds import parse_bounds
from service.schemas.values import (
    BOUNDS_WORDS,
    HALF_EQUATOR_M,
    NAME_PATTERN,
    BoundsText,
    FieldOfView,
    Latitude,
    Longitude,
    Moment,
    prior_of,
)

Format = Literal["json", "geojson", "gpx", "kml", "csv", "geotiff", "kmz"]
MapSystem = Literal["EPSG:3857", "EPSG:4326"]


class QuestionFields(BaseModel):
    """Parameters of /localize and /navigate, each checked alone; degrees WGS 84, metres.

    They arrive in the query string or as form fields beside the images.
    """

    model_config = ConfigDict(extra="forbid")

    top_k: int = Field(5, ge=1, le=100, description="How many matches to return.")
    gallery: str | None = Field(
        None,
        pattern=NAME_PATTERN,
        description="Which gallery; unset: the only fitting one.",
    )
    latitude: Latitude | None = Field(None, description="Prior: latitude of its centre, degrees.")
    longitude: Longitude | None = Field(
        None, description="Prior: longitude of its centre, degrees."
    )
    radius_m: float | None = Field(
        None,
        gt=0,
        le=HALF_EQUATOR_M,
        allow_inf_nan=False,
        description="Prior: matches lie within so many metres of its centre.",
    )
    bounds: BoundsText | None = Field(None, description=BOUNDS_WORDS)
    use_image_gps: bool = Field(
        False, description="Take the prior's centre from the GPS inside the image."
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="Below this the status is no_match."
    )
    fov_deg: FieldOfView | None = Field(
        None,
        description="Angle of view across the width of the (first) photo, degrees, for the "
        "camera; unset: what its EXIF or XMP says, if anything.",
    )
    track: bool = Field(
        False, description="/navigate: add each flight's way as a GeoJSON line with times."
    )
    explain: bool = Field(
        False, description="Add links to pictures of how the model aligned and divided the images."
    )
    format: Format = Field(
        "json",
        description="Format of the answer; geotiff is the photo on the map, kmz has it beside the "
        "answer.",
    )
    crs: MapSystem = Field("EPSG:3857", description="Coordinate system of a GeoTIFF.")
    captured_after: Moment | None = Field(None, description="Only images taken at or after this.")
    captured_before: Moment | None = Field(None, description="Only images taken before this.")
    source: str | None = Field(None, max_length=500, description="Only images of this source.")
    flight_id: str | None = Field(None, max_length=200, description="Only images of this flight.")


class QuestionParameters(QuestionFields):
    """All parameters of one question, whose combination is checked as well."""

    @model_validator(mode="after")
    def _prior_is_whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together; send both or neither")
        if self.latitude is not None and self.radius_m is None:
            raise ValueError("a prior needs radius_m as well; send metres")
        if self.latitude is not None and self.use_image_gps:
            raise ValueError("use_image_gps and latitude + longitude exclude each other; send one")
        if self.radius_m is not None and self.latitude is None and not self.use_image_gps:
            raise ValueError("radius_m needs latitude and longitude, or use_image_gps=true")
        return self

    @property
    def prior(self) -> Prior | None:
        """The prior that the parameters name, without `use_image_gps`."""
        return prior_of(self.latitude, self.longitude, self.radius_m)

    @property
    def filters(self) -> Filters | None:
        """The conditions that a match must satisfy besides looking alike."""
        wanted = Filters(
            bounds=None if self.bounds is None else parse_bounds(self.bounds),
            captured_after=self.captured_after,
            captured_before=self.captured_before,
            source=self.source,
            flight_id=self.flight_id,
        )
        return None if wanted == Filters() else wanted
