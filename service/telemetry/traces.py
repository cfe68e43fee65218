"""OpenTelemetry traces (extra `telemetry`): one span per request and one per stage of a question.

OTEL_EXPORTER_OTLP_ENDPOINT and related variables set the receiver. If tracing is off, nothing is
imported.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import Scope

from service.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Tracing:
    """Makes spans, or does nothing where no provider is given."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        """Trace with a private provider; the process-wide one belongs to the host program."""
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer("service")

    @contextmanager
    def request(self, scope: Scope) -> Iterator[None]:
        """Open a span around one request, a child of the caller's `traceparent`."""
        if self._tracer is None:
            yield
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind

        parent = extract(dict(Headers(scope=scope)))
        name = f"{scope['method']} {scope['path']}"
        with self._tracer.start_as_current_span(name, parent, SpanKind.SERVER) as span:
            span.set_attribute("request_id", scope["state"]["request_id"])
            yield
            route = getattr(scope.get("route"), "path", "unknown")
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", scope["state"].get("status", 0))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Open a span around one stage of a question: decode, embed (with its queue) or search."""
        if self._tracer is None:
            yield
            return
        with self._tracer.start_as_current_span(name):
            yield

    def close(self) -> None:
        """Send the spans that are left."""
        if self._provider is not None:
            self._provider.shutdown()


def make_tracing(enabled: bool) -> Tracing:
    """Return the tracing that SAFENET_TELEMETRY selects.

    Raises:
        SettingsError: the extra is not installed.
    """
    if not enabled:
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            "SAFENET_TELEMETRY is on and OpenTelemetry is not installed; "
            "pip install 'safenet-geo[telemetry]', or leave it off"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "safenet-geo"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
