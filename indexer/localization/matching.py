"""Re-ranks matches by corresponding keypoints, which also place the query to a metre or two."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indexer.gallery.interface import OpenGallery
from indexer.records import Match, Pose
from model.descriptor_model import FusedQuery
from model.matching.geometry import mapped, shown_share
from model.matching.interface import CHANCE_INLIERS, Geometry, Matcher
from model.scoring import COMPARED, best_first, compare, uncompared

SURE_SHARE = 0.5
"""Least inliers of a photo that surely shows a tile, of the most. Our choice: half."""

STEP = 0.05
"""Length of the line at the query's centre whose direction is the heading, sides."""


def rerank_by_matcher(
    matches: Sequence[Match], query: FusedQuery, gallery: OpenGallery, matcher: Matcher
) -> list[Match]:
    """Return the matches in their new order, with the geometry of those that correspond.

    Scores become (score + weight * the matcher's score) / (1 + weight).

    Args:
        matches: what `Gallery.search` returned, best first.
        query: with the pixels of its images.
        gallery: where the matches are from.
        matcher: with loaded weights.

    Raises:
        GalleryMismatchError: a picture is missing.
    """
    assert query.pixels_N3SS is not None
    if not matches:
        return []
    close = list(matches[:COMPARED])
    rows_KB = gallery.matcher_rows(
        [match.image_id for match in close], matcher, query.pixels_N3SS.shape[-1]
    )
    before_K = np.array([match.score for match in close], dtype=np.float32)
    scores_K, geometries = compare(query, before_K, rows_KB, matcher)
    compared = [
        replace(
            close[row],
            score=float(scores_K[row]),
            rank=rank,
            geometry=geometries[row],
            pose=pose_of(geometries[row]) or close[row].pose,
        )
        for rank, row in enumerate(best_first(scores_K, len(close)).tolist(), start=1)
    ]
    rest = matches[COMPARED:]
    behind_K = uncompared(np.array([match.score for match in rest], dtype=np.float32), matcher)
    return compared + [
        replace(match, score=score) for match, score in zip(rest, behind_K.tolist(), strict=True)
    ]


def most_shown_first(matches: Sequence[Match]) -> list[Match]:
    """Return matches of a flight archive, those that show most of the query's ground first.

    Only photos whose keypoints correspond change places, and they exchange their scores, so that
    ranks go on following scores.

    Args:
        matches: in the order of `rerank_by_matcher`.
    """
    inliers = [match.inliers for match in matches]
    least = max(CHANCE_INLIERS, max(inliers, default=0) * SURE_SHARE)
    rows = [row for row, count in enumerate(inliers) if count >= least]
    verified = [matches[row] for row in rows]
    by_share = sorted(
        verified,
        key=lambda match: 0.0 if match.geometry is None else -shown_share(match.geometry),
    )
    ordered = list(matches)
    for row, there, match in zip(rows, verified, by_share, strict=True):
        ordered[row] = replace(match, score=there.score, rank=there.rank)
    return ordered


def pose_of(geometry: Geometry | None) -> Pose | None:
    """Return where a geometry puts the query's centre, and how it is rotated."""
    if geometry is None:
        return None
    line_22 = np.array([[0.0, 0.0], [0.0, -STEP]])
    (x, y), above_2 = mapped(geometry.homography_33, line_22)
    right, down = above_2[0] - x, above_2[1] - y
    return Pose(up=-float(y), right=float(x), turn_deg=math.degrees(math.atan2(right, -down)))
