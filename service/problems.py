"""Every error as application/problem+json (RFC 9457), with the table from class to status."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from indexer import errors as gallery_errors
from model import errors as image_errors
from service import errors
from service.media_types import PROBLEM

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="Stable name of the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What, value, remedy.")
    request_id: str | None = None


@dataclass(frozen=True)
class ProblemKind:
    """One row of the table."""

    status: int
    slug: str
    title: str


TABLE: Mapping[type[Exception], ProblemKind] = {
    image_errors.NotAnImageError: ProblemKind(400, "not-an-image", "Not an image"),
    image_errors.TruncatedImageError: ProblemKind(
        400, "truncated-image", "Truncated or damaged image"
    ),
    image_errors.TooManyPixelsError: ProblemKind(400, "too-many-pixels", "Too many pixels"),
    errors.TooSmallImageError: ProblemKind(400, "image-too-small", "Image too small"),
    errors.TooMuchMetadataError: ProblemKind(400, "too-much-metadata", "Too much metadata"),
    errors.EmptyUploadError: ProblemKind(400, "no-image", "No image in the request"),
    errors.BadMultipartError: ProblemKind(400, "bad-multipart", "Unreadable multipart body"),
    errors.QueryError: ProblemKind(400, "bad-query", "Malformed query"),
    errors.AccessError: ProblemKind(401, "key-needed", "Key missing or wrong"),
    gallery_errors.UnknownGalleryError: ProblemKind(404, "unknown-gallery", "Unknown gallery"),
    gallery_errors.UnknownImageError: ProblemKind(404, "unknown-image", "Unknown image"),
    errors.UnknownExplanationError: ProblemKind(404, "unknown-explanation", "Unknown explanation"),
    errors.UnknownTrackError: ProblemKind(404, "unknown-track", "Unknown track"),
    errors.UnknownJobError: ProblemKind(404, "unknown-job", "Unknown job"),
    errors.JobStateError: ProblemKind(409, "job-state", "Not possible now"),
    errors.SlowUploadError: ProblemKind(408, "slow-upload", "Upload too slow"),
    gallery_errors.OutOfOrderError: ProblemKind(409, "frame-out-of-order", "Frame out of order"),
    gallery_errors.NoCameraError: ProblemKind(409, "no-camera", "Camera unknown"),
    errors.TrackFullError: ProblemKind(409, "track-full", "Track full"),
    errors.BodyTooLargeError: ProblemKind(413, "body-too-large", "Body too large"),
    errors.UnsupportedTypeError: ProblemKind(415, "unsupported-type", "Unsupported content type"),
    errors.ParameterError: ProblemKind(422, "bad-parameter", "Parameter out of range"),
    errors.UnknownFileError: ProblemKind(422, "unknown-file", "File under another name"),
    errors.NotPlacedError: ProblemKind(422, "not-placed", "Photo not placed on the map"),
    errors.TooManyViewsError: ProblemKind(422, "too-many-views", "Too many images"),
    gallery_errors.BadFieldOfViewError: ProblemKind(422, "bad-parameter", "Parameter out of range"),
    gallery_errors.BadFilterError: ProblemKind(422, "bad-parameter", "Parameter out of range"),
    errors.QueueFullError: ProblemKind(429, "queue-full", "Queue full"),
    errors.RateLimitedError: ProblemKind(429, "rate-limited", "Too many requests"),
    errors.TooManyTracksError: ProblemKind(429, "too-many-tracks", "Too many tracks"),
    errors.BuildBusyError: ProblemKind(429, "build-busy", "Another map is being built"),
    errors.StorageFullError: ProblemKind(507, "storage-full", "Storage full"),
    errors.DeadlineError: ProblemKind(503, "deadline", "Not answered in time"),
    errors.NotReadyError: ProblemKind(503, "not-ready", "Not ready"),
    gallery_errors.EmptySourceError: ProblemKind(503, "gallery-empty", "Gallery empty"),
    gallery_errors.StoreError: ProblemKind(503, "gallery-unusable", "Gallery unusable"),
    gallery_errors.StoreUnavailableError: ProblemKind(503, "store-away", "Store not reachable"),
    errors.GalleryRefusedError: ProblemKind(503, "gallery-refused", "Gallery refused"),
}

INTERNAL = ProblemKind(500, "internal", "Internal error")


def problem(
    request: Request, kind: ProblemKind, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return one problem as a response."""
    body = Problem(
        type=f"urn:safenet-geo:problem:{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        request_id=request.scope.get("state", {}).get("request_id"),
    )
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, kind.status, headers=headers, media_type=PROBLEM)


def internal_problem(request: Request) -> Response:
    """Return the problem of an exception that no table row covers."""
    detail = "the service failed on this request; its log has the cause under this request id"
    return problem(request, INTERNAL, detail)


def install(app: FastAPI) -> None:
    """Make the app answer every exception as a problem."""
    for error_class in TABLE:
        app.add_exception_handler(error_class, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def kind_of(error: Exception) -> ProblemKind:
    """Return the table's row of an error, by its nearest class."""
    for error_class in type(error).__mro__:
        if error_class in TABLE:
            return TABLE[error_class]
    return INTERNAL


async def _known(request: Request, error: Exception) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, errors.BusyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.NotReadyError | gallery_errors.StoreUnavailableError):
        headers["Retry-After"] = "1"
    if isinstance(error, errors.AccessError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, kind_of(error), str(error), headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem(
        request,
        ProblemKind(422, "bad-parameter", "Parameter out of range"),
        _validation_text(error.errors()),
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    slug = phrase.lower().replace(" ", "-")
    why = f"{phrase.lower()}; /docs lists the routes"
    if error.status_code == HTTPStatus.BAD_REQUEST:
        why = "the body cannot be read; /docs shows its form"
    detail = f"{request.method} {request.url.path}: {why}"
    return problem(request, ProblemKind(error.status_code, slug, phrase), detail, error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    return internal_problem(request)


def _validation_text(failures: Sequence[Any]) -> str:
    lines = []
    for failure in failures[:5]:
        name = ".".join(
            str(part) for part in failure["loc"] if part not in ("query", "path", "body")
        )
        value = (
            "" if isinstance(failure.get("input"), dict) else f" (got {failure.get('input')!r:.80})"
        )
        reason = failure["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {reason}{value}" if name else reason)
    return "; ".join(lines)
