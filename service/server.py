"""uvicorn with a shutdown that loses no request: not ready, then no new connections, then exit."""

import asyncio
import logging
import socket
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from service.connections import BoundedProtocol, ConnectionLimits, OpenConnections
from service.settings import Settings
from service.state import state_of

QUIET_S = 0.25
"""Our choice: how long a request may take to arrive on a connection that was accepted, s."""


def _bounded_protocol(limits: ConnectionLimits) -> type[BoundedProtocol]:
    """Return the protocol class of one server, whose connections share one count."""
    shared = OpenConnections(limits)

    class ServerProtocol(BoundedProtocol):
        def __init__(self, **options: Any) -> None:
            super().__init__(shared, **options)

    return ServerProtocol


class Server(uvicorn.Server):
    """A uvicorn server that drains on SIGTERM and exits when the app cannot start."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Configure uvicorn; nothing listens yet."""
        limits = ConnectionLimits(
            max_head_bytes=settings.max_head_kib * 2**10,
            head_timeout_s=settings.head_s,
            max_connections=settings.max_connections,
            max_per_address=settings.max_connections_per_address,
        )
        config = uvicorn.Config(
            app,
            http=_bounded_protocol(limits),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_s,
        )
        super().__init__(config)
        # uvicorn's access lines hold whole query strings; ours (request_log.py) do not.
        logging.getLogger("uvicorn.access").disabled = True
        self._app, self._drain_s = app, settings.drain_s

    @property
    def failed(self) -> bool:
        """Whether the app ended because it could not load."""
        return state_of(self._app).load_error is not None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: become not ready and serve for the drain time. Second: exit at once."""
        state = state_of(self._app)
        if state.is_draining:
            super().handle_exit(sig, frame)
            return
        state.is_draining = True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            super().handle_exit(sig, frame)
            return
        loop.call_soon_threadsafe(
            loop.call_later, self._drain_s, lambda: uvicorn.Server.handle_exit(self, sig, frame)
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, answer the open connections, then let uvicorn end the rest.

        uvicorn closes connections on which it has read no request yet; under load some of them
        have sent one already.
        """
        for server in self.servers:
            server.close()
        await asyncio.sleep(QUIET_S)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to exit; uvicorn calls it ten times a second."""
        return self.failed or await super().on_tick(counter)
