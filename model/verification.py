"""Spatial verification: do two pictures show the same things at the same places, and how turned?

A descriptor pools over rings and headings, so it forgets where in a ring something lies; rows of
like houses differ in nothing else. Local features keep a coarse grid of what lies where. A query's
grid is turned and shifted over a candidate's until both agree best. Ours; in spirit the geometric
re-ranking of DELG and Patch-NetVLAD, with turns instead of keypoints.

Shapes: N views, S scales of a picture, C cells (SIDE * SIDE, row by row), E features of a cell,
L = C * E, A turns, R = A * S, P shifts, K candidates, M grids of all their scales, F waves.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.config import LOCAL_SIDE

SIDE = LOCAL_SIDE

TURNS = 16
"""Number of headings that are tried. Our choice: with 8, matches in rain are missed."""

SHIFT = 3
"""Cells that the query may be off the candidate's centre in each direction."""

PERIOD = SIDE + SHIFT
"""Cells after which a transform repeats, so that no shift brings an edge round."""

WEIGHT = 2.0
"""Weight of the agreement relative to the cosine. Our choice: 1 to 4 change R@1 by at most 2
points (4 in rain); see docs/training-runs.md."""

VERIFIED = 30
"""Candidates that are verified; more where more are asked for."""

LARGEST = 0.5
"""Largest feature that an int8 holds. Our choice: four standard deviations at 64 features."""


def quantised(local_NL: NDArray[np.float32]) -> NDArray[np.int8]:
    """Local features as a gallery keeps them: int8 [N, L]."""
    steps_NL = np.rint(local_NL * (127 / LARGEST))
    cells_NL: NDArray[np.int8] = np.clip(steps_NL, -127, 127).astype(np.int8)
    return cells_NL


@dataclass(frozen=True)
class Agreement:
    """How well K candidates agree with a query, and how it lies in each of them."""

    scores_K: NDArray[np.float32]
    """About 0..1; the mean over the query's views."""
    up_K: NDArray[np.float32]
    """From the candidate's centre to the query's, in sides of the square that the network sees of
    the candidate; the mean over the query's views."""
    right_K: NDArray[np.float32]
    """As `up_K`, to the right."""
    turn_deg_K: NDArray[np.float32]
    """Clockwise from the candidate's top to that of the query's first view, degrees."""


def agreement(
    query_NSL: NDArray[np.float32], candidates_KL: NDArray[np.int8], zoom: float = 1.0
) -> Agreement:
    """How well the candidates' local features agree with a query's.

    The score is the sum over overlapping cells of their cosines, over sqrt(C * cells that overlap):
    halfway between a mean over the overlap, which a small one wins by chance, and one over the
    whole. The best pose and pair of scales counts, refined between its neighbours by parabolas.

    Args:
        query_NSL: unit features of every cell, each view's and scale's.
        candidates_KL: quantised features; their scales, one or several, follow each other.
        zoom: share of the side that each further scale of a candidate shows of the one before.
    """
    scales = candidates_KL.shape[1] // query_NSL.shape[2]
    width = query_NSL.shape[2] // SIDE**2
    grids_MCE = candidates_KL.reshape(-1, SIDE**2, width).astype(np.float32)
    grids_FME = _spectra(grids_MCE * np.float32(LARGEST / 127))
    weights_PA11 = _weights()[:, :, None, None]
    views = []
    for view_SL in query_NSL:
        turned_FRE = _spectra(_turned(view_SL.reshape(-1, SIDE**2, width)))
        alike_FRM = turned_FRE @ grids_FME.conj().transpose(0, 2, 1)
        alike_PX = _shifted(alike_FRM)
        alike_PASM = alike_PX.reshape(len(alike_PX), TURNS, len(view_SL), len(grids_MCE))
        alike_PASM *= weights_PA11
        views.append(_best(alike_PASM.reshape(*alike_PASM.shape[:3], -1, scales), zoom))
    scores_NK, up_NK, right_NK, turn_deg_NK = (np.stack(part) for part in zip(*views, strict=True))
    return Agreement(
        scores_NK.mean(axis=0), up_NK.mean(axis=0), right_NK.mean(axis=0), turn_deg_NK[0]
    )


