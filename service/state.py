"""The parts of one running service: made by the lifespan, reached through the request."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from model.descriptor_model import DescriptorModel
from service.building.job_board import JobBoard
from service.errors import NotReadyError
from service.maps.tile_maker import TileMaker
from service.middleware.rates import Counter
from service.open_galleries import OpenGalleries
from service.questions.batching import BatchWorker
from service.questions.explanations import Explanations
from service.questions.limits import Admission
from service.questions.pipeline import Pipeline
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.traces import Tracing
from service.tracks.registry import Tracks


@dataclass(frozen=True, kw_only=True)
class Running:
    """The parts of a service whose model is loaded."""

    settings: Settings
    embedder: DescriptorModel
    worker: BatchWorker
    pipeline: Pipeline
    galleries: OpenGalleries
    tile_maker: TileMaker
    admission: Admission
    explanations: Explanations
    tracks: Tracks
    job_board: JobBoard
    metrics: Metrics


@dataclass(kw_only=True)
class ServiceState:
    """What an app knows about itself from its start to its end.

    `running` is None while the model and the galleries are loading and after the shutdown;
    `load_error` is what stopped the loading, if anything did.
    """

    metrics: Metrics
    tracing: Tracing
    rates: Counter
    running: Running | None = None
    is_draining: bool = False
    load_error: Exception | None = None


def attach_state(app: FastAPI, state: ServiceState) -> None:
    """Give an app its state; `state_of` returns it."""
    app.state.service = state


def state_of(app: FastAPI) -> ServiceState:
    """Return the state of an app that `create_app` made."""
    state: ServiceState = app.state.service
    return state


async def service_state(request: Request) -> ServiceState:
    """Return the state of the app that serves a request."""
    return state_of(request.app)


async def running_service(request: Request) -> Running:
    """Return the running service.

    Raises:
        NotReadyError: the model or the galleries are still loading.
    """
    running = state_of(request.app).running
    if running is None:
        raise NotReadyError("the model and the galleries are still loading; try again in 1 s")
    return running


RunningService = Annotated[Running, Depends(running_service)]
CurrentState = Annotated[ServiceState, Depends(service_state)]
