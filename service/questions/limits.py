"""Limits of the work in progress: questions, and upload bytes in memory."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from service.errors import QueueFullError


class Admission:
    """Counts of one event loop's questions; nothing here blocks."""

    def __init__(self, *, max_requests: int, max_bytes: int) -> None:
        """Nothing is in progress.

        Args:
            max_requests: most questions in progress.
            max_bytes: most upload bytes that they hold together.
        """
        self._max_requests, self._max_bytes = max_requests, max_bytes
        self._mean_s = 1.0
        self.requests = 0
        self.bytes = 0

    @contextmanager
    def enter(self, request: Request) -> Iterator[None]:
        """Let one question in, and forget its bytes when it is answered.

        Raises:
            QueueFullError: as many questions as allowed are in progress.
        """
        if self.requests >= self._max_requests:
            wait_s = self._wait_s()
            raise QueueFullError(
                f"{self.requests} questions are in progress, as many as allowed; "
                f"try again in {wait_s} s",
                retry_after_s=wait_s,
            )
        self.requests += 1
        request.state.upload_bytes = 0
        started_at = time.monotonic()
        try:
            yield
        finally:
            self._mean_s += 0.2 * (time.monotonic() - started_at - self._mean_s)
            self.requests -= 1
            self.bytes -= request.state.upload_bytes

    def take_bytes(self, request: Request, count: int) -> None:
        """Hold more bytes for a question that was let in.

        Raises:
            QueueFullError: all questions together would hold more than allowed.
        """
        if self.bytes + count > self._max_bytes:
            wait_s = self._wait_s()
            raise QueueFullError(
                f"uploads hold {self.bytes} of {self._max_bytes} bytes; "
                f"send it again in {wait_s} s",
                retry_after_s=wait_s,
            )
        self.bytes += count
        request.state.upload_bytes += count

    def _wait_s(self) -> int:
        """Return the seconds in which the next of the questions in progress is expected to end."""
        return max(1, math.ceil(self._mean_s / max(1, self.requests)))
