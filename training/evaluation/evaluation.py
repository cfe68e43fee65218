"""Scores of weights on a benchmark: which gallery images count, and what is counted.

Two gallery protocols are in the literature and are not comparable: `full` keeps the whole gallery
(the benchmark's own, Safe-Net, FSRA, LPN, MCCG); `query-ids-only` drops gallery images of places
without a query (the code of Sample4Geo, DAC, CAMP, MEAN).

Shapes: Q queries, G gallery images, V views of a query, S scales, D descriptor length, K best
matches, L length of the local features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from training.data.image_sets import Benchmark, Direction, ImageSet
from training.distances import DegreeScores, MetreScores, degree_scores, metre_scores
from training.errors import DataError
from training.evaluation.describing import Change, Describer
from training.evaluation.metrics import Retrieval, alike, best_matches, retrieval
from training.evaluation.verifying import Verifier

Protocol = Literal["full", "query-ids-only"]

BEST = 10
"""Matches whose positions are judged."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """An image set with its unit descriptors."""

    images: ImageSet
    descriptors: Tensor
    """[N, D]; of queries [N, S, D], one a scale."""
    local: Sequence[Tensor] | None = None
    """Local features of every image [V, S, L]; None: the weights have none."""

    def pick(self, rows: Sequence[int]) -> "Described":
        """The images at these indices."""
        return Described(
            images=self.images.pick(rows),
            descriptors=self.descriptors[rows],
            local=None if self.local is None else [self.local[row] for row in rows],
        )


@dataclass(frozen=True, kw_only=True)
class Score:
    """All figures of one direction; what the data cannot tell is None."""

    retrieval: Retrieval | None
    metres: MetreScores | None = None
    degrees: DegreeScores | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a benchmark is scored."""

    protocol: Protocol = "full"
    within_m: float = 25.0
    multi_query: int = 1
    """Drone views of a place that are averaged into one query (Table VI)."""
    verify: bool = True
    """Re-rank the best matches by their local features, where the weights have any."""


def evaluate(
    benchmark: Benchmark, describer: Describer, rules: Rules, change: Change | None = None
) -> dict[str, Score]:
    """Scores by direction; `change` is done to the drone images that ask.

    Raises:
        DataError: an image is unreadable, or no query shows a place of the gallery.
    """
    return {
        direction.name: score(*described(direction, describer, change), benchmark, rules)
        for direction in benchmark.directions
        if change is None or direction.query.view == "drone"
    }


def described(
    direction: Direction, describer: Describer, change: Change | None = None
) -> tuple[Described, Described]:
    """Query and gallery of a direction, embedded."""
    query, gallery = direction.query, direction.gallery
    asked, kept = describer.queries(query, change), describer.gallery(gallery)
    return (
        Described(images=query, descriptors=asked.descriptors, local=asked.local),
        Described(images=gallery, descriptors=kept.descriptors, local=kept.local),
    )


def compared(query: Described, gallery: Described, rules: Rules) -> Tensor:
    """Scores [Q, G] by which a query ranks the gallery."""
    cosines_QG = alike(query.descriptors, gallery.descriptors)
    if not rules.verify or query.local is None or gallery.local is None:
        return cosines_QG
    return Verifier.of(query.local, gallery.local).scores(cosines_QG)


def score(query: Described, gallery: Described, benchmark: Benchmark, rules: Rules) -> Score:
    """Retrieve the gallery with every query.

    Raises:
        DataError: no query shows a place of the gallery.
    """
    if rules.multi_query > 1 and query.images.view == "drone":
        query = fused_queries(query, rules.multi_query)
    if rules.protocol == "query-ids-only" and benchmark.has_places:
        asked = set(query.images.places)
        kept = [row for row, place in enumerate(gallery.images.places) if place in asked]
        gallery = gallery.pick(kept)
    scores_QG = compared(query, gallery, rules)
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
    """Recall and average precision by place id.

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


def fused_queries(query: Described, views: int) -> Described:
    """Every place's images in groups of `views`, spread over its flight, each group averaged.

    Group j of n takes images j, j + n, j + 2 n, …: sorted names run from far to near, and every
    group sees all distances. Images left over join the first groups. Source: Table VI averages
    descriptors; which views go together is ours.
    """
    rows, fused, local = [], [], []
    for indices in query.images.rows_by_place().values():
        groups = max(len(indices) // views, 1)
        for start in range(groups):
            members = indices[start::groups]
            mean = query.descriptors[members].mean(dim=0)
            rows.append(members[0])
            fused.append(torch.nn.functional.normalize(mean, dim=-1))
            if query.local is not None:
                local.append(torch.cat([query.local[member] for member in members]))
    return Described(
        images=query.images.pick(rows),
        descriptors=torch.stack(fused),
        local=local if query.local is not None else None,
    )
