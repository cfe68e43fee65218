"""Spatial verification: do two pictures show the same things at the same places?

A descriptor pools over rings and headings, so it forgets where in a ring something lies; rows of
like houses differ in nothing else. Local features keep a coarse grid of what lies where. A query's
grid is turned and shifted over a candidate's until both agree best. Ours; in spirit the geometric
re-ranking of DELG and Patch-NetVLAD, with turns instead of keypoints.

Shapes: N views, S scales of a picture, C cells (SIDE * SIDE, row by row), E features of a cell,
L = C * E, A turns, P poses (turn and shift), K candidates.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE = 7
"""Cells along a side. Ours: 14 find no more, and cost four times the room."""

TURNS = 16
"""Headings tried, evenly apart. Ours: 8 miss in rain."""

SHIFT = 3
"""Cells that the query may be off the candidate's centre in each direction."""

WEIGHT = 2.0
"""Of the agreement beside the cosine. Ours: 1 to 4 differ by 2 points, 4 in rain (weights.md)."""

VERIFIED = 30
"""Candidates that are verified; more where more are asked for."""

LARGEST = 0.5
"""Feature that an int8 holds at most. Ours: four standard deviations of a unit vector's of 64."""


def quantised(local_NL: NDArray[np.float32]) -> NDArray[np.int8]:
    """Local features as a gallery keeps them: int8 [N, L]."""
    steps_NL = np.rint(local_NL * (127 / LARGEST))
    cells_NL: NDArray[np.int8] = np.clip(steps_NL, -127, 127).astype(np.int8)
    return cells_NL


def agreement(
    query_NSL: NDArray[np.float32], candidates_KL: NDArray[np.int8]
) -> NDArray[np.float32]:
    """How well the candidates' local features agree with a query's, about 0..1: float32 [K].

    The sum over overlapping cells of their cosines, over sqrt(C * cells that overlap): halfway
    between a mean over the overlap, which a small one wins by chance, and one over the whole. The
    best pose and pair of scales counts; several views are averaged.

    Args:
        query_NSL: unit features of every cell, each view's and scale's.
        candidates_KL: quantised features; their scales, one or several, follow each other.
    """
    length = query_NSL.shape[2]
    scales = candidates_KL.shape[1] // length
    grids_ML = candidates_KL.reshape(-1, length).astype(np.float32) * np.float32(LARGEST / 127)
    total_K = np.zeros(len(candidates_KL), dtype=np.float32)
    for view_SL in query_NSL:
        alike_MP = grids_ML @ _posed(view_SL).T
        total_K += alike_MP.reshape(len(candidates_KL), scales * alike_MP.shape[1]).max(axis=1)
    mean_K: NDArray[np.float32] = total_K / np.float32(len(query_NSL))
    return mean_K


def combined(
    cosines_K: NDArray[np.float32], agreements_K: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scores of verified candidates: the weighted mean of cosine and agreement."""
    scores_K: NDArray[np.float32] = cosines_K + np.float32(WEIGHT) * agreements_K
    return scores_K / np.float32(1 + WEIGHT)


def _posed(view_SL: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view's grids in every pose, weighted by their overlap: float32 [S * P, L]."""
    scales, width = len(view_SL), view_SL.shape[1] // SIDE**2
    turned_SACE = _turning() @ view_SL.reshape(scales, 1, SIDE**2, width)
    lengths_SAC1 = np.linalg.norm(turned_SACE, axis=3, keepdims=True)
    unit_SACE = turned_SACE / np.maximum(lengths_SAC1, np.float32(1e-6))
    edge = ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0))
    padded = np.pad(unit_SACE.reshape(scales, TURNS, SIDE, SIDE, width), edge)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(2, 3))
    posed = windows.transpose(0, 1, 2, 3, 5, 6, 4).reshape(scales, -1, SIDE**2 * width)
    weighted: NDArray[np.float32] = posed * _weights()[:, None]
    return weighted.reshape(-1, SIDE**2 * width)


@cache
def _turning() -> NDArray[np.float32]:
    """Matrices that turn a grid, bilinearly, nothing beyond its edge: float32 [A, C, C]."""
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    y_C, x_C = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    matrices_ACC = np.empty((TURNS, SIDE**2, SIDE**2))
    for turn in range(TURNS):
        angle = 2 * np.pi * turn / TURNS
        from_x_C = np.cos(angle) * x_C + np.sin(angle) * y_C
        from_y_C = np.cos(angle) * y_C - np.sin(angle) * x_C
        near_x_CC = np.maximum(0, 1 - np.abs(from_x_C[:, None] - x_C))
        near_y_CC = np.maximum(0, 1 - np.abs(from_y_C[:, None] - y_C))
        matrices_ACC[turn] = near_x_CC * near_y_CC
    return np.where(matrices_ACC < 1e-9, 0, matrices_ACC).astype(np.float32)


@cache
def _weights() -> NDArray[np.float32]:
    """1 / sqrt(C * overlapping cells) of every pose: float32 [P]."""
    inside_ASS = (_turning().sum(axis=2) > 0).reshape(TURNS, SIDE, SIDE)
    padded = np.pad(inside_ASS, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    overlap_P = windows.sum(axis=(3, 4)).ravel()
    weights_P: NDArray[np.float32] = (SIDE**2 * np.maximum(overlap_P, 1)).astype(np.float32)
    return weights_P ** np.float32(-0.5)
