"""Pictures of what a search got wrong: query, first match, and the right image beside them.

Shapes: Q queries, G gallery images.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from training.data.image_sets import ImageSet
from training.distances import geodesic_m
from training.evaluation.sheets import GREEN, RED, Tile, sheet, square_image

ABREAST = 2
"""Number of failures side by side in a row of the sheet."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A query whose first match is wrong."""

    query: Path
    found: Path
    """The first match."""
    right: Path
    """The right image that the search ranks best."""
    rank: int
    """Rank of the right image, from 2."""
    lead: float
    """Score of the first match beyond that of the right image."""


def right_images(query: ImageSet, gallery: ImageSet, within_m: float | None) -> NDArray[np.bool_]:
    """Return which gallery images are right for each query: [Q, G].

    Args:
        query: images that are searched for.
        gallery: images that are searched.
        within_m: largest distance of the two ground points, metres; None: the same place.
    """
    if within_m is None:
        same: NDArray[np.bool_] = np.array(query.places)[:, None] == np.array(gallery.places)
        return same
    truth_Q2 = torch.tensor(query.positions, dtype=torch.float64)
    positions_G2 = torch.tensor(gallery.positions, dtype=torch.float64)
    near = [(geodesic_m(positions_G2, one_2) <= within_m).numpy() for one_2 in truth_Q2]
    return np.stack(near)


def failures(
    query: ImageSet,
    gallery: ImageSet,
    scores_QG: NDArray[np.float32],
    right_QG: NDArray[np.bool_],
) -> list[Failure]:
    """Return the queries whose first match is wrong, those of the largest lead first.

    Queries without a right image in the gallery are left out. Of each place only one query is
    returned, that with the largest lead.
    """
    counted_Q = right_QG.any(axis=1)
    first_Q = scores_QG.argmax(axis=1)
    rows_Q = np.arange(len(first_Q))
    best_right_Q = np.where(right_QG, scores_QG, -np.inf).argmax(axis=1)
    lead_Q = scores_QG[rows_Q, first_Q] - scores_QG[rows_Q, best_right_Q]
    wrong_Q = np.flatnonzero(counted_Q & ~right_QG[rows_Q, first_Q])
    found: dict[str, Failure] = {}
    for row in wrong_Q[np.argsort(-lead_Q[wrong_Q], kind="stable")]:
        right = best_right_Q[row]
        failure = Failure(
            query=query.files[row],
            found=gallery.files[first_Q[row]],
            right=gallery.files[right],
            rank=1 + int((scores_QG[row] > scores_QG[row, right]).sum()),
            lead=float(lead_Q[row]),
        )
        found.setdefault(query.places[row], failure)
    return list(found.values())


def failure_sheet(shown: list[Failure]) -> Image.Image:
    """Return a sheet: each query, its wrong first match (red) and the right image (green).

    Raises:
        ImageError: an image is unreadable.
    """
    triples = [
        [
            Tile(square_image(each.query), f"query {each.query.name}"[:28]),
            Tile(square_image(each.found), f"first, {each.lead:.3f} ahead", RED),
            Tile(square_image(each.right), f"right, rank {each.rank}", GREEN),
        ]
        for each in shown
    ]
    rows = [
        [tile for triple in triples[start : start + ABREAST] for tile in triple]
        for start in range(0, len(triples), ABREAST)
    ]
    return sheet(rows)
