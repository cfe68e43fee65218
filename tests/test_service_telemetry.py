"""Traces arrive at a real OTLP receiver, as children of the caller's trace."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import ColourEmbedder
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from service_live import encoded, picture, serving, settings_of

from service.app import create_app

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ExportTraceServiceRequest]]:
    """What an OTLP endpoint on loopback was sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield sent
    server.shutdown()
    server.server_close()
    thread.join()


def test_request_and_its_stages_are_traced(
    store: Path, collector: list[ExportTraceServiceRequest]
) -> None:
    settings = settings_of(store, telemetry=True)
    with serving(create_app(settings, ColourEmbedder()), settings) as client:
        headers = {"Content-Type": "image/jpeg", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        client.post("/localize", content=encoded(picture(1)), headers=headers)
    spans = [
        span
        for request in collector
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {span.name for span in spans} == {"POST /localize", "decode", "embed", "search"}
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    root = next(span for span in spans if span.name == "POST /localize")
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
