"""A small client: asks, waits when the service is busy, and gives answers as typed objects.

from service.client import Client
with Client("http://127.0.0.1:8000") as client:
    answer = client.localize("photo.jpg", top_k=3)
    print(answer.status, answer.estimate)
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from service.problems import Problem
from service.schemas import AnswerBody, GalleriesBody

Image = str | Path | bytes
"""A file's path, or encoded bytes."""

LONGEST_WAIT_S = 60.0
"""Ours: what a server may ask for at most; more is taken as this."""


class ProblemError(Exception):
    """The service refused; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class _Asking:
    """What both clients share: how a question is sent and an answer is read."""

    def __init__(self, retries: int, key: str | None) -> None:
        self._retries = retries
        self._headers = {} if key is None else {"X-API-Key": key}

    def _wait_s(self, response: httpx.Response, attempt: int) -> float | None:
        """How long to wait before asking again; None: do not."""
        busy = response.status_code == 429 or (
            response.status_code == 503 and "retry-after" in response.headers
        )
        if not busy or attempt >= self._retries:
            return None
        asked = response.headers.get("retry-after", "")
        base = float(asked) if asked.isdigit() else 2.0**attempt
        # Spread, so that clients refused together do not return together.
        return min(LONGEST_WAIT_S, base) * random.uniform(1.0, 1.25)  # noqa: S311


def _files(images: Image | Sequence[Image]) -> list[tuple[str, tuple[str, bytes, str]]]:
    several = [images] if isinstance(images, str | Path | bytes) else list(images)
    contents = [
        image if isinstance(image, bytes) else Path(image).read_bytes() for image in several
    ]
    return [("image", (f"{n}", data, "image/*")) for n, data in enumerate(contents, start=1)]


def _params(parameters: Mapping[str, object]) -> dict[str, str]:
    """As the query string has them; None is left out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in parameters.items()
        if value is not None
    }


def _checked(response: httpx.Response) -> httpx.Response:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        raise ProblemError(Problem.model_validate(response.json()))
    return response.raise_for_status()


class Client(_Asking):
    """Asks one service; safe to use from several threads."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: int = 5
    ) -> None:
        """Connect when first asked.

        Args:
            url: where the service is, such as http://127.0.0.1:8000.
            key: the API key, where one is needed.
            timeout_s: longest wait for one answer.
            retries: how often to ask again after 429, or 503 with Retry-After.
        """
        super().__init__(retries, key)
        self._http = httpx.Client(base_url=url, timeout=timeout_s, headers=self._headers)

    def localize(self, images: Image | Sequence[Image], **parameters: object) -> AnswerBody:
        """Where were these drone images taken? Several views of one place are fused.

        Args:
            images: one image, or several views.
            parameters: of the query string: top_k, gallery, latitude, longitude, radius_m, ….

        Raises:
            ProblemError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        return self._ask("/localize", images, parameters)

    def navigate(self, images: Image | Sequence[Image], **parameters: object) -> AnswerBody:
        """Which drone images show this satellite tile? Arguments and errors as `localize`."""
        return self._ask("/navigate", images, parameters)

    def galleries(self) -> GalleriesBody:
        """All galleries of the service."""
        return GalleriesBody.model_validate(_checked(self._http.get("/galleries")).json())

    def get(self, path: str) -> bytes:
        """The content of a link in an answer, such as a match's `image_url`."""
        return _checked(self._http.get(path)).content

    def _ask(
        self, path: str, images: Image | Sequence[Image], parameters: Mapping[str, object]
    ) -> AnswerBody:
        files, params = _files(images), _params(parameters)
        for attempt in range(self._retries + 1):
            response = self._http.post(path, params=params, files=files)
            wait_s = self._wait_s(response, attempt)
            if wait_s is None:
                break
            time.sleep(wait_s)
        return AnswerBody.model_validate(_checked(response).json())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Asking):
    """The same for asyncio."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: int = 5
    ) -> None:
        """Arguments as `Client`."""
        super().__init__(retries, key)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, headers=self._headers)

    async def localize(self, images: Image | Sequence[Image], **parameters: object) -> AnswerBody:
        """As `Client.localize`."""
        return await self._ask("/localize", images, parameters)

    async def navigate(self, images: Image | Sequence[Image], **parameters: object) -> AnswerBody:
        """As `Client.navigate`."""
        return await self._ask("/navigate", images, parameters)

    async def galleries(self) -> GalleriesBody:
        """As `Client.galleries`."""
        return GalleriesBody.model_validate(_checked(await self._http.get("/galleries")).json())

    async def get(self, path: str) -> bytes:
        """As `Client.get`."""
        return _checked(await self._http.get(path)).content

    async def _ask(
        self, path: str, images: Image | Sequence[Image], parameters: Mapping[str, object]
    ) -> AnswerBody:
        files, params = await asyncio.to_thread(_files, images), _params(parameters)
        for attempt in range(self._retries + 1):
            response = await self._http.post(path, params=params, files=files)
            wait_s = self._wait_s(response, attempt)
            if wait_s is None:
                break
            await asyncio.sleep(wait_s)
        return AnswerBody.model_validate(_checked(response).json())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.aclose()
