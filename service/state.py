"""What one running service holds, made by the app's lifespan and reached through the request."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from model.embedder import DescriptorModel
from service.errors import NotReadyError
from service.open_galleries import GalleryBoard
from service.questions.batching import BatchWorker
from service.questions.decoding import Decoder
from service.questions.explanations import Explanations
from service.questions.limits import Admission
from service.settings import Settings
from service.telemetry.traces import Tracing

if TYPE_CHECKING:  # metrics reads the running parts
    from service.telemetry.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Running:
    """The parts of a service whose model is loaded."""

    settings: Settings
    embedder: DescriptorModel
    worker: BatchWorker
    decoder: Decoder
    searchers: ThreadPoolExecutor
    board: GalleryBoard
    admission: Admission
    explanations: Explanations
    metrics: "Metrics"
    tracing: Tracing


async def running(request: Request) -> Running:
    """The running service.

    Raises:
        NotReadyError: the model or the galleries are still loading.
    """
    parts = getattr(request.app.state, "running", None)
    if parts is None:
        raise NotReadyError("the model and the galleries are still loading; ask again in 1 s")
    return cast(Running, parts)


RunningService = Annotated[Running, Depends(running)]
