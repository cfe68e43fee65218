"""A gallery as an XYZ map layer: for our page, QGIS and any other client of such layers."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from service.errors import ParameterError
from service.maps.layer_documents import MapLayer, tilejson, wmts_capabilities
from service.maps.mosaic import MAX_ZOOM, TileAddress
from service.media_types import XML
from service.routes.api_docs import problem_responses
from service.routes.conditional import cache_headers, not_modified
from service.schemas.values import GalleryPath
from service.state import Running, RunningService

router = APIRouter(tags=["map"])


DOCUMENT_ERRORS = problem_responses(401, 404, 405, 422, 429, 503)
Zoom = Annotated[int, Path(ge=0, le=MAX_ZOOM, description="Zoom level.")]
Column = Annotated[int, Path(ge=0, lt=2**MAX_ZOOM, description="Column, from the west.")]
Row = Annotated[int, Path(ge=0, lt=2**MAX_ZOOM, description="Row, from the north.")]
Extension = Annotated[
    Literal["png", "jpg", "jpeg"], Path(description="Any of these; it does not choose the format.")
]


@router.get("/galleries/{name}/tiles.json", responses=DOCUMENT_ERRORS)
async def tiles_json(
    request: Request, name: GalleryPath, running: RunningService
) -> dict[str, Any]:
    """Return the gallery's map layer as TileJSON 3.0."""
    return tilejson(await _layer(request, name, running))


@router.get(
    "/galleries/{name}/wmts",
    response_class=Response,
    responses={200: {"content": {XML: {}}}, **DOCUMENT_ERRORS},
)
async def wmts(request: Request, name: GalleryPath, running: RunningService) -> Response:
    """Return the gallery's map layer as WMTS 1.0 capabilities, with RESTful tiles."""
    document = wmts_capabilities(await _layer(request, name, running))
    return Response(document, media_type=XML)


async def _layer(request: Request, name: str, running: Running) -> MapLayer:
    path = f"/galleries/{quote(name, safe='')}"
    return await running.tile_maker.layer(name, path, str(request.base_url).rstrip("/"))


@router.get(
    "/galleries/{name}/tiles/{zoom}/{x}/{y}.{extension}",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/jpeg": {}}},
        204: {"description": "No image lies on this tile."},
        304: {"description": "The client's copy (If-None-Match) is current."},
        **problem_responses(401, 404, 405, 422, 429, 503),
    },
)
async def tile_with_extension(
    request: Request,
    name: GalleryPath,
    zoom: Zoom,
    x: Column,
    y: Row,
    extension: Extension,
    running: RunningService,
) -> Response:
    """One tile, for clients that want an extension; Content-Type names the actual format."""
    return await tile(request, name, zoom, x, y, running)


@router.get(
    "/galleries/{name}/tiles/{zoom}/{x}/{y}",
    response_class=Response,
    responses={
        204: {"description": "No image lies on this tile."},
        200: {
            "description": "256 x 256 px: JPEG where the tile is full, else PNG with transparency.",
            "content": {"image/png": {}, "image/jpeg": {}},
        },
        304: {"description": "The client's copy (If-None-Match) is current."},
        **problem_responses(401, 404, 405, 422, 429, 503),
    },
)
async def tile(
    request: Request,
    name: GalleryPath,
    zoom: Zoom,
    x: Column,
    y: Row,
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
    if not found.content:
        return Response(status_code=204, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
