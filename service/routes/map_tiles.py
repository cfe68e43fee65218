"""A gallery as an XYZ map layer: for our page, QGIS and any other client of such layers."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from service.errors import ParameterError
from service.maps.mosaic import MAX_ZOOM, TileAddress
from service.routes.api_docs import problem_responses
from service.routes.conditional import cache_headers, not_modified
from service.state import RunningService

router = APIRouter(tags=["map"])


@router.get(
    "/galleries/{name}/tiles/{zoom}/{x}/{y}",
    response_class=Response,
    responses={
        200: {
            "description": "256 x 256 px: JPEG where the tile is full, else PNG with transparency.",
            "content": {"image/png": {}, "image/jpeg": {}},
        },
        304: {"description": "The client's copy (If-None-Match) is current."},
        **problem_responses(401, 404, 405, 422, 503),
    },
)
async def tile(
    request: Request,
    name: str,
    zoom: Annotated[int, Path(ge=0, le=MAX_ZOOM)],
    x: Annotated[int, Path(ge=0, lt=2**MAX_ZOOM)],
    y: Annotated[int, Path(ge=0, lt=2**MAX_ZOOM)],
    running: RunningService,
) -> Response:
    """One web-mercator tile of the gallery's own images; rows count from the north (XYZ)."""
    address = TileAddress(zoom, x, y)
    if not address.exists:
        raise ParameterError(
            f"tile {zoom}/{x}/{y} does not exist; at zoom {zoom}, x and y are 0..{2**zoom - 1}"
        )
    with running.galleries.lease(name) as gallery:
        version = gallery.version
    headers = cache_headers(f"{version}-{zoom}-{x}-{y}", "private, max-age=300")
    unchanged = not_modified(request, headers)
    if unchanged is not None:
        return unchanged
    found = await running.tile_maker.tile(name, version, address)
    return Response(found.content, media_type=found.media_type, headers=headers)
