"""One question from bytes to answer: decode, embed in shared batches, fuse, search, judge."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass

from indexer.gallery.gallery import Gallery
from indexer.localization.estimate import JUDGED, Answer, answer
from indexer.records import Match, Prior, View
from model.fusion import Query, fuse
from service.errors import ParameterError
from service.questions.decoding import Decoded
from service.questions.flights import SubTrack, sub_tracks
from service.schemas import QuestionParameters
from service.state import Running


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything that an answer in any form is made of; times in ms."""

    matches: list[Match]
    tracks: list[SubTrack] | None
    answer: Answer
    decoded: list[Decoded]
    gps_used: bool
    decode_ms: float
    queue_ms: float
    embed_ms: float
    search_ms: float


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one request asks."""

    images: list[bytes]
    parameters: QuestionParameters
    view: View


def choose_gallery(running: Running, question: QuestionParameters, view: View) -> str:
    """The gallery's name: the request's, else the configured one, else the only fitting one.

    Raises:
        UnknownGalleryError: no gallery holds that view.
        ParameterError: several do.
    """
    if question.gallery is not None:
        return question.gallery
    settings = running.settings
    default = settings.localize_gallery if view == "satellite" else settings.navigate_gallery
    return running.board.choose(view, default)


def check_view(gallery: Gallery, view: View) -> None:
    """Refuse a gallery of the other view.

    Raises:
        ParameterError: it holds the other view.
    """
    if gallery.view != view:
        other = "/navigate" if gallery.view == "drone" else "/localize"
        raise ParameterError(
            f"gallery: {gallery.name!r} holds {gallery.view} images; ask {other}, "
            f"or name a {view} gallery"
        )


async def ask(running: Running, gallery: Gallery, question: Question) -> Outcome:
    """Answer one question from one gallery version.

    Cancelling drops the work that has not begun.

    Raises:
        SafeNetError: the images, the parameters or the queue do not allow it.
    """
    parameters = question.parameters
    with ExitStack() as stack:
        room = stack.enter_context(running.worker.reserve(len(question.images)))
        started_at = time.perf_counter()
        with running.tracing.stage("decode"):
            decoded = await running.decoder.decode(
                question.images, keep=parameters.explain, gps=parameters.use_image_gps
            )
        decode_ms = (time.perf_counter() - started_at) * 1e3
        with running.tracing.stage("embed"):
            embedded = await running.worker.embed(room, [image.pixels_3SS for image in decoded])
    prior, gps_used = _prior(running, parameters, decoded)
    query = fuse(embedded.seen)
    started_at = time.perf_counter()
    loop = asyncio.get_running_loop()
    with running.tracing.stage("search"):
        matches, tracks = await loop.run_in_executor(
            running.searchers, _search, gallery, query, parameters, prior
        )
    search_ms = (time.perf_counter() - started_at) * 1e3
    return Outcome(
        matches=matches[: parameters.top_k],
        tracks=tracks,
        answer=answer(
            matches,
            query.steadiness,
            running.embedder.calibration,
            parameters.min_confidence,
        ),
        decoded=decoded,
        gps_used=gps_used,
        decode_ms=decode_ms,
        queue_ms=embedded.queue_ms,
        embed_ms=embedded.embed_ms,
        search_ms=search_ms,
    )


def _prior(
    running: Running, parameters: QuestionParameters, decoded: list[Decoded]
) -> tuple[Prior | None, bool]:
    """The prior, and whether it comes from the GPS inside an image."""
    found = next((image.gps for image in decoded if image.gps is not None), None)
    if found is None:
        return parameters.prior, False
    radius_m = parameters.radius_m or running.settings.image_gps_radius_m
    return Prior(latitude=found[0], longitude=found[1], radius_m=radius_m), True


def _search(
    gallery: Gallery,
    query: Query,
    parameters: QuestionParameters,
    prior: Prior | None,
) -> tuple[list[Match], list[SubTrack] | None]:
    """The matches, and where the gallery is a flight archive, their flights."""
    filters = parameters.filters
    top_k = max(parameters.top_k, JUDGED)
    matches = gallery.search(query, top_k=top_k, prior=prior, filters=filters)
    if gallery.view != "drone":
        return matches, None
    # Who belongs to a flight needs no verification.
    told = matches[: parameters.top_k]
    return matches, sub_tracks(gallery, query.descriptors_SD, told, filters)
