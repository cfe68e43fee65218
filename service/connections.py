"""Bounds on connections and request heads, which uvicorn leaves open.

A connection must deliver a complete request head in time and within a size; connections are
bounded for each address and in all. When all are in use, the oldest one that has no complete head
makes room, so that slow clients cannot lock out others, `/healthz` among them.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.media_types import PROBLEM

TOO_MANY = "too many connections are open; try again in 1 s"
OTHERS_WAIT = "other clients needed this connection, which sent no request; connect again"


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Bounds of one server's connections."""

    max_head_bytes: int
    head_timeout_s: float
    max_connections: int
    max_per_address: int


class OpenConnections:
    """The open connections of one server, oldest first; only for the event loop's thread."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: dict[BoundedProtocol, str] = {}
        self._by_address: Counter[str] = Counter()

    def add(self, connection: "BoundedProtocol", address: str) -> bool:
        """Register a connection; return False if it must be refused."""
        if self._by_address[address] >= self.limits.max_per_address:
            return False
        if len(self._open) >= self.limits.max_connections and not self._make_room():
            return False
        self._open[connection] = address
        self._by_address[address] += 1
        return True

    def remove(self, connection: "BoundedProtocol") -> None:
        """Forget a connection."""
        address = self._open.pop(connection, None)
        if address is not None:
            self._by_address[address] -= 1
            if self._by_address[address] == 0:
                del self._by_address[address]

    def _make_room(self) -> bool:
        waiting = next((connection for connection in self._open if connection.is_waiting), None)
        if waiting is None:
            return False
        waiting.refuse(HTTPStatus.REQUEST_TIMEOUT, OTHERS_WAIT)
        self.remove(waiting)
        return True


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol within `ConnectionLimits`."""

    def __init__(self, open_connections: OpenConnections, **options: Any) -> None:
        super().__init__(**options)
        self._open_connections = open_connections
        self._limits = open_connections.limits
        self._head_bytes = 0
        self._in_head = True
        self._is_refused = False
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether no complete request head has arrived that is not answered yet."""
        return self._in_head and (self.cycle is None or self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a connection beyond the bounds, and start the deadline of its first head."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._open_connections.add(self, address):
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, TOO_MANY)
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place back."""
        self._stop_head_timer()
        self._open_connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data; refuse a head that grows beyond its bound."""
        if self._is_refused:
            return
        if self._in_head:
            self._start_head_timer()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._limits.max_head_bytes:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """End the head's deadline; refuse a head that arrived whole and is too large."""
        self._in_head, self._head_bytes = False, 0
        self._stop_head_timer()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.max_head_bytes:
            self._refuse_head()
        elif not self._is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a body on; that of a refused request is dropped."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_head = True
        if not self._is_refused:
            super().on_message_complete()

    def refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer with a problem and close the connection."""
        self._is_refused = True
        self._stop_head_timer()
        slug = status.phrase.lower().replace(" ", "-")
        problem = {
            "type": f"urn:safenet-geo:problem:{slug}",
            "title": status.phrase,
            "status": status.value,
            "detail": reason,
        }
        body = json.dumps(problem).encode()
        # A head that is too large will be so the next time.
        retry = "" if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE else "retry-after: 1\r\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"content-type: {PROBLEM}\r\n"
            f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _refuse_head(self) -> None:
        limit = self._limits.max_head_bytes
        reason = f"the request head is larger than {limit} bytes; send shorter headers"
        self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, reason)

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.is_waiting and not self.transport.is_closing():
            reason = (
                f"no complete request head within {self._limits.head_timeout_s:g} s; send it sooner"
            )
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, reason)
