"""Locate one frame of an open track: near where the drone can be, else on the whole map."""

import asyncio
import math
from dataclasses import dataclass

from indexer.gallery.gallery import Gallery
from indexer.localization.answer import Answer
from indexer.localization.confidence import calibration_of
from indexer.localization.localize import JUDGED, Search, localize_embeddings
from indexer.records import Prior
from indexer.tracking.candidates import Sighting, sighting
from indexer.tracking.track import Fix
from model.descriptor_model import ImageEmbedding
from service.errors import TrackFullError
from service.questions.pipeline import Pipeline
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
    pipeline: Pipeline, gallery: Gallery, track: OpenTrack, frame: NewFrame, most_frames: int
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
            decoded = await pipeline.decoder.decode([frame.image], keep=False, gps=False)
            embedded = await pipeline.worker.embed(room, [decoded[0].pixels_3SS])
        name = f"{len(track.fixes) + 1:05d}"
        loop = asyncio.get_running_loop()
        found, everywhere = await loop.run_in_executor(
            pipeline.searchers, _search, pipeline, gallery, track, embedded.images, frame, name
        )
        fix = await loop.run_in_executor(pipeline.searchers, track.live.add, found)
        track.fixes.append(fix)
        number = len(track.fixes)
    async with track.changed:
        track.changed.notify_all()
    return LocatedFrame(number=number, fix=fix, searched_everywhere=everywhere)


def _search(
    pipeline: Pipeline,
    gallery: Gallery,
    track: OpenTrack,
    images: list[ImageEmbedding],
    frame: NewFrame,
    name: str,
) -> tuple[Sighting, bool]:
    nearby = track.live.next_area(frame.time_s)
    if nearby is not None:
        answer = _answer(pipeline, gallery, images, nearby)
        if answer.matches and answer.confidence >= SURE_NEARBY:
            area_m2 = math.pi * nearby.radius_m**2
            return _sighting(pipeline, track, frame, name, answer, area_m2), False
    answer = _answer(pipeline, gallery, images, track.prior)
    return _sighting(pipeline, track, frame, name, answer, None), True


def _answer(
    pipeline: Pipeline, gallery: Gallery, images: list[ImageEmbedding], prior: Prior | None
) -> Answer:
    search = Search(top_k=JUDGED, prior=prior)
    return localize_embeddings(images, gallery, pipeline.embedder, search)


def _sighting(
    pipeline: Pipeline,
    track: OpenTrack,
    frame: NewFrame,
    name: str,
    answer: Answer,
    area_m2: float | None,
) -> Sighting:
    used = pipeline.embedder.matcher or pipeline.embedder
    calibration = calibration_of(used.calibration)
    return sighting(name, frame.time_s, answer, calibration, track.live.origin, area_m2)
