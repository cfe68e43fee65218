"""Scores of weights on a benchmark, under one of two gallery protocols.

Two gallery protocols are in the literature and are not comparable: `full` keeps the whole gallery
(the benchmark's own, Safe-Net, FSRA, LPN, MCCG); `query-ids-only` drops gallery images of places
without a query (the code of Sample4Geo, DAC, CAMP, MEAN).

Shapes: Q queries, G gallery images, D descriptor length, K best matches.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from console.progress import Progress
from model.descriptor_model import FusedQuery
from model.fusion import fuse_queries
from model.matching.interface import Matcher
from model.scoring import (
    COMPARED,
    best_first,
    compare,
    cosines,
    rerank,
    uncompared,
    unverified,
)
from model.verification import VERIFIED
from training.data.image_sets import Benchmark, Direction, ImageSet
from training.distances import DegreeScores, MetreScores, degree_scores, metre_scores
from training.errors import DataError
from training.evaluation.embedding import GalleryArrays, ImageSetEmbedder, Perturbation
from training.evaluation.metrics import Retrieval, best_matches, retrieval
from training.evaluation.query_pixels import QueryPixels

Protocol = Literal["full", "query-ids-only"]

BEST = 10
"""Number of matches whose positions are judged."""

CHUNK = 256
"""Number of queries compared at once, which bounds memory."""


PixelSource = tuple[QueryPixels, tuple[int, ...]]
"""Images that were embedded, and which of them a query is made of."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedQueries:
    """Query images and their queries, one each."""

    images: ImageSet
    queries: Sequence[FusedQuery]
    sources: Sequence[PixelSource] = ()
    """Where to read each query's images, for a matcher; empty: nothing is matched."""

    def pick(self, rows: Sequence[int]) -> "EmbeddedQueries":
        """Return the images at these indices."""
        return EmbeddedQueries(
            images=self.images.pick(rows),
            queries=[self.queries[row] for row in rows],
            sources=[self.sources[row] for row in rows] if self.sources else (),
        )

    def with_pixels(self, row: int) -> FusedQuery:
        """Return one query with the pixels of its images."""
        pixels, rows = self.sources[row]
        return dataclasses.replace(
            self.queries[row], pixels_N3SS=np.stack([pixels[each] for each in rows])
        )


@dataclass(frozen=True, kw_only=True)
class EmbeddedGallery:
    """Gallery images and their rows."""

    images: ImageSet
    rows: GalleryArrays
    matcher: Matcher | None = None
    """What compares the best images; None: nothing does."""

    def pick(self, rows: list[int]) -> "EmbeddedGallery":
        """Return the images at these indices."""
        return dataclasses.replace(self, images=self.images.pick(rows), rows=self.rows.pick(rows))


@dataclass(frozen=True, kw_only=True)
class Score:
    """All figures of one direction; None for those that the data does not allow."""

    retrieval: Retrieval | None
    metres: MetreScores | None = None
    degrees: DegreeScores | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a benchmark is scored."""

    protocol: Protocol = "full"
    within_m: float = 25.0
    multi_query: int = 1
    """Number of drone views of a place that are averaged into one query (Table VI)."""
    verify: bool = True
    """Re-rank the best matches by their local features, where the weights have any, and by the
    matcher, where there is one."""


def evaluate(
    benchmark: Benchmark,
    embedder: ImageSetEmbedder,
    rules: Rules,
    perturbation: Perturbation | None = None,
) -> dict[str, Score]:
    """Return scores by direction; the perturbation is applied to drone query images.

    Raises:
        DataError: an image is unreadable, or no query shows a place of the gallery.
    """
    return {
        direction.name: score(*embedded(direction, embedder, perturbation), benchmark, rules)
        for direction in benchmark.directions
        if perturbation is None or direction.query.view == "drone"
    }


def embedded(
    direction: Direction, embedder: ImageSetEmbedder, perturbation: Perturbation | None = None
) -> tuple[EmbeddedQueries, EmbeddedGallery]:
    """Return both sides of a direction, embedded."""
    return (
        embedded_queries(direction.query, embedder, perturbation),
        EmbeddedGallery(
            images=direction.gallery,
            rows=embedder.gallery(direction.gallery),
            matcher=embedder.matcher,
        ),
    )


def embedded_queries(
    images: ImageSet, embedder: ImageSetEmbedder, perturbation: Perturbation | None = None
) -> EmbeddedQueries:
    """Return the queries of images."""
    pixels = embedder.pixels(images, perturbation)
    return EmbeddedQueries(
        images=images,
        queries=embedder.queries(images, perturbation),
        sources=[]
        if embedder.matcher is None
        else [(pixels, (row,)) for row in range(len(images))],
    )


def score_matrix(
    query: EmbeddedQueries, gallery: EmbeddedGallery, *, verify: bool
) -> NDArray[np.float32]:
    """Return the scores [Q, G] by which a search ranks the gallery.

    With `verify`, the best images of a query have the scores that a search gives them, with the
    gallery's matcher where there is one; the others follow in the order of their cosines.
    """
    cosines_QG = _cosines(query.queries, gallery.rows)
    has_local = gallery.rows.local_NL.shape[1] > 0
    if not verify or not (has_local or gallery.matcher):
        return cosines_QG
    scores_QG = unverified(cosines_QG) if has_local else cosines_QG.copy()
    if gallery.matcher is not None:
        scores_QG = uncompared(scores_QG, gallery.matcher)
    ranked = Progress("re-ranking", len(query.queries), unit="query").over(range(len(cosines_QG)))
    for row in ranked:
        best_K = best_first(cosines_QG[row], COMPARED if gallery.matcher else VERIFIED)
        scores_QG[row, best_K] = _searched(query, row, gallery, cosines_QG[row, best_K], best_K)
    return scores_QG


def _searched(
    query: EmbeddedQueries,
    row: int,
    gallery: EmbeddedGallery,
    scores_K: NDArray[np.float32],
    best_K: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Return the scores that a search gives one query's best images."""
    rows, matcher = gallery.rows, gallery.matcher
    if rows.local_NL.shape[1]:
        scores_K, _ = rerank(query.queries[row], scores_K, rows.local_NL[best_K])
    if matcher is not None:
        assert rows.matcher_NB is not None
        order_K = best_first(scores_K, len(scores_K))
        compared_K, _ = compare(
            query.with_pixels(row), scores_K[order_K], rows.matcher_NB[best_K[order_K]], matcher
        )
        scores_K = np.empty_like(scores_K)
        scores_K[order_K] = compared_K
    return scores_K


