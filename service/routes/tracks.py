"""POST /tracks, its frames, its track and its events: a flight while it is flown."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from indexer.tracking.fixes import Track
from indexer.tracking.live import LiveTrack
from indexer.tracking.localizing import origin_of
from indexer.tracking.motion import motion_of
from indexer.tracking.outputs.formats import FORMATS
from indexer.tracking.outputs.json_text import fix_document
from service.errors import ParameterError
from service.media_types import CSV, GEOJSON, GPX, JSON, KML, NMEA
from service.questions.deadline import before_deadline
from service.questions.parameters import joined_parameters
from service.questions.uploads import UploadLimits, read_upload
from service.routes.api_docs import problem_responses
from service.schemas.tracks import FixBody, FrameBody, FrameParameters, TrackBody, TrackParameters
from service.state import CurrentState, Running, RunningService
from service.tracks.frames import NewFrame, locate
from service.tracks.registry import OpenTrack

router = APIRouter(prefix="/tracks", tags=["tracks"])

EVENT_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""nginx holds an answer back until a buffer is full, except with the second header."""

MEDIA_TYPES = {
    "json": JSON,
    "geojson": GEOJSON,
    "gpx": GPX,
    "kml": KML,
    "csv": CSV,
    "nmea": NMEA,
}
WATCH_S = 2.0
"""Seconds between two looks of a watcher at whether the track and the service still run."""

TrackId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="Id of a track.")
]

_IMAGE = {"type": "string", "format": "binary"}
_FRAME_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": _IMAGE},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": _IMAGE, "time": {"type": "string", "maxLength": 40}},
                    "additionalProperties": False,
                }
            },
        },
    }
}


@router.post("", status_code=201, responses=problem_responses(401, 404, 422, 429, 503))
async def begin(
    request: Request, parameters: Annotated[TrackParameters, Query()], running: RunningService
) -> TrackBody:
    """Begin a track; send its frames to `frames_url` in order of time."""
    default = running.settings.localize_gallery
    name = parameters.gallery or running.galleries.choose("satellite", default)
    with running.galleries.lease(name) as gallery:
        if gallery.view != "satellite":
            raise ParameterError(f"gallery: {name!r} holds drone images; name a satellite gallery")
        extent, origin = gallery.extent(), origin_of(gallery)
        assert extent is not None
        live = LiveTrack(motion_of(extent, parameters.max_speed_m_s), origin)
    track = await running.tracks.begin(
        name, _owner(request), live, parameters.prior, parameters.fov_deg
    )
    return _body(running, track)


@router.post(
    "/{track_id}/frames",
    responses=problem_responses(400, 401, 404, 408, 409, 413, 415, 422, 429, 503),
    openapi_extra=_FRAME_BODY,
)
async def add_frame(
    request: Request,
    track_id: TrackId,
    query: Annotated[FrameParameters, Query()],
    running: RunningService,
) -> FrameBody:
    """Add the next frame and return its fix, which uses all frames so far."""
    started_at, arrived = time.perf_counter(), datetime.now(UTC)
    track = await running.tracks.find(track_id, _owner(request))
    settings = running.settings
    with running.admission.enter(request), running.galleries.lease(track.gallery) as gallery:
        limits = UploadLimits(
            max_bytes=settings.max_body_mib * 2**20,
            max_views=1,
            max_fields=2 * len(FrameParameters.model_fields),
            timeout_s=settings.upload_s,
        )
        upload = await read_upload(request, limits, running.admission)
        given = joined_parameters(
            FrameParameters, request.query_params.multi_items(), upload.fields
        )
        time_s = _seconds(track, given.time, arrived)
        located = await before_deadline(
            request,
            locate(
                running.pipeline,
                gallery,
                track,
                NewFrame(image=upload.images[0], time_s=time_s),
                settings.track_frames,
            ),
            deadline_s=settings.deadline_s,
            wait_s=running.worker.wait_s,
        )
    return FrameBody(
        frame=located.number,
        searched="everywhere" if located.searched_everywhere else "nearby",
        fix=FixBody.model_validate(fix_document(located.fix, _so_far(track))),
        total_ms=round((time.perf_counter() - started_at) * 1e3, 3),
    )


