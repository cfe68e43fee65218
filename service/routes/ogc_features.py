"""GET /ogc/…: footprints as OGC API - Features, for QGIS, GDAL and other GIS programs."""

import itertools
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from indexer.gallery.interface import OpenGallery
from indexer.records import ImageRecord
from service.bounds import parse_bounds
from service.errors import QueryError
from service.maps import features_documents as documents
from service.maps.features_documents import FeatureCollectionFacts, Page
from service.media_types import GEOJSON, JSON
from service.routes.api_docs import problem_responses
from service.routes.footprints import feature
from service.schemas.values import NAME_PATTERN, ImagePath
from service.state import RunningService

router = APIRouter(prefix="/ogc", tags=["map"])

USUAL_LIMIT, MAX_LIMIT = 100, 10_000
MAX_OFFSET = 10_000_000
ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
ERRORS = problem_responses(400, 401, 404, 405, 422, 429, 431, 503)
CollectionPath = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a gallery.")]


@router.get("", responses=problem_responses(401, 405))
@router.get("/", include_in_schema=False)
async def landing_page(request: Request) -> dict[str, Any]:
    """Return the landing page of OGC API - Features: where everything is."""
    base = str(request.base_url).rstrip("/")
    return documents.landing_page(_root(request), f"{base}/openapi.json", f"{base}/docs")


@router.get("/conformance", responses=problem_responses(401, 405))
async def conformance() -> dict[str, Any]:
    """Return the conformance classes of OGC API - Features that are met."""
    return documents.conformance()


@router.get("/collections", responses=ERRORS)
def collections(request: Request, running: RunningService) -> dict[str, Any]:
    """Return the collections: one for each gallery."""
    facts = []
    for name in sorted(running.galleries.names()):
        with running.galleries.lease(name) as gallery:
            facts.append(_facts(gallery))
    return documents.collections(_root(request), facts)


@router.get("/collections/{name}", responses=ERRORS)
def collection(request: Request, name: CollectionPath, running: RunningService) -> dict[str, Any]:
    """Return one collection."""
    with running.galleries.lease(name) as gallery:
        return documents.collection(_root(request), _facts(gallery))


_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "limit",
        "in": "query",
        "description": "How many features to return.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "default": USUAL_LIMIT,
        },
        "style": "form",
        "explode": False,
    },
    {
        "name": "offset",
        "in": "query",
        "description": "How many features to pass over; `next` links set it.",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    },
    {
        "name": "bbox",
        "in": "query",
        "description": "Only images whose centre lies in west,south,east,north, degrees.",
        "schema": {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 6,
        },
        "style": "form",
        "explode": False,
    },
    {
        "name": "datetime",
        "in": "query",
        "description": "Only images taken then (RFC 3339, an instant or start/end, `..` where "
        "open); images without a time always.",
        "schema": {"type": "string"},
        "style": "form",
        "explode": False,
    },
]


@router.get(
    "/collections/{name}/items",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}, **ERRORS},
    openapi_extra={"parameters": _PARAMETERS},
)
def items(request: Request, name: CollectionPath, running: RunningService) -> Response:
    """Return footprints of a gallery's images by id, page by page."""
    query = dict(request.query_params)
    unknown = set(query) - {each["name"] for each in _PARAMETERS}
    if unknown:
        raise QueryError(f"parameter {min(unknown)[:80]!r} is not known; leave it out")
    limit = min(_whole(query, "limit", USUAL_LIMIT, 1, None), MAX_LIMIT)
    offset = _whole(query, "offset", 0, 0, MAX_OFFSET)
    within = _box(query["bbox"]) if "bbox" in query else None
    interval = _interval(query["datetime"]) if "datetime" in query else None
    with running.galleries.lease(name) as gallery:
        wanted = (record for record in gallery.records(within=within) if _taken(record, interval))
        found = list(itertools.islice(wanted, offset, offset + limit + 1))
    kept: dict[str, str] = {key: query[key] for key in query if key in ("bbox", "datetime")}
    page = Page(
        offset=offset,
        limit=limit,
        has_more=len(found) > limit,
        query=f"&{urlencode(kept)}" if kept else "",
    )
    features = [feature(record) for record in found[:limit]]
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = documents.items(_root(request), name, features, page, moment)
    return JSONResponse(document, media_type=GEOJSON)


@router.get(
    "/collections/{name}/items/{image_id:path}",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}, **ERRORS},
)
def item(
    request: Request, name: CollectionPath, image_id: ImagePath, running: RunningService
) -> Response:
    """Return the footprint of one image."""
    with running.galleries.lease(name) as gallery:
        found = feature(gallery.record(image_id))
    address = f"{_root(request)}/collections/{name}"
    found["links"] = [
        documents.link(f"{address}/items/{quote(image_id)}", "self", GEOJSON, "This feature"),
        documents.link(address, "collection", JSON, "The collection"),
    ]
    return JSONResponse(found, media_type=GEOJSON)


def _root(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/ogc"


def _facts(gallery: OpenGallery) -> FeatureCollectionFacts:
    return FeatureCollectionFacts(name=gallery.name, view=gallery.view, extent=gallery.extent())


def _whole(query: dict[str, str], name: str, usual: int, least: int, most: int | None) -> int:
    text = query.get(name, str(usual))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if number < least or (most is not None and number > most):
        raise QueryError(f"{name}: {text[:80]!r} is not a whole number from {least}; send one")
    return number


def _box(text: str) -> tuple[float, float, float, float]:
    parts = text.split(",")
    if len(parts) == 6:  # with heights, which footprints do not have
        parts = [*parts[:2], *parts[3:5]]
    try:
        return parse_bounds(",".join(parts))
    except ValueError as error:
        raise QueryError(f"bbox: {error}") from error


def _interval(text: str) -> tuple[datetime, datetime]:
    """Return the first and last moment of an RFC 3339 instant, or interval with open ends."""
    start, separator, end = text.partition("/")
    ends = (start, end) if separator else (start, start)
    open_ends = ("", "..") if separator else ()
    try:
        first = ALWAYS[0] if ends[0] in open_ends else _moment(ends[0])
        last = ALWAYS[1] if ends[1] in open_ends else _moment(ends[1])
    except ValueError:
        raise QueryError(
            f"datetime: {text[:80]!r} is neither an RFC 3339 moment nor start/end; "
            "send 2024-05-01T00:00:00Z/.."
        ) from None
    if first > last:
        raise QueryError(f"datetime: {text[:80]!r} ends before it begins; swap its parts")
    return first, last


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _taken(record: ImageRecord, interval: tuple[datetime, datetime] | None) -> bool:
    return (
        interval is None
        or record.captured_at is None
        or interval[0] <= record.captured_at <= interval[1]
    )
