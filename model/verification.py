"""Spatial verification: do two pictures show the same things at the same places?

A descriptor pools over rings and headings, so it forgets where in a ring something lies; rows of
like houses differ in nothing else. Local features keep a coarse grid of what lies where. A query's
grid is turned and shifted over a candidate's until both agree best. Ours; in spirit the geometric
re-ranking of DELG and Patch-NetVLAD, with turns instead of keypoints.

Shapes: N views, S scales of a picture, C cells (SIDE * SIDE, row by row), E features of a cell,
L = C * E, A turns, R = A * S, P shifts, K candidates, M grids of all their scales, F waves.
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

PERIOD = SIDE + SHIFT
"""Cells after which a transform repeats, so that no shift brings an edge round."""

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
    scales = candidates_KL.shape[1] // query_NSL.shape[2]
    width = query_NSL.shape[2] // SIDE**2
    grids_MCE = candidates_KL.reshape(-1, SIDE**2, width).astype(np.float32)
    grids_FME = _spectra(grids_MCE * np.float32(LARGEST / 127))
    weights_PA11 = _weights()[:, :, None, None]
    total_K = np.zeros(len(candidates_KL), dtype=np.float32)
    for view_SL in query_NSL:
        turned_FRE = _spectra(_turned(view_SL.reshape(-1, SIDE**2, width)))
        alike_FRM = turned_FRE @ grids_FME.conj().transpose(0, 2, 1)
        alike_PX = _shifted(alike_FRM)
        alike_PASM = alike_PX.reshape(len(alike_PX), TURNS, len(view_SL), len(grids_MCE))
        best_M = (alike_PASM * weights_PA11).max(axis=(0, 1, 2))
        total_K += best_M.reshape(len(total_K), scales).max(axis=1)
    mean_K: NDArray[np.float32] = total_K / np.float32(len(query_NSL))
    return mean_K


def combined(
    cosines_K: NDArray[np.float32], agreements_K: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scores of verified candidates: the weighted mean of cosine and agreement."""
    scores_K: NDArray[np.float32] = cosines_K + np.float32(WEIGHT) * agreements_K
    return scores_K / np.float32(1 + WEIGHT)


def _turned(view_SCE: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view's grids at every heading, cells of unit length: float32 [A * S, C, E]."""
    turned_ASCE = _turning()[:, None] @ view_SCE
    lengths_ASC1 = np.linalg.norm(turned_ASCE, axis=3, keepdims=True)
    unit_ASCE: NDArray[np.float32] = turned_ASCE / np.maximum(lengths_ASC1, np.float32(1e-6))
    return unit_ASCE.reshape(-1, *view_SCE.shape[1:])


def _spectra(grids_NCE: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Two-dimensional Fourier transforms of grids with SHIFT empty cells: complex64 [F, N, E].

    Shifting and multiplying is a product of spectra: a quarter of the time of every shift alone.
    """
    count, _, width = grids_NCE.shape
    waves = len(_fourier()) // 2
    parts = (_fourier() @ grids_NCE).reshape(count, 2, waves, width).transpose(1, 2, 0, 3)
    spectra_FNE = np.empty(parts.shape[1:], dtype=np.complex64)
    spectra_FNE.real, spectra_FNE.imag = parts
    return spectra_FNE


def _shifted(products_FRM: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Sums over overlapping cells at every shift, from products of spectra: float32 [P, R * M]."""
    products_FX = products_FRM.reshape(len(products_FRM), np.prod(products_FRM.shape[1:]))
    sums_PX: NDArray[np.float32] = _inverse() @ np.concatenate((products_FX.real, products_FX.imag))
    return sums_PX


@cache
def _fourier() -> NDArray[np.float32]:
    """Real, then imaginary parts of the transform of a grid: float32 [2 * F, C]."""
    waves_FC = np.exp(-2j * np.pi * _phases(np.arange(SIDE)))
    return np.concatenate((waves_FC.real, waves_FC.imag)).astype(np.float32)


@cache
def _inverse() -> NDArray[np.float32]:
    """Of real, then imaginary parts, the sum at every shift: float32 [P, 2 * F]."""
    waves_FP = np.exp(2j * np.pi * _phases(np.arange(-SHIFT, SHIFT + 1)))
    column = np.arange(PERIOD // 2 + 1)
    twice_F = np.tile(np.where((column == 0) | (2 * column == PERIOD), 1, 2), PERIOD)
    weighted_FP = waves_FP * twice_F[:, None] / PERIOD**2
    return np.concatenate((weighted_FP.real, -weighted_FP.imag)).T.astype(np.float32)


def _phases(axis: NDArray[np.int_]) -> NDArray[np.float64]:
    """Turns of every wave (the half that real numbers need) at every place of axis x axis: [F, _].

    Rows of both follow each other.
    """
    rows, columns = np.arange(PERIOD), np.arange(PERIOD // 2 + 1)
    down, right = np.outer(rows, axis), np.outer(columns, axis)
    phases = down[:, None, :, None] + right[None, :, None, :]
    return phases.reshape(len(rows) * len(columns), len(axis) ** 2) / PERIOD


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
    """1 / sqrt(C * overlapping cells) of every shift and turn: float32 [P, A]."""
    inside_ASS = (_turning().sum(axis=2) > 0).reshape(TURNS, SIDE, SIDE)
    padded = np.pad(inside_ASS, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    overlap_AP = windows.sum(axis=(3, 4)).reshape(TURNS, -1)
    weights_PA: NDArray[np.float32] = (SIDE**2 * np.maximum(overlap_AP.T, 1)).astype(np.float32)
    return weights_PA ** np.float32(-0.5)
