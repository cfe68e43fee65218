"""A photo in, an answer out: embed, search, re-rank, judge. Every caller goes through here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.gallery.interface import OpenGallery
from indexer.geo import distance_m
from indexer.localization.agreement import combine
from indexer.localization.answer import Answer, Status
from indexer.localization.camera import look_of
from indexer.localization.camera_points import QueryPhoto
from indexer.localization.confidence import (
    Calibration,
    calibration_of,
    confidence,
    is_match,
)
from indexer.localization.estimate import Neighbourhood, reach_m
from indexer.localization.lens import focal_of
from indexer.localization.matching import most_shown_first, rerank_by_matcher
from indexer.localization.pose import footprint
from indexer.records import Filters, Match, Prior
from indexer.sources.photos.metadata import header_focal
from model.descriptor_model import DescriptorModel, FusedQuery, ImageEmbedding
from model.errors import ImageError
from model.fusion import fuse
from model.images import open_picture
from model.matching.interface import Matcher
from model.preprocessing import decode_side
from model.scoring import COMPARED


@dataclass(frozen=True)
class DecodedPhoto:
    """A decoded photo and its focal length in sides of its centre square, if its header says it."""

    image: Image.Image
    focal: float | None = None

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        return self.image.width / self.image.height


Photo = str | Path | bytes | Image.Image | DecodedPhoto
"""A path, encoded bytes or a decoded image of any size and mode."""

JUDGED = 30
"""Number of best matches that the confidence and the position are computed from, however many are
returned. Our choice: 10 to 150 of them rejected out-of-map images equally well on a rendered map of
529 tiles at half steps.
"""


SAME_GROUND = 5
"""Parts of the reach within which a camera shows the same ground as the search's own geometry. Our
choice: 22 m for tiles of 75 m; that geometry is off by up to 15 m for photos of 35 degrees."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What to search for.

    `top_k` matches are returned. `prior` is a circle that they lie in, `filters` are other
    conditions. An answer below `min_confidence` (0..1) has the status `no_match`. `photo_aspect` is
    width divided by height of the (first) photo, for its footprint; `photo` is that photo, for its
    camera, where the field of view is known.
    """

    top_k: int = 5
    prior: Prior | None = None
    filters: Filters | None = None
    min_confidence: float = 0.0
    photo_aspect: float = 1.0
    photo: QueryPhoto | None = None


def localize(
    images: Photo | Sequence[Photo],
    gallery: OpenGallery,
    embedder: DescriptorModel,
    *,
    top_k: int = 5,
    prior: Prior | None = None,
    filters: Filters | None = None,
    min_confidence: float = 0.0,
    fov_deg: float | None = None,
) -> Answer:
    """Find where a photo, or several views of one place, was taken.

    Args:
        images: one photo or several views of one place; GPS inside them is ignored.
        gallery: where to search; a gallery of drone images answers for a satellite tile.
        embedder: the weights that the gallery was built with.
        top_k: number of matches to return.
        prior: a circle that the matches lie in.
        filters: other conditions on the matches.
        min_confidence: least confidence of an answer that is not `no_match`, 0..1.
        fov_deg: angle of view across the (first) photo's width, degrees, for the camera; None: what
            its EXIF or XMP says, if anything.

    Raises:
        ImageError: an image cannot be read.
        BadFieldOfViewError: `fov_deg` is out of its range.
        BadFilterError: a filter or the prior is out of its range.
        GalleryMismatchError: the gallery was built with other weights.
        CalibrationError: the calibration of the weights is damaged.
    """
    photos = [images] if isinstance(images, Photo) else list(images)
    gallery.require_weights(embedder)
    embedded, first = embed_photos(photos, embedder)
    search = Search(
        top_k=top_k,
        prior=prior,
        filters=filters,
        min_confidence=min_confidence,
        photo_aspect=first.aspect,
        photo=_photo(first, fov_deg),
    )
    return localize_embeddings(embedded, gallery, embedder, search)


def embed_photos(
    photos: Sequence[Photo], embedder: DescriptorModel
) -> tuple[list[ImageEmbedding], DecodedPhoto]:
    """Return the embeddings of photos, and the first one decoded.

    Raises:
        ImageError: an image cannot be read.
    """
    decoded = [decode_photo(photo, embedder.input_size) for photo in photos]
    pixels_N3SS = np.stack([embedder.preprocess(one.image) for one in decoded])
    return embedder.embed_query_pixels(pixels_N3SS), decoded[0]


def localize_embeddings(
    images: Sequence[ImageEmbedding],
    gallery: OpenGallery,
    embedder: DescriptorModel,
    search: Search,
) -> Answer:
    """Answer one or several embedded photos; several are fused and also answered one by one.

    Raises: as `localize_query`.
    """
    fused = localize_query(fuse(images), gallery, embedder, search)
    if len(images) == 1:
        return fused
    other = replace(search, photo=None)
    alone = [
        localize_query(fuse([image]), gallery, embedder, other if number else search)
        for number, image in enumerate(images)
    ]
    return combine(fused, alone)


def localize_query(
    query: FusedQuery, gallery: OpenGallery, embedder: DescriptorModel, search: Search
) -> Answer:
    """Answer an embedded query; for callers that embed in batches of their own.

    Raises:
        BadFilterError: a filter or the prior is out of its range.
        GalleryMismatchError: the descriptor has another length than the gallery's.
        CalibrationError: the calibration of the weights is damaged.
    """
    matched = embedder.matcher is not None and query.pixels_N3SS is not None
    matches = gallery.search(
        query,
        top_k=max(search.top_k, COMPARED if matched else JUDGED),
        prior=search.prior,
        filters=search.filters,
    )
    calibration = calibration_of(embedder.calibration)
    if embedder.matcher is not None and matched:
        matches = rerank_by_matcher(matches, query, gallery, embedder.matcher)
        calibration = calibration_of(embedder.matcher.calibration)
        if gallery.view == "drone":
            matches = most_shown_first(matches)
    answer = judge(matches, query.steadiness, calibration, search)
    if embedder.matcher is not None and search.photo is not None:
        answer = _with_look(answer, search.photo, gallery, embedder.matcher)
    return answer if gallery.view == "satellite" else replace(answer, estimate=None)


def judge(
    matches: Sequence[Match], steadiness: float, calibration: Calibration, search: Search
) -> Answer:
    """Return the answer that ranked matches give.

    Args:
        matches: what `Gallery.search` returned, best first; `JUDGED` of them are used.
        steadiness: the query's, from `model.fusion.fuse`.
        calibration: of the weights.
        search: how many matches to return, and the least confidence.
    """
    if not matches:
        return Answer(status="no_match", confidence=0.0, estimate=None, matches=[])
    around = Neighbourhood(matches[:JUDGED])
    evidence = around.evidence(steadiness, calibration.temperature)
    fused = around.fuse(calibration.temperature)
    probability = confidence(evidence, calibration)
    status: Status = "match" if is_match(evidence, calibration) else "uncertain"
    if probability < max(search.min_confidence, calibration.no_match_below):
        status = "no_match"
    estimate = replace(
        fused.estimate(calibration), footprint=footprint(matches[0], search.photo_aspect)
    )
    return Answer(
        status=status,
        confidence=probability,
        estimate=None if status == "no_match" else estimate,
        matches=list(matches[: search.top_k]),
        evidence=evidence,
        fused=fused,
    )


def _with_look(answer: Answer, photo: QueryPhoto, gallery: OpenGallery, matcher: Matcher) -> Answer:
    """Return the answer with the camera, by which position, heading and outline are finer.

    It stays as it is where the camera cannot be found or shows other ground.
    """
    estimate = answer.estimate
    if estimate is None:
        return answer
    look = look_of(answer.matches[0], photo, gallery, matcher.fine)
    if look is None:
        return answer
    apart_m = distance_m(estimate.latitude, estimate.longitude, *look.centre)
    if apart_m > max(estimate.accuracy_m_95, reach_m(answer.matches[0]) / SAME_GROUND):
        return answer
    latitude, longitude = look.centre
    finer = replace(
        estimate,
        latitude=latitude,
        longitude=longitude,
        heading_deg=look.camera.heading_deg,
        footprint=look.outline,
        camera=look.camera,
    )
    return replace(answer, estimate=finer)


def decode_photo(photo: Photo, input_size: int) -> DecodedPhoto:
    """Return a photo for an embedder's input size, with what its header says.

    Raises:
        ImageError: it cannot be read.
    """
    if isinstance(photo, DecodedPhoto):
        return photo
    if isinstance(photo, Image.Image):
        return DecodedPhoto(photo)
    source = photo if isinstance(photo, bytes) else Path(photo)
    try:
        picture = open_picture(source, min_side=decode_side(input_size))
    except OSError as error:
        raise ImageError(f"{photo!s}: {error.strerror or error}; check the file") from error
    size = picture.width_px, picture.height_px
    return DecodedPhoto(picture.image, header_focal(picture.exif, picture.xmp, size))


def _photo(first: DecodedPhoto, fov_deg: float | None) -> QueryPhoto | None:
    focal = first.focal if fov_deg is None else focal_of(fov_deg, *first.image.size)
    return None if focal is None else QueryPhoto(picture=first.image, focal=focal)
