"""One image of a gallery in a response."""

from datetime import datetime

from pydantic import BaseModel, Field

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
    """One match."""

    rank: int = Field(description="From 1, by score.")
    score: float = Field(
        description="How alike query and image are, at most 1: the cosine of their descriptors, "
        "combined with the agreement of their local features and with the correspondences that "
        "the matcher finds, where weights and gallery have these. How sure the answer is, is its "
        "confidence."
    )
