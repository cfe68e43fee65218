"""The fields of requests and responses."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from indexer.geojson import area
from indexer.localization.lens import LEAST_DEG, MOST_DEG
from indexer.records import Filters, Prior
from service.bounds import checked_bounds, parse_bounds

Format = Literal["json", "geojson", "gpx", "kml", "csv", "geotiff", "kmz"]
MapSystem = Literal["EPSG:3857", "EPSG:4326"]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


def _in_range(moment: datetime) -> datetime:
    """Refuse a moment that UTC cannot express."""
    try:
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment is out of range; send a year from 1 to 9999 in UTC") from None
    return moment


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Names that a gallery may have; `indexer.gallery.layout` checks them when one is built."""

GalleryPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a gallery.")]
ImagePath = Annotated[
    str, Path(min_length=1, max_length=4096, description="Id of an image of the gallery.")
]

Moment = Annotated[datetime, AfterValidator(_in_range)]

BoundsText = Annotated[
    str,
    Field(
        max_length=200,
        description="Only images whose centre lies in west,south,east,north, degrees.",
        examples=["14.0,50.0,14.5,50.2"],
    ),
    AfterValidator(checked_bounds),
]
"""A box as a query parameter; `service.bounds.parse_bounds` reads it."""

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
"""West, south, east, north, degrees; west > east where the box crosses the antimeridian."""

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Latitude, longitude, degrees."""

Quadruple = Annotated[list[float], Field(min_length=4, max_length=4)]

HALF_EQUATOR_M = 20_037_508.0
"""Half the equator, m: no two places are farther apart."""


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
    bounds: BoundsText | None = None
    use_image_gps: bool = Field(
        False, description="Take the prior's centre from the GPS inside the image."
    )
    min_confidence: float = Field(
        0.0, ge=0, le=1, allow_inf_nan=False, description="Below this the status is no_match."
    )
    fov_deg: float | None = Field(
        None,
        ge=LEAST_DEG,
        le=MOST_DEG,
        allow_inf_nan=False,
        description="Angle of view across the width of the (first) photo, degrees, for the "
        "camera; unset: what its EXIF or XMP says, if anything.",
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
        if self.latitude is None or self.longitude is None or self.radius_m is None:
            return None
        return Prior(latitude=self.latitude, longitude=self.longitude, radius_m=self.radius_m)

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


class ImageBody(BaseModel):
    """One gallery image; positions are degrees WGS 84, `bounds` are west, south, east, north."""

    image_id: str
    latitude: float
    longitude: float
    bounds: Box | None
    gsd_m: float | None
    altitude_m: float | None
    altitude_datum: str | None
    heading_deg: float | None
    gimbal_pitch_deg: float | None
    flight_id: str | None
    captured_at: datetime | None
    source: str
    image_url: str


class MetaBody(ImageBody):
    """One gallery image with all its metadata; corners are (latitude, longitude)."""

    view: str
    corners: list[Pair] | None
    content_sha256: str
    meta_url: str


class MatchBody(ImageBody):
    """One match: rank from 1; the score is the cosine of the descriptors.

    With weights that have local features it is its mean with how well these agree.
    """

    rank: int
    score: float


class FlightBody(BaseModel):
    """The part of one flight that matched: its images in order of capture."""

    flight_id: str
    first_captured_at: datetime | None
    last_captured_at: datetime | None
    matched_image_ids: list[str]
    track: list[ImageBody]
    truncated: bool = Field(description="Whether the flight goes on beyond the track shown.")


class QueryBody(BaseModel):
    """The images that arrived: their number, the first one's upright size in px, GPS use."""

    images: int
    width: int
    height: int
    gps_used: bool


class GalleryName(BaseModel):
    """The gallery version that answered."""

    name: str
    view: str
    version: str
    size: int


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


class GalleryBody(GalleryName):
    """A loaded gallery; `bounds` are west, south, east, north, degrees."""

    bounds: Box | None
    weights_sha256: str
    descriptor_dim: int


class RefusedGallery(BaseModel):
    """A published gallery that cannot be searched, and the reason."""

    name: str
    reason: str


class GalleriesBody(BaseModel):
    """All galleries of the store."""

    galleries: list[GalleryBody]
    refused: list[RefusedGallery]


class HealthBody(BaseModel):
    """Whether the service is alive."""

    status: Literal["alive", "ready"]
    refused_galleries: int | None = Field(
        default=None, description="Galleries that are refused or damaged; null where there is none."
    )


class ReloadBody(BaseModel):
    """The galleries that a reload changed, each with its version now, or null if it is gone."""

    changed: dict[str, str | None]
    refused: list[RefusedGallery]


class MapBody(BaseModel):
    """A gallery to be built from files that follow."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="Name of the new gallery.")
    view: Literal["satellite", "drone"] | None = Field(
        default=None, description="What the images show; null: as the files say."
    )
    tile_m: list[Annotated[float, Field(ge=1, le=100_000)]] = Field(
        default_factory=list,
        max_length=4,
        description="Ground sides of the tiles that a map is cut into, m; empty: chosen from it.",
    )


class JobBody(BaseModel):
    """One job that builds a gallery."""

    id: str
    gallery: str
    state: Literal[
        "uploading", "checking", "checked", "building", "published", "failed", "cancelled"
    ]
    files: int = Field(description="Files that have arrived.")
    bytes: int = Field(description="Their bytes.")
    forecast: dict[str, Any] | None = Field(
        description="What a build would bring: images, usable, store_bytes, extent (west, south, "
        "east, north), minutes, reasons; null before the check."
    )
    progress: dict[str, Any] | None = Field(
        description="The build: total, seen, added, skipped, failed, images_per_s, eta_s."
    )
    notes: list[str]
    error: str | None = Field(description="Why it failed.")


class CoordinatesBody(BaseModel):
    """A position in other notations."""

    dms: str = Field(description="Degrees, minutes, seconds.")
    utm: str = Field(
        description="UTM zone with hemisphere, easting, northing, m; UPS at the poles."
    )
    mgrs: str = Field(description="MGRS reference, 1 m.")


class PageBody(BaseModel):
    """What the operator set for the page."""

    base_map_url: str = Field(description="Template of tiles from elsewhere; empty: none.")
    base_map_credit: str
