"""Agreement of dense descriptors: which heading and shift of a query fit a gallery image best.

It costs far less than comparing keypoints and selects what they are compared for. Shapes: K gallery
images, T headings, G cells a side, W features of a cell, P = 2 G.
"""

import numpy as np
from numpy.typing import NDArray

GRID_SIDE = 14
"""Number of cells a side. Our choice: 28 find no more and take four times the room."""

MOST_SHIFT = 6
"""Largest shift of the query from the gallery image's centre in each direction, cells."""

PERIOD = GRID_SIDE + MOST_SHIFT
"""Cells after which a transform repeats, so that no shift brings an edge round."""


def grid_of(
    features_MMD: NDArray[np.float32],
    mean_D: NDArray[np.float32],
    projection_DW: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return whitened features of unit length on a coarser grid: float32 [G, G, W].

    Args:
        features_MMD: dense unit descriptors, M a multiple of G.
        mean_D: their mean over many images of the ground.
        projection_DW: their whitening.
    """
    cells = features_MMD.shape[0] // GRID_SIDE
    white_MMW = _unit(((features_MMD - mean_D) @ projection_DW).astype(np.float32, copy=False))
    blocks = white_MMW.reshape(GRID_SIDE, cells, GRID_SIDE, cells, -1)
    return _unit(blocks.mean(axis=(1, 3)).astype(np.float32))


def agreement(
    query_TGGW: NDArray[np.float32], candidates_KGGW: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the agreement of every candidate with every heading at its best shift: float32 [K, T].

    It is the sum of cosines over the cells that overlap, divided by the square root of (all cells
    times overlapping cells). Of the query only the circle within its square counts, which is filled
    at every heading.
    """
    disc_GG = _disc()
    queries_TPF = _spectra(query_TGGW * disc_GG[:, :, None])
    candidates_KPF = _spectra(candidates_KGGW)
    # P x F frequencies, each a product of [K, W] with [W, T]
    products_PFKT = candidates_KPF.transpose(1, 2, 0, 3) @ queries_TPF.conj().transpose(1, 2, 3, 0)
    sums_PPKT = np.fft.irfft2(products_PFKT, (PERIOD, PERIOD), axes=(0, 1))
    overlap_PP = np.fft.irfft2(
        _spectra(np.ones((1, GRID_SIDE, GRID_SIDE, 1), np.float32))[0, :, :, 0]
        * _spectra(disc_GG[None, :, :, None])[0, :, :, 0].conj(),
        (PERIOD, PERIOD),
    )
    shifts = np.r_[0 : MOST_SHIFT + 1, PERIOD - MOST_SHIFT : PERIOD]
    window = np.ix_(shifts, shifts)
    cells_PP11 = np.maximum(overlap_PP[window], 1)[:, :, None, None]
    agreed_PPKT = sums_PPKT[window] / (GRID_SIDE * np.sqrt(cells_PP11))
    best_KT: NDArray[np.float32] = agreed_PPKT.max(axis=(0, 1)).astype(np.float32)
    return best_KT


def _disc() -> NDArray[np.float32]:
    axis = np.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2
    inside = axis[:, None] ** 2 + axis**2 < (GRID_SIDE / 2) ** 2
    return inside.astype(np.float32)


def _spectra(grids_NGGW: NDArray[np.float32]) -> NDArray[np.complex64]:
    spectra: NDArray[np.complex64] = np.fft.rfft2(grids_NGGW, (PERIOD, PERIOD), axes=(1, 2)).astype(
        np.complex64
    )
    return spectra


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = features / np.maximum(lengths, np.float32(1e-6))
    return unit
