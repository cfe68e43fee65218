"""Read the images in a question's body, multipart or raw, under limits while they stream."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import (
    BadMultipartError,
    BodyTooLargeError,
    EmptyUploadError,
    SlowUploadError,
    TooManyViewsError,
    UnsupportedTypeError,
)
from service.questions.limits import Admission

FIELD = "image"


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Limits of one question's body."""

    max_bytes: int
    max_views: int
    timeout_s: float


class _MemoryParser(MultiPartParser):
    """Keeps parts in memory, bounded by the byte limit, so that no /tmp is needed."""

    spool_max_size = 2**40


async def read_images(request: Request, limits: UploadLimits, admission: Admission) -> list[bytes]:
    """Return the encoded images of a question, at least one.

    Raises:
        UploadError: the body is empty, too large, too slow, of another type or malformed.
        QueueFullError: all requests together hold too many bytes.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = content_type == "multipart/form-data"
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.max_bytes:
        raise _too_large(limits.max_bytes)
    if not is_form and not content_type.startswith("image/"):
        if declared == "0" or (not declared and "transfer-encoding" not in request.headers):
            raise EmptyUploadError(_NO_IMAGE)
        raise UnsupportedTypeError(
            f"content type {content_type[:80]!r} is not accepted; send multipart/form-data with "
            f"the field {FIELD!r}, or the image itself as image/*"
        )
    try:
        async with asyncio.timeout(limits.timeout_s):
            chunks = _limited(request, limits.max_bytes, admission)
            images = await (_form(request, chunks, limits) if is_form else _raw(chunks))
    except TimeoutError as error:
        raise SlowUploadError(
            f"the body did not arrive within {limits.timeout_s:g} s; send it faster"
        ) from error
    if not images or not all(images):
        raise EmptyUploadError(_NO_IMAGE)
    return images


_NO_IMAGE = f"no image arrived; send one as the multipart field {FIELD!r} or as the body (image/*)"


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the body is larger than the limit of {max_bytes} bytes; send fewer or smaller images"
    )


async def _limited(
    request: Request, max_bytes: int, admission: Admission
) -> AsyncGenerator[bytes, None]:
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > max_bytes:
            raise _too_large(max_bytes)
        admission.take_bytes(request, len(chunk))
        yield chunk


async def _raw(chunks: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [b"".join([chunk async for chunk in chunks])]


async def _form(
    request: Request, chunks: AsyncGenerator[bytes, None], limits: UploadLimits
) -> list[bytes]:
    # One file above the limit is let through so that the count can be refused by its name.
    parser = _MemoryParser(
        request.headers, chunks, max_files=limits.max_views + 1, max_fields=limits.max_views + 1
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many" in error.message:
            raise _too_many(limits.max_views) from error
        raise BadMultipartError(
            f"the multipart body cannot be read ({error.message}); send field {FIELD!r}"
        ) from error
    try:
        parts = form.getlist(FIELD)
        if len(parts) > limits.max_views:
            raise _too_many(limits.max_views)
        return [part.encode() if isinstance(part, str) else await part.read() for part in parts]
    finally:
        await form.close()


def _too_many(max_views: int) -> TooManyViewsError:
    return TooManyViewsError(
        f"more than {max_views} images arrived; send at most {max_views} views of one place"
    )
