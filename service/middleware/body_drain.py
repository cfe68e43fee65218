"""Drain the request body before an early error response is sent, so that the client receives it.

Closing a connection with unread bytes resets it, and the client never learns the reason.
"""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 256 * 2**20
"""Our choice: most bytes that are drained; after that the connection is reset."""

MAX_SECONDS = 5.0
MAX_IDLE_S = 0.5
"""Our choice: longest wait for the rest of a refused upload, and for its next piece."""


class DrainBody:
    """ASGI middleware that discards the rest of a body before an early response is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        # A client that waits for "100 Continue" sends nothing until the body is read.
        began = "expect" not in Headers(scope=scope)
        complete = False

        async def counting_receive() -> Message:
            nonlocal began, complete
            message = await receive()
            began = True
            complete = not message.get("more_body", False)
            return message

        async def draining_send(message: Message) -> None:
            if message["type"] == "http.response.start" and began and not complete:
                await _discard(counting_receive, lambda: complete)
            await send(message)

        await self._app(scope, counting_receive, draining_send)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _discard(receive: Receive, is_complete: Callable[[], bool]) -> None:
    total = 0
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + MAX_SECONDS
    with contextlib.suppress(TimeoutError):
        while not is_complete() and total < MAX_BYTES:
            async with asyncio.timeout_at(min(ends_at, loop.time() + MAX_IDLE_S)):
                total += len((await receive()).get("body", b""))
