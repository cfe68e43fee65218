"""Keypoints with descriptors, and which of them correspond.

Shapes: P keypoints, D descriptor length, S side in pixels, M cells a side, C correspondences,
R likely rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_SCORE = 0.01
"""Least score of a keypoint. Our choice: low, since only the strongest keypoints are kept."""

MIN_COSINE = 0.7
"""Least cosine of corresponding descriptors. Source: the authors use 0.82 between photos of one
camera. Our choice: other seasons and sensors need less; the geometry refuses wrong
correspondences."""


@dataclass(frozen=True)
class Keypoints:
    """The strongest keypoints of one image."""

    places_P2: NDArray[np.float32]
    """x and y in sides of the square from its centre."""
    descriptors_PD: NDArray[np.float32]
    """Unit length, or as dequantised."""


def strongest(
    peaks_SS: NDArray[np.float32],
    reliability_MM: NDArray[np.float32],
    features_MMD: NDArray[np.float32],
    count: int,
) -> Keypoints:
    """Return at most `count` keypoints of highest score: probability times reliability.

    Args:
        peaks_SS: probability of a keypoint; 0 where there is none.
        reliability_MM: of the descriptors; each keypoint's is interpolated bilinearly.
        features_MMD: dense descriptors, interpolated likewise.
        count: upper bound on the number of keypoints.
    """
    flat = peaks_SS.ravel()
    found = np.flatnonzero(flat > MIN_SCORE)
    places_P2 = _places(found, peaks_SS.shape[0])
    scores_P = flat[found] * _interpolated(reliability_MM[:, :, None], places_P2)[:, 0]
    kept = np.flatnonzero(scores_P > MIN_SCORE)
    if len(kept) > count:
        kept = kept[np.argpartition(-scores_P[kept], count - 1)[:count]]
    return Keypoints(places_P2[kept], _unit(_interpolated(features_MMD, places_P2[kept])))


def _places(pixels_P: NDArray[np.intp], side: int) -> NDArray[np.float32]:
    rows, columns = np.divmod(pixels_P, side)
    places_P2 = np.stack((columns + 0.5, rows + 0.5), axis=1) / side - 0.5
    return places_P2.astype(np.float32)


def _interpolated(
    maps_MMD: NDArray[np.float32], places_P2: NDArray[np.float32]
) -> NDArray[np.float32]:
    cells = maps_MMD.shape[0]
    at_P2 = np.clip((places_P2 + 0.5) * cells - 0.5, 0, cells - 1)
    low_P2 = np.minimum(at_P2.astype(np.intp), cells - 2)
    right_P, down_P = (at_P2 - low_P2).astype(np.float32).T[:, :, None]
    x_P, y_P = low_P2.T
    upper_PD = maps_MMD[y_P, x_P] * (1 - right_P) + maps_MMD[y_P, x_P + 1] * right_P
    lower_PD = maps_MMD[y_P + 1, x_P] * (1 - right_P) + maps_MMD[y_P + 1, x_P + 1] * right_P
    mean_PD: NDArray[np.float32] = upper_PD * (1 - down_P) + lower_PD * down_P
    return mean_PD


def _unit(features_PD: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths_P1 = np.linalg.norm(features_PD, axis=1, keepdims=True)
    unit_PD: NDArray[np.float32] = features_PD / np.maximum(lengths_P1, np.float32(1e-12))
    return unit_PD


def mutual_nearest(
    query_PD: NDArray[np.float32], candidate_PD: NDArray[np.float32], min_cosine: float = MIN_COSINE
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows [C], [C] of descriptors that are each other's nearest.

    Args:
        query_PD: unit descriptors.
        candidate_PD: unit descriptors of the other image.
        min_cosine: correspondences of a smaller cosine are left out.
    """
    if not len(query_PD) or not len(candidate_PD):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return mutual_best(query_PD @ candidate_PD.T, min_cosine)


def mutual_best(
    likeness_PQ: NDArray[np.float32], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows [C] and columns [C] that are each other's largest, and at least `least`."""
    highest_P = likeness_PQ.max(axis=1)  # far faster than all their places
    likely_R = np.flatnonzero(highest_P >= least)
    nearest_R = likeness_PQ[likely_R].argmax(axis=1)
    mutual_R = likeness_PQ.max(axis=0)[nearest_R] == highest_P[likely_R]
    return likely_R[mutual_R], nearest_R[mutual_R]
