"""GET /galleries, their images and the images' metadata."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from service.questions.response import gallery_body, meta_body
from service.routes.api_docs import problem_responses
from service.routes.conditional import cache_headers, not_modified
from service.schemas.galleries import GalleriesBody, GalleryBody, RefusedGallery
from service.schemas.images import MetaBody
from service.schemas.values import GalleryPath, ImagePath
from service.state import RunningService

router = APIRouter(tags=["galleries"])
ERRORS = problem_responses(401, 404, 405, 422, 431, 503)


@router.get("/galleries", responses=problem_responses(401, 405, 503))
def galleries(running: RunningService) -> GalleriesBody:
    """All galleries: those that can be searched, and those refused with the reason."""
    bodies = []
    for name in sorted(running.galleries.names()):
        with running.galleries.lease(name) as gallery:
            bodies.append(gallery_body(gallery))
    refused = [RefusedGallery(name=n, reason=why) for n, why in running.galleries.refused.items()]
    return GalleriesBody(galleries=bodies, refused=refused)


@router.get("/galleries/{name}", responses=ERRORS)
def gallery(name: GalleryPath, running: RunningService) -> GalleryBody:
    """One gallery."""
    with running.galleries.lease(name) as opened:
        return gallery_body(opened)


@router.get("/galleries/{name}/images/{image_id:path}/meta", responses=ERRORS)
def meta(name: GalleryPath, image_id: ImagePath, running: RunningService) -> MetaBody:
    """One image's metadata."""
    with running.galleries.lease(name) as opened:
        return meta_body(opened.record(image_id), name)


@router.get(
    "/galleries/{name}/images/{image_id:path}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Unchanged"}, **ERRORS},
)
async def picture(
    name: GalleryPath, image_id: ImagePath, request: Request, running: RunningService
) -> Response:
    """One image's picture; its content never changes under one ETag."""
    with running.galleries.lease(name) as opened:
        record = await run_in_threadpool(opened.record, image_id)
        headers = cache_headers(record.content_sha256, "private, max-age=3600")
        unchanged = not_modified(request, headers) if record.content_sha256 else None
        if unchanged is not None:
            return unchanged
        data = await run_in_threadpool(opened.picture, image_id)
        return Response(data, media_type="image/jpeg", headers=headers)
