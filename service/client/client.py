"""The client, blocking and asynchronous."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, Unpack, overload

import httpx

from service.client.answers import Answer, Galleries, read
from service.client.flights import Fix, OpenTrack
from service.client.questions import (
    ImageFile,
    Parameters,
    checked,
    multipart,
    own_link,
    query_string,
    read_answer,
    wait_before_retry_s,
)

Format = Literal["json", "geojson", "gpx", "kml", "csv", "geotiff", "kmz"]


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"X-API-Key": key}


class Client:
    """Sends questions to one service; safe to use from several threads.

    The key is sent to that service alone: redirects are not followed.
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: int = 5
    ) -> None:
        """Connect with the first request.

        Args:
            url: where the service is, such as http://127.0.0.1:8000.
            key: the API key, where one is needed.
            timeout_s: longest wait for one answer.
            retries: how often to send again after 429, or 503 with Retry-After.
        """
        self._retries = retries
        self._http = httpx.Client(base_url=url, timeout=timeout_s, headers=_headers(key))

    @overload
    def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["json"] = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer: ...
    @overload
    def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geojson"],
        **parameters: Unpack[Parameters],
    ) -> dict[str, Any]: ...
    @overload
    def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["gpx", "kml", "csv"],
        **parameters: Unpack[Parameters],
    ) -> str: ...
    @overload
    def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geotiff", "kmz"],
        **parameters: Unpack[Parameters],
    ) -> bytes: ...
    def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Format = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer | dict[str, Any] | str | bytes:
        """Return where drone images were taken; several views of one place are fused.

        Args:
            images: one image, or several views.
            format: json gives an `Answer`, geojson a dict, gpx, kml and csv text; geotiff and kmz,
                which hold the photo on the map, bytes.
            parameters: see `Parameters`.

        Raises:
            ProblemError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        return self._ask("/localize", images, {**parameters, "format": format})

    @overload
    def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["json"] = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer: ...
    @overload
    def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geojson"],
        **parameters: Unpack[Parameters],
    ) -> dict[str, Any]: ...
    @overload
    def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["gpx", "kml", "csv"],
        **parameters: Unpack[Parameters],
    ) -> str: ...
    def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Format = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer | dict[str, Any] | str | bytes:
        """Return the drone images of the place that a satellite tile shows; as `localize`."""
        return self._ask("/navigate", images, {**parameters, "format": format})

    def begin_track(
        self,
        *,
        gallery: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        radius_m: float | None = None,
        max_speed_m_s: float | None = None,
        fov_deg: float | None = None,
    ) -> OpenTrack:
        """Open a track, to which frames are added in order of time.

        Args:
            gallery: satellite gallery; None: the only one.
            latitude: centre of a circle that the whole flight lies in, degrees.
            longitude: the same.
            radius_m: its radius, m.
            max_speed_m_s: how fast the drone may fly, m/s.
            fov_deg: angle of view across the frames' width, degrees, for the camera.

        Raises:
            ProblemError: the service refused.
        """
        parameters = {
            "gallery": gallery,
            "latitude": latitude,
            "longitude": longitude,
            "radius_m": radius_m,
            "max_speed_m_s": max_speed_m_s,
            "fov_deg": fov_deg,
        }
        response = self._http.post("/tracks", params=query_string(parameters))
        return OpenTrack(self._http, checked(response).json())

    def track(
        self,
        images: Iterable[ImageFile],
        *,
        times: Iterable[float | datetime] | None = None,
        gallery: str | None = None,
        max_speed_m_s: float | None = None,
    ) -> Iterator[Fix]:
        """Send the frames of a flight in order of time, and yield the fix of each at once.

        Args:
            images: paths or encoded bytes.
            times: seconds or moments, one for each; None: the moments of arrival.
            gallery: satellite gallery; None: the only one.
            max_speed_m_s: how fast the drone may fly, m/s.

        Raises:
            ProblemError: the service refused.
        """
        with self.begin_track(gallery=gallery, max_speed_m_s=max_speed_m_s) as flight:
            yield from flight.fixes(images, times)

    def galleries(self) -> Galleries:
        """Return all galleries of the service."""
        return read(Galleries, checked(self._http.get("/galleries")).json())

    def get(self, link: str) -> bytes:
        """Return the content of a link in an answer, such as a match's `image_url`.

        Raises:
            ValueError: the link leads to another host.
            ProblemError: the service refused.
        """
        return checked(self._http.get(own_link(self._http.base_url, link))).content

    def _ask(
        self,
        path: str,
        images: ImageFile | Sequence[ImageFile],
        parameters: Mapping[str, object],
    ) -> Answer | dict[str, Any] | str | bytes:
        files, params = multipart(images), query_string(parameters)
        for attempt in range(self._retries + 1):
            response = self._http.post(path, params=params, files=files)
            wait_s = wait_before_retry_s(response, attempt)
            if wait_s is None or attempt == self._retries:
                break
            time.sleep(wait_s)
        answer: Answer | dict[str, Any] | str | bytes = read_answer(response)
        return answer

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


class AsyncClient:
    """`Client` for asyncio."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: int = 5
    ) -> None:
        """Arguments as `Client`."""
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, headers=_headers(key))

    @overload
    async def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["json"] = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer: ...
    @overload
    async def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geojson"],
        **parameters: Unpack[Parameters],
    ) -> dict[str, Any]: ...
    @overload
    async def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["gpx", "kml", "csv"],
        **parameters: Unpack[Parameters],
    ) -> str: ...
    @overload
    async def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geotiff", "kmz"],
        **parameters: Unpack[Parameters],
    ) -> bytes: ...
    async def localize(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Format = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer | dict[str, Any] | str | bytes:
        """Return what `Client.localize` returns."""
        return await self._ask("/localize", images, {**parameters, "format": format})

    @overload
    async def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["json"] = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer: ...
    @overload
    async def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["geojson"],
        **parameters: Unpack[Parameters],
    ) -> dict[str, Any]: ...
    @overload
    async def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Literal["gpx", "kml", "csv"],
        **parameters: Unpack[Parameters],
    ) -> str: ...
    async def navigate(
        self,
        images: ImageFile | Sequence[ImageFile],
        *,
        format: Format = "json",
        **parameters: Unpack[Parameters],
    ) -> Answer | dict[str, Any] | str | bytes:
        """Return what `Client.navigate` returns."""
        return await self._ask("/navigate", images, {**parameters, "format": format})

    async def galleries(self) -> Galleries:
        """Return what `Client.galleries` returns."""
        return read(Galleries, checked(await self._http.get("/galleries")).json())

    async def get(self, link: str) -> bytes:
        """Return what `Client.get` returns."""
        return checked(await self._http.get(own_link(self._http.base_url, link))).content

    async def _ask(
        self,
        path: str,
        images: ImageFile | Sequence[ImageFile],
        parameters: Mapping[str, object],
    ) -> Answer | dict[str, Any] | str | bytes:
        files, params = await asyncio.to_thread(multipart, images), query_string(parameters)
        for attempt in range(self._retries + 1):
            response = await self._http.post(path, params=params, files=files)
            wait_s = wait_before_retry_s(response, attempt)
            if wait_s is None or attempt == self._retries:
                break
            await asyncio.sleep(wait_s)
        answer: Answer | dict[str, Any] | str | bytes = read_answer(response)
        return answer

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
