"""Scores of weights on a benchmark: which gallery images count, and what is counted.

Two gallery protocols are in the literature and are not comparable: `full` keeps the whole gallery
(the benchmark's own, Safe-Net, FSRA, LPN, MCCG); `query-ids-only` drops gallery images of places
without a query (the code of Sample4Geo, DAC, CAMP, MEAN).

Shapes: Q queries, G gallery images, S scales, D descriptor length, K best matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from training.describing import Change, Describer
from training.distances import DegreeScores, MetreScores, degree_scores, metre_scores
from training.errors import DataError
from training.image_sets import Benchmark, Direction, ImageSet
from training.metrics import Retrieval, best_matches, retrieval

Protocol = Literal["full", "query-ids-only"]

BEST = 10
"""Matches whose positions are judged."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """An image set with its unit descriptors."""

    images: ImageSet
    descriptors: Tensor
    """[N, D]; of queries [N, S, D], one a scale."""

    def pick(self, rows: Sequence[int]) -> "Described":
        """The images at these indices."""
        return Described(images=self.images.pick(rows), descriptors=self.descriptors[rows])


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
    return (
        Described(images=direction.query, descriptors=describer.queries(direction.query, change)),
        Described(images=direction.gallery, descriptors=describer.gallery(direction.gallery)),
    )


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
    found = score_places(query, gallery) if benchmark.has_places else None
    if query.images.positions is None or gallery.images.positions is None:
        return Score(retrieval=found)
    truth_Q2 = torch.tensor(query.images.positions, dtype=torch.float64)
    positions_G2 = torch.tensor(gallery.images.positions, dtype=torch.float64)
    best_QK = best_matches(query.descriptors, gallery.descriptors, BEST)
    best_QK2 = positions_G2[best_QK]
    return Score(
        retrieval=found,
        metres=metre_scores(best_QK2[:, 0], truth_Q2, rules.within_m),
        degrees=degree_scores(best_QK2, truth_Q2) if benchmark.degrees_metric else None,
    )


def score_places(query: Described, gallery: Described) -> Retrieval:
    """Recall and average precision by place id.

    Raises:
        DataError: no query shows a place of the gallery.
    """
    names = sorted({*query.images.places, *gallery.images.places})
    number = {name: index for index, name in enumerate(names)}
    query_Q = torch.tensor([number[name] for name in query.images.places])
    gallery_G = torch.tensor([number[name] for name in gallery.images.places])
    if not torch.isin(query_Q, gallery_G).any():
        raise DataError(
            f"no place of {query.images.role} is in {gallery.images.role}; check the id folders"
        )
    return retrieval(query.descriptors, gallery.descriptors, query_Q, gallery_G)


def fused_queries(query: Described, views: int) -> Described:
    """Every place's images in groups of `views`, spread over its flight, each group averaged.

    Group j of n takes images j, j + n, j + 2 n, …: sorted names run from far to near, and every
    group sees all distances. Images left over join the first groups. Source: Table VI averages
    descriptors; which views go together is ours.
    """
    rows, fused = [], []
    for indices in query.images.rows_by_place().values():
        groups = max(len(indices) // views, 1)
        for start in range(groups):
            members = indices[start::groups]
            mean = query.descriptors[members].mean(dim=0)
            rows.append(members[0])
            fused.append(torch.nn.functional.normalize(mean, dim=-1))
    return Described(images=query.images.pick(rows), descriptors=torch.stack(fused))
