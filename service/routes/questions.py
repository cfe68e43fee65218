"""POST /localize and POST /navigate."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from indexer.records import View
from service.errors import ParameterError
from service.questions.deadline import while_wanted
from service.questions.explanations import MAX_MATCHES, MAX_QUERIES, Explainable, ExplainingModel
from service.questions.formats import FORMS
from service.questions.pipeline import Outcome, Question, ask, check_view, choose_gallery
from service.questions.response import answer_body, explanation_body
from service.questions.uploads import UploadLimits, read_images
from service.routes.api_docs import problem_responses
from service.schemas import AnswerBody, PicturesBody, QuestionParameters
from service.state import Running, RunningService

router = APIRouter(tags=["questions"])
Parameters = Annotated[QuestionParameters, Query()]

_IMAGE = {"type": "string", "format": "binary"}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "array", "items": _IMAGE, "minItems": 1}},
                }
            },
            "image/*": {"schema": _IMAGE},
        },
    }
}

ENDPOINT: dict[View, str] = {"satellite": "localize", "drone": "navigate"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type: {} for media_type, _ in FORMS.values()}},
    **problem_responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 503),
}


@router.post("/localize", response_model=AnswerBody, openapi_extra=BODY, responses=RESPONSES)
async def localize(request: Request, parameters: Parameters, running: RunningService) -> Response:
    """Where was this drone image taken? Ranked satellite tiles and one estimate."""
    return await _answered(request, parameters, running, "satellite")


@router.post("/navigate", response_model=AnswerBody, openapi_extra=BODY, responses=RESPONSES)
async def navigate(request: Request, parameters: Parameters, running: RunningService) -> Response:
    """Which drone images show this satellite tile? Ranked images and their flights."""
    return await _answered(request, parameters, running, "drone")


async def _answered(
    request: Request, parameters: QuestionParameters, running: Running, view: View
) -> Response:
    started_at = time.perf_counter()
    settings = running.settings
    limits = UploadLimits(
        max_bytes=settings.max_body_mib * 2**20,
        max_views=settings.max_views,
        timeout_s=settings.upload_s,
    )
    name = choose_gallery(running, parameters, view)
    _check(running, parameters)
    with running.admission.enter(request), running.board.lease(name) as gallery:
        check_view(gallery, view)
        images = await read_images(request, limits, running.admission)
        question = Question(images=images, parameters=parameters, view=view)
        outcome = await while_wanted(
            request, ask(running, gallery, question), deadline_s=settings.deadline_s
        )
        total_ms = (time.perf_counter() - started_at) * 1e3
        links = _explained(running, outcome, name) if parameters.explain else None
        body = answer_body(outcome, gallery, running.embedder, total_ms, links)
        running.metrics.answers.labels(f"/{ENDPOINT[view]}", body.status).inc()
        running.metrics.stages(
            decode=outcome.decode_ms,
            queue=outcome.queue_ms,
            embed=outcome.embed_ms,
            search=outcome.search_ms,
        )
        media_type, write = FORMS[parameters.format]
        return Response(write(body), media_type=media_type)


def _check(running: Running, parameters: QuestionParameters) -> None:
    """Refuse what this configuration does not offer."""
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


def _explained(running: Running, outcome: Outcome, gallery: str) -> list[PicturesBody]:
    pictures = [image.picture for image in outcome.decoded[:MAX_QUERIES]]
    question = Explainable(
        gallery=gallery,
        queries=[picture for picture in pictures if picture is not None],
        match_ids=[match.record.image_id for match in outcome.matches[:MAX_MATCHES]],
    )
    return explanation_body(running.explanations.remember(question), question)
