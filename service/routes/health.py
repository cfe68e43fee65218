"""GET /healthz and GET /readyz: for machines, without a key."""

from fastapi import APIRouter

from service.errors import NotReadyError
from service.routes.api_docs import problem_responses
from service.schemas.operation import HealthBody
from service.state import CurrentState, RunningService

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model_exclude_none=True, responses=problem_responses(405))
async def healthz() -> HealthBody:
    """Alive: the event loop responds."""
    return HealthBody(status="alive")


@router.get("/readyz", response_model_exclude_none=True, responses=problem_responses(405, 503))
async def readyz(state: CurrentState, running: RunningService) -> HealthBody:
    """Ready: the model is warm, a gallery is loaded and no shutdown has begun."""
    if state.is_draining:
        raise NotReadyError("the service is shutting down; use another one")
    if not running.galleries.names():
        running.galleries.require_store()
        raise NotReadyError("no gallery is loaded; publish one with safenet-index build")
    return HealthBody(status="ready", refused_galleries=len(running.galleries.refused) or None)
