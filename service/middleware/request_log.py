"""Outermost middleware: request ids, access log, request metrics, unexpected errors."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import internal_problem
from service.telemetry import logs
from service.telemetry.metrics import Metrics
from service.telemetry.traces import Tracing

HEADER = "X-Request-ID"
CLIENT_GONE = 499
"""Status of a request whose client left, in logs and metrics only; nginx uses the same number."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware that logs every request; an unexpected exception becomes a 500 problem."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, tracing: Tracing, is_draining: Callable[[], bool]
    ) -> None:
        self._app, self._metrics, self._tracing = app, metrics, tracing
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id
        logs.request_id.set(request_id)
        started_at = time.perf_counter()
        status: int | None = None

        async def recording_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = scope["state"]["status"] = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
                if self._is_draining():
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        try:
            with self._tracing.request(scope):
                await self._app(scope, receive, recording_send)
        except ClientDisconnect:
            status = CLIENT_GONE
            self._metrics.gone.inc()
        except Exception:
            _log.exception("request failed")
            if status is None:
                await internal_problem(Request(scope))(scope, receive, recording_send)
        finally:
            self._record(scope, status or CLIENT_GONE, time.perf_counter() - started_at)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        quiet = route in ("/healthz", "/readyz", "/metrics")
        extra = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1e3, 1),
            "key": scope["state"].get("key_name"),
            "client": (scope.get("client") or (None,))[0],
        }
        _log.log(logging.DEBUG if quiet else logging.INFO, "request", extra=extra)


def _request_id(offered: str | None) -> str:
    if offered is not None and _ACCEPTED_ID.fullmatch(offered):
        return offered
    return secrets.token_hex(8)