def _cosines(queries: Sequence[FusedQuery], rows: GalleryArrays) -> NDArray[np.float32]:
    rows_GD = rows.descriptors_ND.astype(np.float32)
    chunks = [queries[start : start + CHUNK] for start in range(0, len(queries), CHUNK)]
    parts = [
        cosines(np.stack([query.descriptors_SD for query in chunk]), rows_GD) for chunk in chunks
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(rows_GD)), dtype=np.float32)


def score(
    query: EmbeddedQueries, gallery: EmbeddedGallery, benchmark: Benchmark, rules: Rules
) -> Score:
    """Return the scores of searching the gallery with every query.

    Raises:
        DataError: no query shows a place of the gallery.
    """
    if rules.multi_query > 1 and query.images.view == "drone":
        query = fused_queries(query, rules.multi_query)
    if rules.protocol == "query-ids-only" and benchmark.has_places:
        wanted = set(query.images.places)
        kept = [row for row, place in enumerate(gallery.images.places) if place in wanted]
        gallery = gallery.pick(kept)
    scores_QG = torch.from_numpy(score_matrix(query, gallery, verify=rules.verify))
    found = score_places(scores_QG, query.images, gallery.images) if benchmark.has_places else None
    if query.images.positions is None or gallery.images.positions is None:
        return Score(retrieval=found)
    truth_Q2 = torch.tensor(query.images.positions, dtype=torch.float64)
    positions_G2 = torch.tensor(gallery.images.positions, dtype=torch.float64)
    best_QK = best_matches(scores_QG, BEST)
    best_QK2 = positions_G2[best_QK]
    return Score(
        retrieval=found,
        metres=metre_scores(best_QK2[:, 0], truth_Q2, rules.within_m),
        degrees=degree_scores(best_QK2, truth_Q2) if benchmark.degrees_metric else None,
    )


def score_places(scores_QG: Tensor, query: ImageSet, gallery: ImageSet) -> Retrieval:
    """Return recall and average precision by place id.

    Raises:
        DataError: no query shows a place of the gallery.
    """
    names = sorted({*query.places, *gallery.places})
    number = {name: index for index, name in enumerate(names)}
    query_Q = torch.tensor([number[name] for name in query.places])
    gallery_G = torch.tensor([number[name] for name in gallery.places])
    if not torch.isin(query_Q, gallery_G).any():
        raise DataError(f"no place of {query.role} is in {gallery.role}; check the id folders")
    return retrieval(scores_QG, query_Q, gallery_G)


def fused_queries(query: EmbeddedQueries, views: int) -> EmbeddedQueries:
    """Return every place's images in groups of `views`, each group fused into one query.

    Group j of n takes images j, j + n, j + 2 n, …: sorted names run from far to near, so every
    group holds all distances. Images left over join the first groups. Source: Table VI averages
    descriptors; which views go together is our choice.
    """
    rows, fused, sources = [], [], []
    for indices in query.images.rows_by_place().values():
        groups = max(len(indices) // views, 1)
        for start in range(groups):
            members = indices[start::groups]
            rows.append(members[0])
            fused.append(fuse_queries([query.queries[member] for member in members]))
            if query.sources:
                pixels, _ = query.sources[members[0]]
                sources.append((pixels, tuple(query.sources[each][1][0] for each in members)))
    return EmbeddedQueries(images=query.images.pick(rows), queries=fused, sources=sources)
