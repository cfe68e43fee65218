"""Values that the fields of several requests and responses hold."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field

from indexer.localization.lens import LEAST_DEG, MOST_DEG
from indexer.records import Prior
from service.bounds import checked_bounds

HALF_EQUATOR_M = 20_037_508.0
"""Half the equator, m: no two places are farther apart."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Names that a gallery may have; `indexer.gallery.layout` checks them when one is built."""


def _in_range(moment: datetime) -> datetime:
    """Refuse a moment that UTC cannot express."""
    try:
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment is out of range; send a year from 1 to 9999 in UTC") from None
    return moment


Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
FieldOfView = Annotated[float, Field(ge=LEAST_DEG, le=MOST_DEG, allow_inf_nan=False)]
Moment = Annotated[datetime, AfterValidator(_in_range)]

GalleryPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a gallery.")]
ImagePath = Annotated[
    str, Path(min_length=1, max_length=4096, description="Id of an image of the gallery.")
]

BOUNDS_WORDS = "Only images whose centre lies in west,south,east,north, degrees."

BoundsText = Annotated[
    str,
    Field(max_length=200, examples=["14.0,50.0,14.5,50.2"]),
    AfterValidator(checked_bounds),
]
"""A box as a query parameter; `service.bounds.parse_bounds` reads it."""

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
"""West, south, east, north, degrees; west > east where the box crosses the antimeridian."""

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Latitude, longitude, degrees."""

Quadruple = Annotated[list[float], Field(min_length=4, max_length=4)]


def prior_of(
    latitude: float | None, longitude: float | None, radius_m: float | None
) -> Prior | None:
    """Return the circle that matches lie in; None where a value is missing."""
    if latitude is None or longitude is None or radius_m is None:
        return None
    return Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
