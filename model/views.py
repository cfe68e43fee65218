"""Test-time augmentation: the rotated and zoomed views of an image, and their joint result.

Everything that embeds images, a service, a gallery or an evaluation, makes its views here.
Shapes: N images, V views of each, S input side (in [N, S, L]: scales), G cells of the local
features' grid (LOCAL_SIDE squared, row by row), E features of a cell, L = G * E.
"""

import numpy as np
from numpy.typing import NDArray

from model.config import LOCAL_SIDE


def make_views(pixels_N3SS: NDArray[np.uint8], count: int, zoom: float) -> NDArray[np.uint8]:
    """Return the images in evenly spaced rotations, every second one zoomed: [V, N, 3, S, S].

    Args:
        pixels_N3SS: the images.
        count: number of views V: 1, 2 or 4; view v is rotated v * 360 / V degrees to the left.
        zoom: share of the side that every second view shows, about the centre.
    """
    scales = (pixels_N3SS, zoomed(pixels_N3SS, zoom) if count > 1 else pixels_N3SS)
    step = 4 // count
    return np.stack([np.rot90(scales[view % 2], step * view, (2, 3)) for view in range(count)])


def zoomed(pixels_N3SS: NDArray[np.uint8], zoom: float) -> NDArray[np.uint8]:
    """Return the centre square of `zoom` of the side, resampled bilinearly to the whole side."""
    side = pixels_N3SS.shape[-1]
    edge = round(side * (1.0 - zoom) / 2)
    if edge == 0:
        return pixels_N3SS
    inner = pixels_N3SS[..., edge : side - edge, edge : side - edge].astype(np.float32)
    below_S, weight_S = _neighbours(side - 2 * edge, side)
    wide = _between(inner[..., below_S], inner[..., below_S + 1], weight_S)
    weight_S1 = weight_S[:, None]
    large = _between(wide[..., below_S, :], wide[..., below_S + 1, :], weight_S1)
    return np.rint(large, out=large).astype(np.uint8)


def _neighbours(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the sample below each of `side` places in `length` samples, and the next's weight."""
    place_S = np.clip((np.arange(side) + 0.5) * (length / side) - 0.5, 0, length - 1)
    below_S = np.minimum(place_S.astype(np.intp), length - 2)
    return below_S, (place_S - below_S).astype(np.float32)


def _between(
    low: NDArray[np.float32], high: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    high -= low
    high *= weight
    high += low
    return high


def joint_local_features(local_NVL: NDArray[np.float32], scales: int) -> NDArray[np.float32]:
    """Return the mean grid of each scale [N, S, L], every cell of unit length.

    Args:
        local_NVL: local features of the views that `make_views` returns; they are rotated back.
        scales: number of scales S that the views alternate between.
    """
    count, views, length = local_NVL.shape
    grids = local_NVL.reshape(count, views, LOCAL_SIDE, LOCAL_SIDE, length // LOCAL_SIDE**2)
    step = 4 // views
    back = [np.rot90(grids[:, view], -step * view, (1, 2)) for view in range(views)]
    means = [np.stack(back[scale::scales]).mean(axis=0) for scale in range(scales)]
    return unit_cells(np.stack(means, axis=1).reshape(count, scales, length))


def unit_cells(local: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return local features [..., L] with every cell scaled to unit length."""
    if not local.size:
        return local
    cells = local.reshape(*local.shape[:-1], LOCAL_SIDE**2, -1)
    lengths = np.linalg.norm(cells, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = cells / np.maximum(lengths, np.float32(1e-12))
    return unit.reshape(local.shape)
