"""Run work that is cancelled when its client has gone or its deadline has passed."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from service.errors import DeadlineError

T = TypeVar("T")


async def before_deadline(
    request: Request,
    work: Coroutine[Any, Any, T],
    *,
    deadline_s: float,
    wait_s: Callable[[], int] = lambda: 1,
) -> T:
    """Return the result of `work`; cancel it when its client has gone or the deadline has passed.

    Call it once the body has been read: from then on the only message is the disconnect.

    Args:
        request: whose client may leave.
        work: computes the result.
        deadline_s: longest time that it may take, s.
        wait_s: returns when to try again after the deadline has passed, s.

    Raises:
        DeadlineError: the work took longer than the deadline.
        ClientDisconnect: the client closed the connection.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        done, _ = await asyncio.wait(
            {task, gone}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED
        )
        if task in done:
            return task.result()
        if gone in done:
            raise ClientDisconnect
        raise DeadlineError(
            f"no answer within {deadline_s:g} s; send it again when there is less load",
            retry_after_s=wait_s(),
        )
    finally:
        for future in (task, gone):
            future.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await future


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
