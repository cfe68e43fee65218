"""GET /explanations/…: the images that explain=true links to."""

import io
from typing import Annotated

from fastapi import APIRouter, Path, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool

from model.images import open_image
from service.errors import ParameterError
from service.questions.explanations import Explainable, ExplainingModel, ExplanationKind, draw
from service.routes.api_docs import problem_responses
from service.state import Running, RunningService

router = APIRouter(tags=["questions"])


@router.get(
    "/explanations/{explanation}/{image}/{kind}",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}},
        **problem_responses(401, 404, 405, 422, 429, 503),
    },
)
async def explanation(
    explanation: Annotated[
        str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", description="Id, from an answer's links.")
    ],
    image: Annotated[
        str, Path(pattern=r"^(query|match)-[1-9]$", description="Which image, numbered from 1.")
    ],
    kind: Annotated[ExplanationKind, Path(description="Which picture of it.")],
    running: RunningService,
) -> Response:
    """One explanation: the aligned view, its rings or its heatmap."""
    question = running.explanations.find(explanation, image)
    model = running.embedder
    if not isinstance(model, ExplainingModel):
        raise ParameterError(f"explain: model {model.name!r} cannot explain an image")
    picture = await run_in_threadpool(_picture, running, question, image)
    with running.worker.reserve(1):
        explained = await running.worker.run(lambda: model.explain(picture))
    data = await run_in_threadpool(lambda: _jpeg(draw(picture, explained, kind)))
    return Response(
        data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"}
    )


def _picture(running: Running, question: Explainable, image: str) -> Image.Image:
    role, number = image.split("-")
    if role == "query":
        return question.queries[int(number) - 1]
    with running.galleries.lease(question.gallery) as gallery:
        return open_image(gallery.picture(question.match_ids[int(number) - 1]))


def _jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88)
    return stream.getvalue()