def combined(
    cosines_K: NDArray[np.float32], agreements_K: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scores of verified candidates: the weighted mean of cosine and agreement."""
    scores_K: NDArray[np.float32] = cosines_K + np.float32(WEIGHT) * agreements_K
    return scores_K / np.float32(1 + WEIGHT)


def _best(alike_PASKG: NDArray[np.float32], zoom: float) -> tuple[NDArray[np.float32], ...]:
    """Score, up, right and turn of every candidate's best pose, over G of its scales: [K] each."""
    shifts, turns, scales, count, own_scales = alike_PASKG.shape
    alike_KPASG = alike_PASKG.transpose(3, 0, 1, 2, 4)
    flat_KX = alike_KPASG.reshape(count, shifts * turns * scales * own_scales)
    found = np.unravel_index(flat_KX.argmax(axis=1), (shifts, turns, scales, own_scales))
    shift_K, turn_K, scale_K, own_K = found
    every_K = np.arange(count)
    score_K = alike_KPASG[every_K, *found]
    side = 2 * SHIFT + 1
    alike_KZZ = alike_KPASG[every_K, :, turn_K, scale_K, own_K].reshape(count, side, side)
    alike_KA = alike_KPASG[every_K, shift_K, :, scale_K, own_K]
    row_K, column_K = np.divmod(shift_K, side)
    up_K = row_K - SHIFT + _summit(alike_KZZ[every_K, :, column_K], row_K, "reflect")
    left_K = column_K - SHIFT + _summit(alike_KZZ[every_K, row_K, :], column_K, "reflect")
    turned_K = turn_K + _summit(alike_KA, turn_K, "wrap")
    cell_K = zoom**own_K / SIDE
    placed = (score_K, up_K * cell_K, -left_K * cell_K, turned_K * (360 / turns))
    return tuple(part.astype(np.float32) for part in placed)


def _summit(
    values_KX: NDArray[np.float32], best_K: NDArray[np.int_], beyond: Literal["reflect", "wrap"]
) -> NDArray[np.float64]:
    """Where a parabola through the best value and its neighbours is highest: -0.5..0.5 from it."""
    padded_KX = np.pad(values_KX.astype(np.float64), ((0, 0), (1, 1)), mode=beyond)
    every_K = np.arange(len(best_K))
    before_K, at_K, after_K = (padded_KX[every_K, best_K + step] for step in range(3))
    bend_K = np.minimum(before_K + after_K - 2 * at_K, -1e-9)
    from_best_K: NDArray[np.float64] = (before_K - after_K) / (2 * bend_K)
    return from_best_K.clip(-0.5, 0.5)


def _turned(view_SCE: NDArray[np.float32]) -> NDArray[np.float32]:
    """A view's grids at every heading, cells of unit length: float32 [A * S, C, E]."""
    turned_ASCE = _turning()[:, None] @ view_SCE
    lengths_ASC1 = np.linalg.norm(turned_ASCE, axis=3, keepdims=True)
    unit_ASCE: NDArray[np.float32] = turned_ASCE / np.maximum(lengths_ASC1, np.float32(1e-6))
    return unit_ASCE.reshape(-1, *view_SCE.shape[1:])


def _spectra(grids_NCE: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Two-dimensional Fourier transforms of grids with SHIFT empty cells: complex64 [F, N, E].

    Shifting and multiplying is a product of spectra: two fifths of the time of every shift alone.
    """
    count, _, width = grids_NCE.shape
    grids_CX = grids_NCE.transpose(1, 0, 2).reshape(SIDE**2, count * width)
    real_FX, imaginary_FX = np.split(_fourier() @ grids_CX, 2)
    spectra_FX = np.empty(real_FX.shape, dtype=np.complex64)
    spectra_FX.real, spectra_FX.imag = real_FX, imaginary_FX
    return spectra_FX.reshape(len(spectra_FX), count, width)


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
    """Return what real, then imaginary parts add to the sum at every shift: float32 [P, 2 * F]."""
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
