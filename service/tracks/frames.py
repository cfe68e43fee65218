"""Locate one frame of an open track: near where the drone can be, else on the whole map."""

import asyncio
import math
from dataclasses import dataclass

from indexer.gallery.interface import OpenGallery
from indexer.localization.answer import Answer
from indexer.localization.camera_points import QueryPhoto
from indexer.localization.confidence import calibration_of
from indexer.localization.localize import JUDGED, Search, localize_embeddings
from indexer.records import Prior
from indexer.tracking.candidates import Sighting
from indexer.tracking.fixes import Fix
from indexer.tracking.sighting import sighting
from model.descriptor_model import ImageEmbedding
from service.errors import TrackFullError
from service.questions.pipeline import Pipeline, query_photo
from service.tracks.registry import OpenTrack

SURE_NEARBY = 0.5
"""Confidence of a search nearby below which the whole map is searched too. Our choice."""


@dataclass(frozen=True, kw_only=True)
class LocatedFrame:
    """The fix of a frame, its number from 1, and whether the whole map was searched for it."""

    number: int
    fix: Fix
    searched_everywhere: bool


@dataclass(frozen=True, kw_only=True)
class NewFrame:
    """An encoded image and its time, s."""

    image: bytes
    time_s: float


async def locate(
    pipeline: Pipeline, gallery: OpenGallery, track: OpenTrack, frame: NewFrame, most_frames: int
) -> LocatedFrame:
    """Add a frame to a track and return its fix.

    Raises:
        OutOfOrderError: it is older than the last frame.
        TrackFullError: the track has as many frames as it may have.
        SafeNetError: the image or the queue does not allow it.
    """
    async with track.turn:
        track.live.check_time(frame.time_s)
        if len(track.fixes) >= most_frames:
            raise TrackFullError(
                f"the track has {most_frames} frames, as many as allowed; begin another one with "
                "POST /tracks"
            )
        with pipeline.worker.reserve(1) as room:
            decoded = await pipeline.decoder.decode([frame.image], keep=1, gps=False)
            embedded = await pipeline.worker.embed(room, [decoded[0].pixels_3SS])
        name = f"{len(track.fixes) + 1:05d}"
        question = _Question(
            name=name,
            time_s=frame.time_s,
            photo=query_photo(decoded[0], track.fov_deg),
            aspect=decoded[0].width / decoded[0].height,
        )
        loop = asyncio.get_running_loop()
        found, everywhere = await loop.run_in_executor(
            pipeline.searchers, _search, pipeline, gallery, track, embedded.images, question
        )
        fix = await loop.run_in_executor(pipeline.searchers, track.live.add, found)
        track.fixes.append(fix)
        number = len(track.fixes)
    async with track.changed:
        track.changed.notify_all()
    return LocatedFrame(number=number, fix=fix, searched_everywhere=everywhere)


@dataclass(frozen=True, kw_only=True)
class _Question:
    name: str
    time_s: float
    photo: QueryPhoto | None
    aspect: float


def _search(
    pipeline: Pipeline,
    gallery: OpenGallery,
    track: OpenTrack,
    images: list[ImageEmbedding],
    question: _Question,
) -> tuple[Sighting, bool]:
    nearby = track.live.next_area(question.time_s)
    if nearby is not None:
        answer = _answer(pipeline, gallery, images, nearby, question)
        if answer.matches and answer.confidence >= SURE_NEARBY:
            area_m2 = math.pi * nearby.radius_m**2
            return _sighting(pipeline, track, question, answer, area_m2), False
    answer = _answer(pipeline, gallery, images, track.prior, question)
    return _sighting(pipeline, track, question, answer, None), True


def _answer(
    pipeline: Pipeline,
    gallery: OpenGallery,
    images: list[ImageEmbedding],
    prior: Prior | None,
    question: _Question,
) -> Answer:
    search = Search(top_k=JUDGED, prior=prior, photo=question.photo, photo_aspect=question.aspect)
    return localize_embeddings(images, gallery, pipeline.embedder, search)


def _sighting(
    pipeline: Pipeline,
    track: OpenTrack,
    question: _Question,
    answer: Answer,
    area_m2: float | None,
) -> Sighting:
    used = pipeline.embedder.matcher or pipeline.embedder
    calibration = calibration_of(used.calibration)
    return sighting(question.name, question.time_s, answer, calibration, track.live.origin, area_m2)
