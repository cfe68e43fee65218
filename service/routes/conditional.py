"""Conditional requests: ETag, If-None-Match and the answer 304 (RFC 9110, section 13.1.2)."""

from starlette.requests import Request
from starlette.responses import Response


def cache_headers(etag: str, cache_control: str) -> dict[str, str]:
    """Return the headers with which a client may keep and revalidate a response."""
    return {"ETag": f'"{etag}"', "Cache-Control": cache_control}


def not_modified(request: Request, headers: dict[str, str]) -> Response | None:
    """Return 304 if the client's copy is current, else None.

    If-None-Match may be a list and its tags may be weak (a proxy that compresses makes them so);
    the comparison is the weak one.

    Args:
        request: whose If-None-Match is compared.
        headers: of `cache_headers`; the response repeats them.
    """
    offered = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in offered.split(",")}
    if headers["ETag"] in tags or "*" in tags:
        return Response(status_code=304, headers=headers)
    return None
