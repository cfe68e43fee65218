"""A photo in, an answer out: embed, search, re-rank, judge. Every caller goes through here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.gallery.gallery import Gallery
from indexer.localization.agreement import combine
from indexer.localization.answer import Answer, Status
from indexer.localization.confidence import (
    Calibration,
    calibration_of,
    confidence,
    is_match,
)
from indexer.localization.estimate import Neighbourhood
from indexer.localization.matching import most_shown_first, rerank_by_matcher
from indexer.localization.pose import footprint
from indexer.records import Filters, Match, Prior
from model.descriptor_model import DescriptorModel, FusedQuery, ImageEmbedding
from model.errors import ImageError
from model.fusion import fuse
from model.images import open_image
from model.preprocessing import decode_side
from model.scoring import COMPARED

Photo = str | Path | bytes | Image.Image
"""A path, encoded bytes or a decoded picture of any size and mode."""

JUDGED = 30
"""Number of best matches that the confidence and the position are computed from, however many are
returned. Our choice: 10 to 150 of them rejected out-of-map images equally well on a rendered map of
529 tiles at half steps.
"""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What to search for.

    `top_k` matches are returned. `prior` is a circle that they lie in, `filters` are other
    conditions. An answer below `min_confidence` (0..1) has the status `no_match`. `photo_aspect` is
    width divided by height of the (first) photo, for its footprint.
    """

    top_k: int = 5
    prior: Prior | None = None
    filters: Filters | None = None
    min_confidence: float = 0.0
    photo_aspect: float = 1.0


def localize(
    images: Photo | Sequence[Photo],
    gallery: Gallery,
    embedder: DescriptorModel,
    *,
    top_k: int = 5,
    prior: Prior | None = None,
    filters: Filters | None = None,
    min_confidence: float = 0.0,
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

    Raises:
        ImageError: an image cannot be read.
        BadFilterError: a filter or the prior is out of its range.
        GalleryMismatchError: the gallery was built with other weights.
        CalibrationError: the calibration of the weights is damaged.
    """
    photos = [images] if isinstance(images, str | Path | bytes | Image.Image) else list(images)
    gallery.require_weights(embedder)
    embedded, photo_aspect = embed_photos(photos, embedder)
    search = Search(
        top_k=top_k,
        prior=prior,
        filters=filters,
        min_confidence=min_confidence,
        photo_aspect=photo_aspect,
    )
    return localize_embeddings(embedded, gallery, embedder, search)


def embed_photos(
    photos: Sequence[Photo], embedder: DescriptorModel
) -> tuple[list[ImageEmbedding], float]:
    """Return the embeddings of photos, and the first one's width divided by its height.

    Raises:
        ImageError: an image cannot be read.
    """
    decoded = [_decoded(photo, embedder.input_size) for photo in photos]
    pixels_N3SS = np.stack([embedder.preprocess(image) for image in decoded])
    return embedder.embed_query_pixels(pixels_N3SS), decoded[0].width / decoded[0].height


def localize_embeddings(
    images: Sequence[ImageEmbedding], gallery: Gallery, embedder: DescriptorModel, search: Search
) -> Answer:
    """Answer one or several embedded photos; several are fused and also answered one by one.

    Raises: as `localize_query`.
    """
    fused = localize_query(fuse(images), gallery, embedder, search)
    if len(images) == 1:
        return fused
    alone = [localize_query(fuse([image]), gallery, embedder, search) for image in images]
    return combine(fused, alone)


def localize_query(
    query: FusedQuery, gallery: Gallery, embedder: DescriptorModel, search: Search
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


def _decoded(photo: Photo, input_size: int) -> Image.Image:
    if isinstance(photo, Image.Image):
        return photo
    source = photo if isinstance(photo, bytes) else Path(photo)
    try:
        return open_image(source, min_side=decode_side(input_size))
    except OSError as error:
        raise ImageError(f"{photo!s}: {error.strerror or error}; check the file") from error
