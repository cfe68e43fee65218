"""How a question is sent, when it is sent again, and how its answer is read."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

import httpx

from service.client.answers import Answer, Problem, read

ImageFile = str | Path | bytes
"""An image file's path, or its encoded bytes."""

LONGEST_WAIT_S = 60.0
"""Our choice: longest wait before a retry, whatever Retry-After says."""


class Parameters(TypedDict, total=False):
    """Parameters of a question besides `format`; docs/service.md describes them."""

    top_k: int
    gallery: str
    latitude: float
    longitude: float
    radius_m: float
    bounds: str
    use_image_gps: bool
    min_confidence: float
    fov_deg: float
    track: bool
    explain: bool
    crs: str
    captured_after: datetime
    captured_before: datetime
    source: str
    flight_id: str


class ProblemError(Exception):
    """The service refused the request; `problem` holds the reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


def multipart(
    images: ImageFile | Sequence[ImageFile],
) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return the images as the repeated multipart field `image`; reads files."""
    several = [images] if isinstance(images, str | Path | bytes) else list(images)
    contents = [
        image if isinstance(image, bytes) else Path(image).read_bytes() for image in several
    ]
    return [("image", (f"{n}", data, "image/*")) for n, data in enumerate(contents, start=1)]


def query_string(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters as the query string has them; None is left out."""
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def wait_before_retry_s(response: httpx.Response, attempt: int) -> float | None:
    """Return how long to wait before sending again, s; None if the service is not busy."""
    busy = response.status_code == 429 or (
        response.status_code == 503 and "retry-after" in response.headers
    )
    if not busy:
        return None
    header = response.headers.get("retry-after", "")
    base = float(header) if header.isdigit() else 2.0**attempt
    # A random share keeps clients that were refused together from returning together.
    return min(LONGEST_WAIT_S, base) * random.uniform(1.0, 1.25)  # noqa: S311


def checked(response: httpx.Response) -> httpx.Response:
    """Return a successful response.

    Raises:
        ProblemError: the service refused.
        httpx.HTTPStatusError: something else than the service answered, or it redirected.
    """
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        raise ProblemError(read(Problem, response.json()))
    return response.raise_for_status()


def read_answer(response: httpx.Response) -> Any:
    """Return an answer as what its format is.

    JSON is an `Answer`, GeoJSON a dict, GPX, KML and CSV text, everything else bytes.

    Raises:
        ProblemError: the service refused.
    """
    kind = checked(response).headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        return read(Answer, response.json())
    if kind == "application/geo+json":
        return response.json()
    is_text = kind.startswith("text/") or kind.endswith("xml")
    return response.text if is_text else response.content


def own_link(base: httpx.URL, link: str) -> str:
    """Return a link if the service itself serves it: the key must reach no other host.

    Raises:
        ValueError: the link leads to another host.
    """
    url = httpx.URL(link)
    if url.is_absolute_url and (url.scheme, url.host, url.port) != (
        base.scheme,
        base.host,
        base.port,
    ):
        raise ValueError(
            f"{link[:200]!r} is not on {base.scheme}://{base.netloc.decode()}; the key is sent to "
            "no other host: fetch it without this client"
        )
    return link
