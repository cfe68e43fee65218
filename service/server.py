"""uvicorn, with an end that loses nothing: not ready first, then no new connections, then out."""

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.settings import Settings
from service.state import state_of

QUIET_S = 0.25
"""Ours: how long a request may be on its way on a connection that was accepted."""


class Server(uvicorn.Server):
    """A uvicorn server that drains on SIGTERM and leaves when the app cannot start."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Configure uvicorn; nothing listens yet."""
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
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
        """First signal: stop being ready, serve on for the drain time. Second: leave at once."""
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
        """Stop listening, answer what was connected before, then let uvicorn end the rest.

        uvicorn closes connections on which it has read no request yet; under load some of those
        have sent one already.
        """
        for server in self.servers:
            server.close()
        await asyncio.sleep(QUIET_S)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to leave."""
        return self.failed or await super().on_tick(counter)
