"""GET /coordinates: a position in the notations of other maps."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.formats.notations import degrees_minutes_seconds, grid_reference, utm
from service.routes.api_docs import problem_responses
from service.schemas.coordinates import CoordinatesBody
from service.schemas.values import Latitude, Longitude

router = APIRouter(tags=["map"])


@router.get("/coordinates", responses=problem_responses(401, 405, 422))
def coordinates(
    latitude: Annotated[Latitude, Query(description="Degrees north, WGS 84.")],
    longitude: Annotated[Longitude, Query(description="Degrees east, WGS 84.")],
) -> CoordinatesBody:
    """Return a position (degrees WGS 84) in degrees, minutes and seconds, in UTM and in MGRS."""
    return CoordinatesBody(
        dms=degrees_minutes_seconds(latitude, longitude),
        utm=utm(latitude, longitude),
        mgrs=grid_reference(latitude, longitude),
    )
