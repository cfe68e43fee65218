"""POST /admin/reload and GET /metrics: for the operator."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.routes.api_docs import problem_responses
from service.schemas.galleries import RefusedGallery
from service.schemas.operation import ReloadBody
from service.state import CurrentState, RunningService

router = APIRouter(tags=["operation"])


@router.post("/admin/reload", responses=problem_responses(401, 405, 503))
def reload(running: RunningService) -> ReloadBody:
    """Open newly published gallery versions now; always needs a key."""
    changed = running.galleries.refresh(retry=True)
    refused = [RefusedGallery(name=n, reason=why) for n, why in running.galleries.refused.items()]
    return ReloadBody(changed=changed, refused=refused)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problem_responses(401, 405)},
)
async def metrics(state: CurrentState) -> Response:
    """Prometheus metrics."""
    return Response(state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
