"""Agreement of dense descriptors: which heading and shift of a query fit a gallery image best.

It costs far less than comparing keypoints and selects what they are compared for. Shapes: K gallery
images, T headings, G cells a side, W features of a cell, F frequencies, P shifts.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

GRID_SIDE = 14
"""Number of cells a side. Our choice: 28 find no more and take four times the room."""

CELL = 2
"""Number of dense descriptors along a cell's side."""

MOST_SHIFT = 6
"""Largest shift of the query from the gallery image's centre in each direction, cells."""

PERIOD = GRID_SIDE + MOST_SHIFT
"""Cells after which a transform repeats, so that no shift brings an edge round."""


def whitened(
    features_MMD: NDArray[np.float32],
    mean_D: NDArray[np.float32],
    projection_DW: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return whitened features of unit length: float32 [M, M, W].

    Args:
        features_MMD: dense unit descriptors.
        mean_D: their mean over many images of the ground.
        projection_DW: their whitening.
    """
    return _unit(((features_MMD - mean_D) @ projection_DW).astype(np.float32, copy=False))


def grid_of(white_MMW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return whitened features on a coarser grid: unit float32 [M / 2, M / 2, W]."""
    side = white_MMW.shape[0] // CELL
    blocks = white_MMW.reshape(side, CELL, side, CELL, -1)
    return _unit(blocks.mean(axis=(1, 3)).astype(np.float32))


def spectra(grids_NGGW: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the Fourier transforms of grids [F, N, W], smaller ones in the middle of G x G cells.

    They are matrix products, along rows, then along columns: numpy's transforms of so small grids
    take several times as long.
    """
    count, side, _, width = grids_NGGW.shape
    edge = (GRID_SIDE - side) // 2
    grids_GGX = grids_NGGW.transpose(1, 2, 0, 3).reshape(side, side, count * width)
    waves_PG, real_HG, imaginary_HG = (part[:, edge : edge + side] for part in _waves())
    rows_GHX = np.empty((side, len(real_HG), count * width), dtype=np.complex64)
    rows_GHX.real, rows_GHX.imag = real_HG @ grids_GGX, imaginary_HG @ grids_GGX
    spectra_FX: NDArray[np.complex64] = np.matmul(
        waves_PG, rows_GHX.reshape(side, -1), dtype=np.complex64
    )
    return spectra_FX.reshape(-1, count, width)


def agreement(
    query_TSSW: NDArray[np.float32], candidates_FKW: NDArray[np.complex64]
) -> NDArray[np.float32]:
    """Return the agreement of every candidate with every heading at its best shift: float32 [K, T].

    It is the sum of cosines over the cells that overlap, divided by the square root of (G * G cells
    times overlapping cells). Of the query only the circle within its square counts, which is filled
    at every heading.

    Args:
        query_TSSW: the query's grids, S cells a side: fewer than G where it was described smaller.
        candidates_FKW: the `spectra` of the candidates' grids.
    """
    side = query_TSSW.shape[1]
    query_FTW = spectra(query_TSSW * disc(side)[:, :, None])
    products_FKT = candidates_FKW @ query_FTW.conj().transpose(0, 2, 1)
    sums_PKT = _shifted(products_FKT)
    best_KT: NDArray[np.float32] = (sums_PKT * _weights(side)[:, None, None]).max(axis=0)
    return best_KT


@cache
def disc(side: int) -> NDArray[np.float32]:
    """Return 1 for the cells of a grid within the circle in its square, 0 for the others."""
    axis = np.arange(side) - (side - 1) / 2
    inside = axis[:, None] ** 2 + axis**2 < (side / 2) ** 2
    return inside.astype(np.float32)


@cache
def _weights(side: int) -> NDArray[np.float32]:
    """Return 1 / sqrt(G * G cells * overlapping cells) at every shift [P]."""
    whole = spectra(np.ones((1, GRID_SIDE, GRID_SIDE, 1), np.float32))
    overlap_P = _shifted(whole * spectra(disc(side)[None, :, :, None]).conj())[:, 0, 0]
    weights_P = 1 / (GRID_SIDE * np.sqrt(np.maximum(overlap_P, 1)))
    return weights_P.astype(np.float32)


def _shifted(products_FKT: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the sums over overlapping cells at every shift [P, K, T]."""
    products_FX = products_FKT.reshape(len(products_FKT), -1)
    sums_PX = _inverse() @ np.concatenate((products_FX.real, products_FX.imag))
    sums_PKT: NDArray[np.float32] = sums_PX.reshape(-1, *products_FKT.shape[1:])
    return sums_PKT


@cache
def _waves() -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.float32]]:
    """Return the transform of a line of cells: complex64 [PERIOD, G].

    With it the real and the imaginary parts of its first half [H, G], which is all that a line of
    real numbers needs.
    """
    turns = np.outer(np.arange(PERIOD), np.arange(GRID_SIDE)) / PERIOD
    waves_PG = np.exp(-2j * np.pi * turns).astype(np.complex64)
    half_HG = waves_PG[: PERIOD // 2 + 1]
    return waves_PG, np.ascontiguousarray(half_HG.real), np.ascontiguousarray(half_HG.imag)


@cache
def _inverse() -> NDArray[np.float32]:
    """Return the sum at every shift from real, then imaginary parts: float32 [P, 2 * F]."""
    waves_FP = np.exp(2j * np.pi * _phases(np.arange(-MOST_SHIFT, MOST_SHIFT + 1)))
    column = np.arange(PERIOD // 2 + 1)
    twice_F = np.tile(np.where((column == 0) | (2 * column == PERIOD), 1, 2), PERIOD)
    weighted_FP = waves_FP * twice_F[:, None] / PERIOD**2
    return np.concatenate((weighted_FP.real, -weighted_FP.imag)).T.astype(np.float32)


def _phases(axis: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the phase, in turns, of every frequency at every place of axis x axis: [F, _].

    A real grid needs half of the frequencies only.
    """
    rows, columns = np.arange(PERIOD), np.arange(PERIOD // 2 + 1)
    down, right = np.outer(rows, axis), np.outer(columns, axis)
    phases = down[:, None, :, None] + right[None, :, None, :]
    return phases.reshape(len(rows) * len(columns), len(axis) ** 2) / PERIOD


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = features / np.maximum(lengths, np.float32(1e-6))
    return unit
