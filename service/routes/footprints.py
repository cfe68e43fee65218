"""Footprints of a gallery's images as GeoJSON (RFC 7946): for our page, QGIS and other maps."""

import gzip
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from indexer.gallery.export import geometry
from indexer.geojson import DECIMALS
from indexer.records import ImageRecord
from service.bounds import parse_bounds
from service.media_types import GEOJSON
from service.routes.api_docs import problem_responses
from service.routes.conditional import cache_headers, not_modified
from service.schemas.values import BOUNDS_WORDS, BoundsText, GalleryPath
from service.state import RunningService

router = APIRouter(tags=["map"])

MAX_FEATURES = 20_000
"""Our choice: 5 MB of JSON, which a browser parses in a tenth of a second."""


@router.get(
    "/galleries/{name}/footprints",
    response_class=Response,
    responses={
        200: {
            "description": "FeatureCollection: a polygon per image whose ground area is known, "
            "else a point; `bbox` spans the gallery, `truncated` is true if some were left out.",
            "content": {GEOJSON: {"schema": {"type": "object"}}},
        },
        304: {"description": "The client's copy (If-None-Match) is current."},
        **problem_responses(401, 404, 405, 422, 429, 503),
    },
)
def footprints(
    request: Request,
    name: GalleryPath,
    running: RunningService,
    bounds: Annotated[BoundsText | None, Query(description=BOUNDS_WORDS)] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_FEATURES, description="Most footprints in the answer.")
    ] = MAX_FEATURES,
) -> Response:
    """Footprints of the gallery's images by id."""
    within = None if bounds is None else parse_bounds(bounds)
    with running.galleries.lease(name) as gallery:
        headers = cache_headers(gallery.version, "private, no-cache")
        unchanged = not_modified(request, headers)
        if unchanged is not None:
            return unchanged
        records = list(gallery.records(within=within, limit=limit + 1))
        extent = gallery.extent()
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [feature(record) for record in records[:limit]],
        "truncated": len(records) > limit,
    }
    if extent is not None:
        collection["bbox"] = [round(value, DECIMALS) for value in extent]
    text = json.dumps(collection, separators=(",", ":"))
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(gzip.compress(text.encode(), 5), media_type=GEOJSON, headers=headers)
    return Response(text, media_type=GEOJSON, headers=headers)


def feature(record: ImageRecord) -> dict[str, Any]:
    """Return one image as a GeoJSON feature."""
    known = {
        "gsd_m": record.gsd_m,
        "heading_deg": record.heading_deg,
        "flight_id": record.flight_id,
        "captured_at": record.captured_at and record.captured_at.isoformat(),
    }
    properties = {name: value for name, value in known.items() if value is not None}
    return {
        "type": "Feature",
        "id": record.image_id,
        "geometry": geometry(record),
        "properties": properties,
    }
