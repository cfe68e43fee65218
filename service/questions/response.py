"""The JSON bodies of answers and gallery images."""

from urllib.parse import quote

from indexer.gallery.interface import OpenGallery
from indexer.geojson import line
from indexer.localization.answer import Answer
from indexer.localization.pose import corresponding_points
from indexer.records import ImageRecord, Match
from model.descriptor_model import DescriptorModel
from service.questions.explanations import EXPLANATION_KINDS, Explainable
from service.questions.flights import SubTrack
from service.questions.pipeline import QuestionResult
from service.schemas.answers import (
    AnswerBody,
    EstimateBody,
    FlightBody,
    FlightLineBody,
    ImageAnswerBody,
    ModelBody,
    PicturesBody,
    QueryBody,
    TimingBody,
)
from service.schemas.galleries import GalleryBody, GalleryName
from service.schemas.images import ImageBody, MatchBody, MetaBody

MAX_CORRESPONDENCES = 100
"""Our choice: as many lines as an eye can follow."""


def image_url(gallery: str, image_id: str) -> str:
    """Return the path of a gallery image's file, relative to the service's root."""
    return f"/galleries/{quote(gallery, safe='')}/images/{quote(image_id, safe='')}"


def _fields(record: ImageRecord, gallery: str) -> dict[str, object]:
    url = image_url(gallery, record.image_id)
    return {**vars(record), "bounds": record.bounds, "image_url": url, "meta_url": f"{url}/meta"}


def image_body(record: ImageRecord, gallery: str) -> ImageBody:
    """Return one gallery image."""
    return ImageBody.model_validate(_fields(record, gallery))


def match_body(match: Match, gallery: str) -> MatchBody:
    """Return one match."""
    fields = _fields(match.record, gallery)
    return MatchBody.model_validate({**fields, "rank": match.rank, "score": match.score})


def meta_body(record: ImageRecord, gallery: str) -> MetaBody:
    """Return one gallery image with its corners and its digest."""
    return MetaBody.model_validate(_fields(record, gallery))


def gallery_name(gallery: OpenGallery) -> GalleryName:
    """Return the gallery version that answered."""
    return GalleryName.model_validate(gallery, from_attributes=True)


def gallery_body(gallery: OpenGallery) -> GalleryBody:
    """Return a loaded gallery."""
    extent = gallery.extent()
    return GalleryBody(
        **gallery_name(gallery).model_dump(),
        bounds=None if extent is None else list(extent),
        weights_sha256=gallery.weights_sha256,
        descriptor_dim=gallery.descriptor_dim,
    )


def model_body(embedder: DescriptorModel) -> ModelBody:
    """Return the weights that answered."""
    return ModelBody.model_validate(embedder, from_attributes=True)


def answer_body(
    result: QuestionResult,
    gallery: OpenGallery,
    embedder: DescriptorModel,
    total_ms: float,
    explanation: list[PicturesBody] | None = None,
) -> AnswerBody:
    """Return the answer's body; `total_ms` counts from the request's arrival."""
    answer = result.answer
    return AnswerBody(
        status=answer.status,
        confidence=answer.confidence,
        estimate=_estimate_body(answer),
        agreement=answer.agreement,
        per_image=None
        if answer.per_image is None
        else [
            _image_answer(number, alone, gallery.name)
            for number, alone in enumerate(answer.per_image, start=1)
        ],
        matches=[match_body(match, gallery.name) for match in answer.matches],
        flights=None
        if result.tracks is None
        else [_flight_body(track, gallery.name, result.with_lines) for track in result.tracks],
        explanation=explanation,
        correspondences=None if explanation is None else _correspondences(result),
        query=QueryBody(
            images=len(result.decoded),
            width=result.decoded[0].width,
            height=result.decoded[0].height,
            gps_used=result.gps_used,
        ),
        gallery=gallery_name(gallery),
        model=model_body(embedder),
        timing_ms=_timing(result, total_ms),
    )


def _estimate_body(answer: Answer) -> EstimateBody | None:
    if answer.estimate is None:
        return None
    return EstimateBody.model_validate(answer.estimate, from_attributes=True)


def _correspondences(result: QuestionResult) -> list[list[float]] | None:
    first, matches = result.decoded[0], result.answer.matches
    if not matches:
        return None
    points = corresponding_points(matches[0], first.width / first.height, MAX_CORRESPONDENCES)
    return None if points is None else [[round(x, 4) for x in point] for point in points]


def _image_answer(number: int, answer: Answer, gallery: str) -> ImageAnswerBody:
    return ImageAnswerBody(
        image=number,
        status=answer.status,
        confidence=answer.confidence,
        estimate=_estimate_body(answer),
        best_match=match_body(answer.matches[0], gallery) if answer.matches else None,
    )


def _flight_body(track: SubTrack, gallery: str, with_line: bool) -> FlightBody:
    return FlightBody(
        flight_id=track.flight_id,
        first_captured_at=track.images[0].captured_at,
        last_captured_at=track.images[-1].captured_at,
        matched_image_ids=track.matched_ids,
        track=[image_body(record, gallery) for record in track.images],
        truncated=track.truncated,
        line=_line_body(track) if with_line and len(track.images) > 1 else None,
    )


def _line_body(track: SubTrack) -> FlightLineBody:
    moments = [record.captured_at for record in track.images]
    return FlightLineBody(
        geometry=line([(record.latitude, record.longitude) for record in track.images]),
        properties={
            "flight_id": track.flight_id,
            "coordTimes": [None if moment is None else moment.isoformat() for moment in moments],
        },
    )


def explanation_body(name: str, question: Explainable) -> list[PicturesBody]:
    """Return links to the explanations of a question's images."""
    return [
        PicturesBody(
            image=image,
            **{f"{kind}_url": f"/explanations/{name}/{image}/{kind}" for kind in EXPLANATION_KINDS},
        )
        for image in question.images
    ]


def _timing(result: QuestionResult, total_ms: float) -> TimingBody:
    return TimingBody(
        decode=round(result.decode_ms, 3),
        queue=round(result.queue_ms, 3),
        embed=round(result.embed_ms, 3),
        search=round(result.search_ms, 3),
        total=round(total_ms, 3),
    )
