"""Answer one question: decode, embed in shared batches, fuse, search, estimate."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from indexer.gallery.interface import OpenGallery
from indexer.localization.answer import Answer
from indexer.localization.camera_points import QueryPhoto
from indexer.localization.lens import focal_of
from indexer.localization.localize import Search, localize_embeddings
from indexer.records import Prior
from model.descriptor_model import DescriptorModel, ImageEmbedding
from model.fusion import fuse
from service.questions.batching import BatchWorker
from service.questions.decoding import Decoded, Decoder
from service.questions.explanations import MAX_QUERIES
from service.questions.flights import SubTrack, sub_tracks
from service.schemas.questions import QuestionParameters
from service.telemetry.traces import Tracing


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """Everything that an answer in any format is made of; times in ms."""

    tracks: list[SubTrack] | None
    with_lines: bool
    answer: Answer
    decoded: list[Decoded]
    gps_used: bool
    decode_ms: float
    queue_ms: float
    embed_ms: float
    search_ms: float


@dataclass(frozen=True, kw_only=True)
class Question:
    """The encoded images and the parameters of one request."""

    images: list[bytes]
    parameters: QuestionParameters


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The parts of a running service that turn a question into a result.

    `image_gps_radius_m` is the prior's radius around an image's own GPS when a request names none.
    """

    embedder: DescriptorModel
    worker: BatchWorker
    decoder: Decoder
    searchers: ThreadPoolExecutor
    tracing: Tracing
    image_gps_radius_m: float

    async def run(self, gallery: OpenGallery, question: Question) -> QuestionResult:
        """Answer one question from one gallery version.

        Cancelling drops the work that has not begun.

        Raises:
            SafeNetError: the images, the parameters or the queue do not allow it.
        """
        parameters = question.parameters
        with self.worker.reserve(len(question.images)) as room:
            started_at = time.perf_counter()
            with self.tracing.stage("decode"):
                decoded = await self.decoder.decode(
                    question.images,
                    keep=MAX_QUERIES if parameters.explain else 1,
                    gps=parameters.use_image_gps,
                )
            decode_ms = (time.perf_counter() - started_at) * 1e3
            with self.tracing.stage("embed"):
                embedded = await self.worker.embed(room, [image.pixels_3SS for image in decoded])
        prior, gps_used = self._prior(parameters, decoded)
        started_at = time.perf_counter()
        loop = asyncio.get_running_loop()
        with self.tracing.stage("search"):
            answer, tracks = await loop.run_in_executor(
                self.searchers,
                _search,
                self.embedder,
                gallery,
                embedded.images,
                parameters,
                prior,
                decoded[0],
            )
        search_ms = (time.perf_counter() - started_at) * 1e3
        return QuestionResult(
            tracks=tracks,
            with_lines=question.parameters.track,
            answer=answer,
            decoded=decoded,
            gps_used=gps_used,
            decode_ms=decode_ms,
            queue_ms=embedded.queue_ms,
            embed_ms=embedded.embed_ms,
            search_ms=search_ms,
        )

    def _prior(
        self, parameters: QuestionParameters, decoded: list[Decoded]
    ) -> tuple[Prior | None, bool]:
        """Return the prior, and whether it comes from the GPS inside an image."""
        found = next((image.gps for image in decoded if image.gps is not None), None)
        if found is None:
            return parameters.prior, False
        radius_m = parameters.radius_m or self.image_gps_radius_m
        return Prior(latitude=found[0], longitude=found[1], radius_m=radius_m), True


def _search(
    embedder: DescriptorModel,
    gallery: OpenGallery,
    images: list[ImageEmbedding],
    parameters: QuestionParameters,
    prior: Prior | None,
    first: Decoded,
) -> tuple[Answer, list[SubTrack] | None]:
    """Return the answer and, for a flight archive, the flights of its matches."""
    search = Search(
        top_k=parameters.top_k,
        prior=prior,
        filters=parameters.filters,
        min_confidence=parameters.min_confidence,
        photo_aspect=first.width / first.height,
        photo=query_photo(first, parameters.fov_deg),
    )
    answer = localize_embeddings(images, gallery, embedder, search)
    if gallery.view != "drone":
        return answer, None
    return answer, sub_tracks(gallery, fuse(images), answer.matches, search.filters)


def query_photo(first: Decoded, fov_deg: float | None) -> QueryPhoto | None:
    """Return the photo for its camera; None where its field of view is unknown."""
    focal = first.focal
    if fov_deg is not None:
        focal = focal_of(fov_deg, first.width, first.height)
    if focal is None or first.picture is None:
        return None
    return QueryPhoto(picture=first.picture, focal=focal)
