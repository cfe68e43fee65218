"""Read a question's body, multipart or raw, under limits while it streams.

A multipart body holds the images as files and may hold parameters as text fields beside them.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import (
    BadMultipartError,
    BodyTooLargeError,
    EmptyUploadError,
    SlowUploadError,
    TooManyViewsError,
    UnknownFileError,
    UnsupportedTypeError,
)
from service.questions.limits import Admission

FIELD = "image"


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Limits of one question's body."""

    max_bytes: int
    max_views: int
    max_fields: int
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What arrived: the encoded images, at least one, and the text fields in their order."""

    images: list[bytes]
    fields: list[tuple[str, str]]


class _MemoryParser(MultiPartParser):
    """Keeps parts in memory, bounded by the byte limit, so that no /tmp is needed."""

    spool_max_size = 2**40


async def read_upload(request: Request, limits: UploadLimits, admission: Admission) -> Upload:
    """Return the encoded images of a question and the text fields beside them.

    Raises:
        UploadError: the body is empty, too large, too slow, of another type or malformed, or a
            file arrived under another name.
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
            upload = await (_form(request, chunks, limits) if is_form else _raw(chunks))
    except TimeoutError as error:
        raise SlowUploadError(
            f"the body did not arrive within {limits.timeout_s:g} s; send it faster"
        ) from error
    if not upload.images or not all(upload.images):
        raise EmptyUploadError(_NO_IMAGE)
    return upload


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


async def _raw(chunks: AsyncGenerator[bytes, None]) -> Upload:
    return Upload(images=[b"".join([chunk async for chunk in chunks])], fields=[])


async def _form(
    request: Request, chunks: AsyncGenerator[bytes, None], limits: UploadLimits
) -> Upload:
    # One file above the limit is let through so that the count can be refused by its name.
    parser = _MemoryParser(
        request.headers, chunks, max_files=limits.max_views + 1, max_fields=limits.max_fields
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(limits.max_views) from error
        raise BadMultipartError(
            f"the multipart body cannot be read ({error.message}); send each image as a file, "
            f"for example: curl -F {FIELD}=@photo.jpg"
        ) from error
    try:
        return await _sorted_parts(form, limits)
    finally:
        await form.close()


async def _sorted_parts(form: FormData, limits: UploadLimits) -> Upload:
    files = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
    texts = [(name, part) for name, part in form.multi_items() if isinstance(part, str)]
    others = [name for name, _ in files if name != FIELD]
    if len(files) - len(others) > limits.max_views:
        raise _too_many(limits.max_views)
    if any(name == FIELD and text for name, text in texts):
        raise BadMultipartError(
            f"the field {FIELD!r} arrived as text; send it as a file, for example: "
            f"curl -F {FIELD}=@photo.jpg"
        )
    images = [await part.read() for name, part in files if name == FIELD]
    if others and not images:
        raise EmptyUploadError(f"{_NO_IMAGE}; the file that arrived is named {others[0][:80]!r}")
    if others:
        raise UnknownFileError(
            f"a file arrived under the name {others[0][:80]!r}; send every view as a file "
            f"{FIELD!r}, and parameters as text"
        )
    return Upload(images=images, fields=[(name, text) for name, text in texts if name != FIELD])


def _too_many(max_views: int) -> TooManyViewsError:
    return TooManyViewsError(
        f"more than {max_views} images arrived; send at most {max_views} views of one place"
    )
