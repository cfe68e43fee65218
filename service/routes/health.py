"""GET /healthz and GET /readyz: for machines, without a key."""

from fastapi import APIRouter, Request

from service.errors import NotReadyError
from service.routes.api_docs import problem_responses
from service.schemas import HealthBody
from service.state import RunningService

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problem_responses(405))
async def healthz() -> HealthBody:
    """Alive: the event loop turns."""
    return HealthBody(status="alive")


@router.get("/readyz", responses=problem_responses(405, 503))
async def readyz(request: Request, running: RunningService) -> HealthBody:
    """Ready: the model is warm, a gallery is loaded and no shutdown has begun."""
    if getattr(request.app.state, "draining", False):
        raise NotReadyError("the service is shutting down; ask another one")
    if not running.board.names():
        raise NotReadyError("no gallery is loaded; publish one with safenet-index build")
    return HealthBody(status="ready")
