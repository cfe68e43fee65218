"""One image of a gallery in a response."""

from datetime import datetime

from pydantic import BaseModel

from service.schemas.values import Box, Pair


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
