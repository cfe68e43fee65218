"""The JSON bodies of answers and gallery images."""

from urllib.parse import quote

from indexer.gallery.gallery import Gallery
from indexer.records import Bounds, ImageRecord, Match
from model.embedder import DescriptorModel
from service.questions.explanations import KINDS, Explainable
from service.questions.flights import SubTrack
from service.questions.pipeline import Outcome
from service.schemas import (
    AnswerBody,
    EstimateBody,
    FlightBody,
    GalleryBody,
    GalleryName,
    ImageBody,
    MatchBody,
    MetaBody,
    ModelBody,
    PicturesBody,
    QueryBody,
    TimingBody,
)


def image_url(gallery: str, image_id: str) -> str:
    """Path of a gallery picture, relative to the service's root."""
    return f"/galleries/{quote(gallery, safe='')}/images/{quote(image_id, safe='')}"


def _listed(bounds: Bounds | None) -> list[float] | None:
    return None if bounds is None else list(bounds)


def _image_fields(record: ImageRecord, gallery: str) -> dict[str, object]:
    return {
        "image_id": record.image_id,
        "latitude": record.latitude,
        "longitude": record.longitude,
        "bounds": _listed(record.bounds),
        "gsd_m": record.gsd_m,
        "altitude_m": record.altitude_m,
        "altitude_datum": record.altitude_datum,
        "heading_deg": record.heading_deg,
        "gimbal_pitch_deg": record.gimbal_pitch_deg,
        "flight_id": record.flight_id,
        "captured_at": record.captured_at,
        "source": record.source,
        "image_url": image_url(gallery, record.image_id),
    }


def image_body(record: ImageRecord, gallery: str) -> ImageBody:
    """One gallery image."""
    return ImageBody.model_validate(_image_fields(record, gallery))


def match_body(match: Match, gallery: str) -> MatchBody:
    """One match."""
    fields = _image_fields(match.record, gallery)
    return MatchBody.model_validate({"rank": match.rank, "score": match.score, **fields})


def meta_body(record: ImageRecord, gallery: str) -> MetaBody:
    """One gallery image with corners and digest."""
    fields = _image_fields(record, gallery)
    return MetaBody.model_validate(
        {
            **fields,
            "view": record.view,
            "corners": None if record.corners is None else [list(pair) for pair in record.corners],
            "content_sha256": record.content_sha256,
            "meta_url": f"{fields['image_url']}/meta",
        }
    )


def gallery_name(gallery: Gallery) -> GalleryName:
    """The gallery version that answered."""
    return GalleryName(
        name=gallery.name, view=gallery.view, version=gallery.version, size=gallery.size
    )


def gallery_body(gallery: Gallery) -> GalleryBody:
    """A loaded gallery."""
    return GalleryBody(
        **gallery_name(gallery).model_dump(),
        bounds=_listed(gallery.extent()),
        weights_sha256=gallery.weights_sha256,
        descriptor_dim=gallery.descriptor_dim,
    )


def model_body(embedder: DescriptorModel) -> ModelBody:
    """The weights that answered."""
    return ModelBody(
        name=embedder.name, sha256=embedder.sha256, descriptor_dim=embedder.descriptor_dim
    )


def answer_body(
    outcome: Outcome,
    gallery: Gallery,
    embedder: DescriptorModel,
    total_ms: float,
    explanation: list[PicturesBody] | None = None,
) -> AnswerBody:
    """The answer as JSON; `total_ms` counts from the request's arrival."""
    judged = outcome.answer
    estimate = judged.estimate
    return AnswerBody(
        status=judged.status,
        confidence=judged.confidence,
        estimate=None
        if estimate is None
        else EstimateBody(
            latitude=estimate.latitude,
            longitude=estimate.longitude,
            accuracy_m_68=estimate.accuracy_m_68,
            accuracy_m_95=estimate.accuracy_m_95,
            heading_deg=estimate.heading_deg,
        ),
        matches=[match_body(match, gallery.name) for match in outcome.matches],
        flights=None
        if outcome.tracks is None
        else [_flight_body(track, gallery.name) for track in outcome.tracks],
        explanation=explanation,
        query=QueryBody(
            images=len(outcome.decoded),
            width=outcome.decoded[0].width,
            height=outcome.decoded[0].height,
            gps_used=outcome.gps_used,
        ),
        gallery=gallery_name(gallery),
        model=model_body(embedder),
        timing_ms=_timing(outcome, total_ms),
    )


def _flight_body(track: SubTrack, gallery: str) -> FlightBody:
    return FlightBody(
        flight_id=track.flight_id,
        first_captured_at=track.images[0].captured_at,
        last_captured_at=track.images[-1].captured_at,
        matched_image_ids=track.matched_ids,
        track=[image_body(record, gallery) for record in track.images],
        truncated=track.truncated,
    )


def explanation_body(name: str, question: Explainable) -> list[PicturesBody]:
    """Links to the pictures of an explainable question."""
    return [
        PicturesBody(
            image=image, **{f"{kind}_url": f"/explanations/{name}/{image}/{kind}" for kind in KINDS}
        )
        for image in question.images
    ]


def _timing(outcome: Outcome, total_ms: float) -> TimingBody:
    return TimingBody(
        decode=round(outcome.decode_ms, 3),
        queue=round(outcome.queue_ms, 3),
        embed=round(outcome.embed_ms, 3),
        search=round(outcome.search_ms, 3),
        total=round(total_ms, 3),
    )
