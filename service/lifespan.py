"""Start and end of a running service: load the model and the galleries, watch them, unload."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
from fastapi import FastAPI

from model.cpu_threads import limit_blas_threads
from model.descriptor_model import DescriptorModel
from model.embedder import Embedder
from model.errors import SafeNetError
from service.building.indexer_process import Indexer
from service.building.job_board import JobBoard
from service.maps.tile_maker import TileMaker
from service.open_galleries import OpenGalleries
from service.questions.batching import BatchWorker
from service.questions.decoding import Decoder
from service.questions.explanations import Explanations
from service.questions.limits import Admission
from service.questions.pipeline import Pipeline
from service.settings import Settings
from service.state import Running, ServiceState
from service.tracks.registry import TrackLimits, Tracks

_log = logging.getLogger(__name__)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def lifespan_of(
    settings: Settings, embedder: DescriptorModel | None, state: ServiceState
) -> Lifespan:
    """Return the app's lifespan.

    A model that was handed in is ready before the first request; weights that must be read are
    loaded while /healthz answers already, unless the settings say to listen when ready. An error
    while loading is kept in `state.load_error`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.running = state.load_error = None
        serving = asyncio.create_task(_serve(state, lambda: _load(settings, embedder, state)))
        if embedder is not None or settings.listen_when_ready:
            while state.running is None and not serving.done():
                await asyncio.sleep(0.005)
        try:
            yield
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            await state.rates.close()

    return lifespan


async def _serve(state: ServiceState, load: Callable[[], Running]) -> None:
    """Load, look for new gallery versions until cancelled, then unload."""
    try:
        running = await asyncio.to_thread(load)
    except SafeNetError as error:
        _log.error("cannot start: %s", error)
        state.load_error = error
        return
    except Exception as error:
        _log.exception("cannot start")
        state.load_error = error
        return
    running.metrics.watch(running.worker, running.admission, running.galleries, running.embedder)
    state.running = running
    _log.info(
        "ready", extra={"model": running.embedder.name, "galleries": len(running.galleries.names())}
    )
    try:
        await _watch(running)
    finally:
        state.running = None
        await running.job_board.close()
        await asyncio.to_thread(_unload, running, state)


async def _watch(running: Running) -> None:
    if running.settings.watch_s == 0:
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(running.settings.watch_s)
        try:
            await asyncio.to_thread(running.galleries.refresh)
        except Exception:  # a store that cannot be read now may be readable later
            _log.exception("cannot look for new galleries")


def _load(settings: Settings, embedder: DescriptorModel | None, state: ServiceState) -> Running:
    limit_blas_threads()
    model = embedder or Embedder.load(
        settings.weights,
        device=settings.device,
        matcher=settings.matcher,
        precision=settings.precision,
        threads=settings.model_threads,
    )
    model.embed_query_pixels(np.zeros((1, 3, model.input_size, model.input_size), np.uint8))
    galleries = OpenGalleries(settings.store, model)
    galleries.refresh()
    worker = BatchWorker(
        model.embed_query_pixels,
        max_batch=settings.max_batch,
        max_wait_s=settings.max_wait_ms / 1e3,
        capacity=settings.queue_images,
        on_batch=state.metrics.batch,
    )
    return Running(
        settings=settings,
        embedder=model,
        worker=worker,
        pipeline=_pipeline(settings, model, worker, state),
        galleries=galleries,
        tile_maker=TileMaker(galleries),
        admission=Admission(
            max_requests=settings.max_requests, max_bytes=settings.max_pending_mib * 2**20
        ),
        explanations=Explanations(settings.explanations_kept),
        tracks=Tracks(
            TrackLimits(
                tracks=settings.max_tracks,
                frames=settings.track_frames,
                idle_s=settings.track_idle_s,
            )
        ),
        job_board=JobBoard(
            Indexer(store=settings.store, weights=settings.weights, matcher=settings.matcher),
            galleries.refresh,
        ),
        metrics=state.metrics,
    )


def _pipeline(
    settings: Settings, model: DescriptorModel, worker: BatchWorker, state: ServiceState
) -> Pipeline:
    return Pipeline(
        embedder=model,
        worker=worker,
        decoder=Decoder(
            model,
            threads=settings.decode_threads,
            max_pixels=int(settings.max_megapixels * 1e6),
            min_side_px=settings.min_side_px,
            max_bytes=settings.max_decode_mib * 2**20,
        ),
        searchers=ThreadPoolExecutor(settings.search_threads, thread_name_prefix="search"),
        tracing=state.tracing,
        image_gps_radius_m=settings.image_gps_radius_m,
    )


def _unload(running: Running, state: ServiceState) -> None:
    running.pipeline.decoder.close()
    running.worker.close()
    running.pipeline.searchers.shutdown()
    running.galleries.close()
    state.tracing.close()
