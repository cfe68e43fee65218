"""The application: wiring only."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from model.descriptor_model import DescriptorModel
from service import problems
from service.errors import SettingsError
from service.lifespan import lifespan_of
from service.middleware.allowed_hosts import AllowedHosts
from service.middleware.api_keys import ApiKeys, RequireApiKey
from service.middleware.body_drain import DrainBody
from service.middleware.head_requests import HeadRequests
from service.middleware.rates import Counter, Rates
from service.middleware.request_log import RequestLog
from service.middleware.security_headers import SecurityHeaders
from service.middleware.shared_rates import SharedRates
from service.routes import (
    admin,
    api_docs,
    building,
    coordinates,
    explanations,
    footprints,
    galleries,
    health,
    map_tiles,
    ogc_features,
    page,
    questions,
    tracks,
)
from service.settings import Settings
from service.state import ServiceState, attach_state
from service.telemetry.metrics import Metrics
from service.telemetry.traces import make_tracing


def create_app(settings: Settings, embedder: DescriptorModel | None = None) -> FastAPI:
    """Return the service as an ASGI app; its lifespan loads the model and the galleries.

    Args:
        settings: the configuration.
        embedder: the model; None: the configured weights, else the shipped ones, loaded in the
            background while /healthz answers and /readyz says 503.

    Raises:
        SettingsError: keys are required and none is set, one is malformed, or an extra is missing.
    """
    keys = ApiKeys(settings.api_keys)
    if settings.keys_required and not len(keys):
        raise SettingsError(
            f"host {settings.host!r} can be reached from outside and no key is set; make one with "
            "`safenet-serve new-key NAME`, or set SAFENET_KEYS=off where something else guards it"
        )
    state = ServiceState(
        metrics=Metrics(), tracing=make_tracing(settings.telemetry), rates=_counter(settings)
    )
    app = FastAPI(
        title="Safe-Net Geo",
        version=version("safenet-geo"),
        lifespan=lifespan_of(settings, embedder, state),
        docs_url=None,
        redoc_url=None,
    )
    attach_state(app, state)
    problems.install(app)
    api_docs.install(app, keys_required=settings.keys_required)
    for module in (
        health,
        questions,
        explanations,
        galleries,
        map_tiles,
        footprints,
        ogc_features,
        coordinates,
        building,
        admin,
        tracks,
        page,
    ):
        app.include_router(module.router)
    _add_middleware(app, settings, keys, state)
    return app


def _counter(settings: Settings) -> Counter:
    alone = Rates(
        questions_per_minute=settings.rate_per_minute,
        maps_per_minute=settings.map_rate_per_minute,
    )
    return SharedRates(alone, settings.redis_url) if settings.redis_url else alone


def _add_middleware(app: FastAPI, settings: Settings, keys: ApiKeys, state: ServiceState) -> None:
    """Add the middleware, innermost first."""
    app.add_middleware(RequireApiKey, keys=keys, rates=state.rates, required=settings.keys_required)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.cors_origins.split(",")],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    app.add_middleware(DrainBody)
    app.add_middleware(HeadRequests)
    if settings.answered_hosts:
        app.add_middleware(AllowedHosts, hosts=settings.answered_hosts)
    app.add_middleware(
        RequestLog,
        metrics=state.metrics,
        tracing=state.tracing,
        is_draining=lambda: state.is_draining,
    )
    app.add_middleware(SecurityHeaders, base_map_origin=settings.base_map_origin)
