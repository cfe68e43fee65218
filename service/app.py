"""The application: wiring only."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

import numpy as np
from fastapi import FastAPI

from model.embedder import DescriptorModel, Embedder
from service import problems
from service.admission import Admission
from service.batching import BatchWorker
from service.board import GalleryBoard
from service.decoding import Decoder
from service.routes import galleries, health, questions
from service.settings import Settings
from service.state import Running


def create_app(settings: Settings, embedder: DescriptorModel | None = None) -> FastAPI:
    """The service as an ASGI app; its lifespan loads the model and the galleries.

    Args:
        settings: the configuration.
        embedder: the model; None: the configured weights, else the shipped ones.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(app, settings, embedder))
        try:
            await loading
            yield
        finally:
            await _unload(app)

    app = FastAPI(title="Safe-Net Geo", version=version("safenet-geo"), lifespan=lifespan)
    problems.install(app)
    for router in (health.router, questions.router, galleries.router):
        app.include_router(router)
    return app


async def _load(app: FastAPI, settings: Settings, embedder: DescriptorModel | None) -> None:
    app.state.running = await asyncio.to_thread(_start, settings, embedder)


def _start(settings: Settings, embedder: DescriptorModel | None) -> Running:
    model = embedder or Embedder.load(settings.weights, device=settings.device)
    model.embed_pixels(np.zeros((1, 3, model.input_size, model.input_size), np.uint8))
    board = GalleryBoard(settings.store, model)
    board.refresh()
    return Running(
        settings=settings,
        embedder=model,
        worker=BatchWorker(
            model.embed_pixels,
            max_batch=settings.max_batch,
            max_wait_s=settings.max_wait_ms / 1e3,
            capacity=settings.queue_images,
        ),
        decoder=Decoder(
            model,
            threads=settings.decode_threads,
            max_pixels=int(settings.max_megapixels * 1e6),
            min_side_px=settings.min_side_px,
        ),
        searchers=ThreadPoolExecutor(settings.search_threads, thread_name_prefix="search"),
        board=board,
        admission=Admission(
            max_requests=settings.max_requests, max_bytes=settings.max_pending_mib * 2**20
        ),
    )


async def _unload(app: FastAPI) -> None:
    running: Running | None = getattr(app.state, "running", None)
    if running is None:
        return
    app.state.running = None
    for close in (running.decoder.close, running.worker.close, running.searchers.shutdown):
        await asyncio.to_thread(close)
    running.board.close()
