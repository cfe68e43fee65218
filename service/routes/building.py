"""POST /galleries and /jobs/…: build a gallery from a map or photos that are uploaded."""

import shutil
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from indexer.gallery.milvus.address import is_milvus
from service.building.job import Job, MapRequest, State
from service.building.uploaded_files import checked_name, receive_file
from service.errors import JobStateError, SlowUploadError
from service.routes.api_docs import problem_responses
from service.schemas.jobs import JobBody, MapBody
from service.state import RunningService

router = APIRouter(tags=["building"])

ERRORS = problem_responses(401, 404, 405, 409, 422, 503)
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of a job.")]
FileName = Annotated[
    str, Path(max_length=255, description="The file's name; its suffix says what it holds.")
]
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/galleries", status_code=201, responses={**problem_responses(400, 429), **ERRORS})
async def create(body: MapBody, response: Response, running: RunningService) -> JobBody:
    """Begin to build a gallery; its files come next. Needs an admin key."""
    if is_milvus(running.settings.store):
        raise JobStateError(
            "this service's galleries lie in a Milvus server; build them with: safenet-index build"
        )
    request = MapRequest(name=body.name, view=body.view, tile_m=tuple(body.tile_m))
    job = running.job_board.create(request)
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return _body(job)


@router.put(
    "/jobs/{job_id}/files/{file}",
    openapi_extra=FILE,
    responses={**problem_responses(408, 413, 415, 507), **ERRORS},
)
async def upload(
    request: Request, job_id: JobId, file: FileName, running: RunningService
) -> JobBody:
    """Send one file: a GeoTIFF, MBTiles or PMTiles, or photos (with a CSV or GeoJSON of places)."""
    job = running.job_board.find(job_id)
    if job.state is not State.UPLOADING:
        raise JobStateError(f"job {job_id}: it is {job.state}, no file may follow; begin another")
    settings = running.settings
    name = checked_name(file, job)
    try:
        await receive_file(
            job,
            name,
            request.stream(),
            max_bytes=settings.max_map_mib * 2**20,
            idle_s=settings.upload_s,
        )
    except FileNotFoundError as error:
        raise JobStateError(f"job {job_id}: it was cancelled; begin another") from error
    except TimeoutError as error:
        raise SlowUploadError(
            f"no part of the file came within {settings.upload_s:g} s; send it again"
        ) from error
    job.touch()
    return _body(job)


@router.post("/jobs/{job_id}/check", status_code=202, responses=ERRORS)
async def check(job_id: JobId, running: RunningService) -> JobBody:
    """Count what a build would bring: images, bytes, extent; `forecast` holds it when `checked`."""
    job = running.job_board.find(job_id)
    running.job_board.check(job)
    return _body(job)


@router.post("/jobs/{job_id}/build", status_code=202, responses=ERRORS)
async def build(job_id: JobId, running: RunningService) -> JobBody:
    """Build and publish the gallery; GET the job for its progress."""
    job = running.job_board.find(job_id)
    needed = (job.forecast or {}).get("store_bytes", 0)
    if needed > shutil.disk_usage(running.settings.store).free:
        raise JobStateError(
            f"job {job_id}: the gallery needs {needed >> 20} MiB, more than is free on the disk"
        )
    running.job_board.build(job)
    return _body(job)


@router.get("/jobs/{job_id}", responses=ERRORS)
async def job(job_id: JobId, running: RunningService) -> JobBody:
    """Return a job: its state and its progress."""
    return _body(running.job_board.find(job_id))


@router.delete("/jobs/{job_id}", responses=ERRORS)
async def cancel(job_id: JobId, running: RunningService) -> JobBody:
    """End a job and delete its files; a gallery that was published stays."""
    found = running.job_board.find(job_id)
    await running.job_board.cancel(found)
    return _body(found)


def _body(job: Job) -> JobBody:
    return JobBody(
        id=job.job_id,
        gallery=job.request.name,
        state=job.state.value,
        files=len(job.files),
        bytes=job.bytes,
        forecast=job.forecast,
        progress=job.progress,
        notes=job.notes[-20:],
        error=job.error,
    )
