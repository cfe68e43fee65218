"""The service's JSON answers as frozen dataclasses; the HTTP interface's names throughout.

Positions are degrees WGS 84, lengths are metres, headings are degrees clockwise from true north,
boxes are (west, south, east, north). Fields that a newer service adds are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why the service refused a request (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Where the camera was and where it looked; each spread is one standard deviation."""

    latitude: float
    longitude: float
    height_m: float
    altitude_m: float | None = None
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    horizontal_spread_m: float
    height_spread_m: float
    heading_spread_deg: float
    pitch_spread_deg: float
    roll_spread_deg: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The ground in the middle of the (first) photo, and the radii that hold it.

    It is not where the drone was: an oblique camera looks far ahead.
    """

    position_of: str = "ground_in_photo_centre"
    latitude: float
    longitude: float
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None = None
    footprint: dict[str, Any] | None = None
    camera: Camera | None = None


@dataclass(frozen=True, kw_only=True)
class Image:
    """One gallery image."""

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


@dataclass(frozen=True, kw_only=True)
class Match(Image):
    """One match: rank from 1, and its score."""

    rank: int
    score: float


@dataclass(frozen=True, kw_only=True)
class Flight:
    """The matches' part of one flight: its images in order of capture."""

    flight_id: str
    first_captured_at: datetime | None
    last_captured_at: datetime | None
    matched_image_ids: list[str]
    track: list[Image]
    truncated: bool
    line: dict[str, Any] | None = None
    """GeoJSON Feature with `track=True`: the way along the images, and their times."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """The images that arrived, and the upright size of the first, px."""

    images: int
    width: int
    height: int
    gps_used: bool


@dataclass(frozen=True, kw_only=True)
class GalleryVersion:
    """The gallery version that answered."""

    name: str
    view: str
    version: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Gallery(GalleryVersion):
    """A loaded gallery."""

    bounds: Box | None
    weights_sha256: str
    descriptor_dim: int


@dataclass(frozen=True, kw_only=True)
class RefusedGallery:
    """A published gallery that cannot be searched, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Galleries:
    """All galleries of the service."""

    galleries: list[Gallery]
    refused: list[RefusedGallery]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The weights that answered."""

    name: str
    sha256: str
    descriptor_dim: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Time of each stage, ms."""

    decode: float
    queue: float
    embed: float
    search: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Links to pictures of how the model aligned and divided one image."""

    image: str
    aligned_url: str
    rings_url: str
    heatmap_url: str


Status = Literal["match", "uncertain", "no_match"]


@dataclass(frozen=True, kw_only=True)
class ImageAnswer:
    """What one of several photos shows on its own; `image` counts from 1."""

    image: int
    status: Status
    confidence: float
    estimate: Estimate | None
    best_match: Match | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of /localize and /navigate.

    The matches of `no_match` are only the most similar images. Photos that `disagree` have no
    common estimate: `per_image` holds each one's own.
    """

    status: Status
    confidence: float
    estimate: Estimate | None
    matches: list[Match]
    agreement: Literal["agree", "partly", "disagree"] | None = None
    per_image: list[ImageAnswer] | None = None
    flights: list[Flight] | None = None
    explanation: list[Explanation] | None = None
    correspondences: list[list[float]] | None = None
    query: Query
    gallery: GalleryVersion
    model: Model
    timing_ms: Timing


def read(kind: type[T], document: Mapping[str, Any]) -> T:
    """Return a dataclass of a JSON object, its nested objects included.

    Raises:
        TypeError: the object lacks a field that has no default.
    """
    hints = get_type_hints(kind)
    names = [field.name for field in fields(cast(Any, kind)) if field.name in document]
    return kind(**{name: _value(hints[name], document[name]) for name in names})


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, UnionType):
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
    origin = get_origin(hint)
    if origin is list:
        return [_value(get_args(hint)[0], item) for item in value]
    if origin is tuple:
        return tuple(value)
    if is_dataclass(hint):
        return read(cast(type[Any], hint), value)
    return datetime.fromisoformat(value) if hint is datetime else value