@router.get(
    "/{track_id}",
    response_class=Response,
    responses={
        200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}},
        **problem_responses(401, 404, 409, 422, 503),
    },
)
async def read_track(
    request: Request,
    track_id: TrackId,
    running: RunningService,
    form: Annotated[
        str,
        Query(
            alias="format",
            pattern="^(json|geojson|gpx|kml|csv|nmea)$",
            description="Format of the track.",
        ),
    ] = "json",
) -> Response:
    """Return the track of all frames so far, smoothed over the whole flight."""
    track = await running.tracks.find(track_id, _owner(request))
    async with track.turn:
        found = await asyncio.get_running_loop().run_in_executor(
            running.pipeline.searchers, track.live.track, track.start
        )
    return Response(
        FORMATS[form](found),
        media_type=MEDIA_TYPES[form],
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/{track_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        **problem_responses(401, 404, 422, 503),
    },
)
async def watch(
    request: Request, track_id: TrackId, running: RunningService, state: CurrentState
) -> StreamingResponse:
    """Send each fix as a server-sent event, those so far first, until the track ends."""
    track = await running.tracks.find(track_id, _owner(request))

    async def events() -> AsyncIterator[str]:
        sent = 0
        while True:
            for fix in track.fixes[sent:]:
                sent += 1
                yield f"id: {sent}\nevent: fix\ndata: {json.dumps(_event(fix, track))}\n\n"
            if track.closed or state.is_draining or state.running is None:
                yield "event: end\ndata: {}\n\n"
                return
            if not await _changes(track, sent):
                yield ": the track is open\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers=EVENT_HEADERS)


async def _changes(track: OpenTrack, sent: int) -> bool:
    """Wait for more fixes or the end; return False where neither comes within `WATCH_S`."""
    try:
        async with asyncio.timeout(WATCH_S), track.changed:
            await track.changed.wait_for(lambda: track.closed or len(track.fixes) > sent)
    except TimeoutError:
        return False
    return True


@router.delete("/{track_id}", status_code=204, responses=problem_responses(401, 404, 422, 503))
async def end(request: Request, track_id: TrackId, running: RunningService) -> Response:
    """Drop the track."""
    await running.tracks.end(await running.tracks.find(track_id, _owner(request)))
    return Response(status_code=204)


def _owner(request: Request) -> str | None:
    """Return the name of the key that the request was made with."""
    owner: str | None = request.scope.get("state", {}).get("key_name")
    return owner


def _body(running: Running, track: OpenTrack) -> TrackBody:
    url = f"/tracks/{track.track_id}"
    return TrackBody(
        track_id=track.track_id,
        gallery=track.gallery,
        frames=len(track.fixes),
        idle_s=running.tracks.limits.idle_s,
        frames_url=f"{url}/frames",
        events_url=f"{url}/events",
        track_url=url,
    )


def _seconds(track: OpenTrack, text: str | None, arrived: datetime) -> float:
    """Return the time of a frame, s; a moment counts from the track's first one.

    Raises:
        ParameterError: it is neither a number nor a moment, or the track's times are of another
            kind.
    """
    if text is not None:
        try:
            seconds = float(text)
        except ValueError:
            pass
        else:
            if abs(seconds) < 1e12 and track.start is None:
                return seconds
            raise ParameterError(
                f"time: {text!r} is no moment as those of the frames before; send ISO 8601"
                if track.start is not None
                else f"time: {text!r} is out of range; send seconds"
            )
    moment = arrived if text is None else _moment(text)
    if track.start is None:
        if track.fixes:
            raise ParameterError(
                "time: the frames before were sent with seconds; send seconds with this one too"
            )
        track.start = moment
    return (moment - track.start).total_seconds()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ParameterError(
            f"time: {text!r} is neither a number of seconds nor an ISO 8601 moment"
        ) from error


def _so_far(track: OpenTrack) -> Track:
    """Return a track without fixes, which gives a fix its moment."""
    return Track(status="uncertain", confidence=0.0, fixes=(), start=track.start)


def _event(fix: Any, track: OpenTrack) -> dict[str, Any]:
    return fix_document(fix, _so_far(track))
