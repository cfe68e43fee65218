"""POST /localize and POST /navigate."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from indexer.gallery.interface import OpenGallery
from indexer.records import View
from service.errors import ParameterError
from service.formats import MEDIA_TYPES, PlacedPhoto, written
from service.questions.deadline import before_deadline
from service.questions.explanations import MAX_MATCHES, MAX_QUERIES, Explainable, ExplainingModel
from service.questions.parameters import joined_parameters
from service.questions.pipeline import Question, QuestionResult
from service.questions.response import answer_body, explanation_body
from service.questions.uploads import UploadLimits, read_upload
from service.routes.api_docs import problem_responses
from service.schemas.answers import AnswerBody, PicturesBody
from service.schemas.questions import QuestionFields, QuestionParameters
from service.settings import Settings
from service.state import Running, RunningService

router = APIRouter(tags=["questions"])
Fields = Annotated[QuestionFields, Query()]
"""The query string, each value checked before the body is read; the form may add to it."""

_IMAGE = {"type": "string", "format": "binary"}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "array", "items": _IMAGE, "minItems": 1},
                        **QuestionFields.model_json_schema()["properties"],
                    },
                    "additionalProperties": False,
                }
            },
            "image/*": {"schema": _IMAGE},
        },
    }
}

MAX_FIELDS = 2 * len(QuestionFields.model_fields)
"""Number of text fields in a form. Our choice: every parameter twice, so that it can be named."""

ENDPOINT: dict[View, str] = {"satellite": "localize", "drone": "navigate"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type: {} for media_type in MEDIA_TYPES}},
    **problem_responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 503),
}


@router.post("/localize", response_model=AnswerBody, openapi_extra=BODY, responses=RESPONSES)
async def localize(request: Request, query: Fields, running: RunningService) -> Response:
    """Where was this drone image taken? Ranked satellite tiles and one estimate."""
    return await _answered(request, running, "satellite")


@router.post("/navigate", response_model=AnswerBody, openapi_extra=BODY, responses=RESPONSES)
async def navigate(request: Request, query: Fields, running: RunningService) -> Response:
    """Which drone images show this satellite tile? Ranked images and their flights."""
    return await _answered(request, running, "drone")


async def _answered(request: Request, running: Running, view: View) -> Response:
    started_at = time.perf_counter()
    with running.admission.enter(request):
        upload = await read_upload(request, _upload_limits(running.settings), running.admission)
        parameters = joined_parameters(
            QuestionParameters, request.query_params.multi_items(), upload.fields
        )
        _refuse_unsupported(running, parameters, view)
        name = _gallery_name(running, parameters, view)
        with running.galleries.lease(name) as gallery:
            _check_view(gallery, view)
            result = await before_deadline(
                request,
                running.pipeline.run(
                    gallery, Question(images=upload.images, parameters=parameters)
                ),
                deadline_s=running.settings.deadline_s,
                wait_s=running.worker.wait_s,
            )
            links = _explained(running, result, name) if parameters.explain else None
            total_ms = (time.perf_counter() - started_at) * 1e3
            body = answer_body(result, gallery, running.embedder, total_ms, links)
    _count(running, ENDPOINT[view], body)
    media_type, content = await run_in_threadpool(
        written, body, parameters.format, _placed(result, parameters)
    )
    return Response(content, media_type=media_type)


def _placed(result: QuestionResult, parameters: QuestionParameters) -> PlacedPhoto:
    estimate = result.answer.estimate
    return PlacedPhoto(
        picture=result.decoded[0].picture,
        outline=None if estimate is None else estimate.footprint,
        crs=parameters.crs,
    )


def _upload_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        max_bytes=settings.max_body_mib * 2**20,
        max_views=settings.max_views,
        max_fields=MAX_FIELDS,
        timeout_s=settings.upload_s,
    )


def _gallery_name(running: Running, parameters: QuestionParameters, view: View) -> str:
    """Return the request's gallery, else the configured one, else the only fitting one.

    Raises:
        UnknownGalleryError: no gallery holds that view.
        ParameterError: several do.
    """
    if parameters.gallery is not None:
        return parameters.gallery
    settings = running.settings
    default = settings.localize_gallery if view == "satellite" else settings.navigate_gallery
    return running.galleries.choose(view, default)


def _check_view(gallery: OpenGallery, view: View) -> None:
    """Refuse a gallery of the other view.

    Raises:
        ParameterError: it holds the other view.
    """
    if gallery.view != view:
        raise ParameterError(
            f"gallery: {gallery.name!r} holds {gallery.view} images; send the question to "
            f"/{ENDPOINT[gallery.view]}, or name a {view} gallery"
        )


def _refuse_unsupported(running: Running, parameters: QuestionParameters, view: View) -> None:
    """Refuse what this configuration does not offer.

    Raises:
        ParameterError: top_k is above the service's limit, there are no explanations, or a flight's
            track is wanted of a map.
    """
    if parameters.track and view == "satellite":
        raise ParameterError("track: a map has no flights; send the question to /navigate")
    settings = running.settings
    if parameters.top_k > settings.max_top_k:
        raise ParameterError(
            f"top_k: {parameters.top_k} is above this service's {settings.max_top_k}"
        )
    can_explain = settings.explanations_kept > 0 and isinstance(running.embedder, ExplainingModel)
    if parameters.explain and not can_explain:
        raise ParameterError(
            "explain: this service or its model offers no explanation; leave it out"
        )


def _count(running: Running, endpoint: str, body: AnswerBody) -> None:
    timing = body.timing_ms
    running.metrics.answers.labels(f"/{endpoint}", body.status).inc()
    running.metrics.stages(
        decode=timing.decode, queue=timing.queue, embed=timing.embed, search=timing.search
    )


def _explained(running: Running, result: QuestionResult, gallery: str) -> list[PicturesBody]:
    pictures = [image.picture for image in result.decoded[:MAX_QUERIES]]
    question = Explainable(
        gallery=gallery,
        queries=[picture for picture in pictures if picture is not None],
        match_ids=[match.record.image_id for match in result.answer.matches[:MAX_MATCHES]],
    )
    return explanation_body(running.explanations.remember(question), question)
