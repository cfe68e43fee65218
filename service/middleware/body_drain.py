"""Refusals that arrive: an answer given before the upload ended waits until the rest was read.

Closing a connection with unread bytes resets it, and the client never sees why it was refused.
"""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 256 * 2**20
"""Ours: past this the client is beyond help; its connection is reset."""

MAX_SECONDS = 5.0
MAX_IDLE_S = 0.5
"""Ours: longest wait for the rest of a refused upload, and for its next piece."""


class DrainBody:
    """ASGI middleware that discards what is left of a body before its early answer is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        # A client that waits for "100 Continue" sends nothing until somebody reads.
        began = "expect" not in Headers(scope=scope)
        complete = False

        async def noting_receive() -> Message:
            nonlocal began, complete
            message = await receive()
            began = True
            complete = not message.get("more_body", False)
            return message

        async def patient_send(message: Message) -> None:
            if message["type"] == "http.response.start" and began and not complete:
                await _discard(noting_receive, lambda: complete)
            await send(message)

        await self._app(scope, noting_receive, patient_send)


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
