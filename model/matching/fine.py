"""Corresponding points of two images of one place that roughly lie on each other.

A search finds its geometry at the embedder's small input; a camera pose needs more and finer
points. Where one image is laid on the other before, a point's partner lies near it. Shapes: S side,
P keypoints, C correspondences.
"""

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.matching.keypoints import MIN_COSINE, Keypoints, mutual_best
from model.matching.sampling import PixelSampler
from model.matching.xfeat import SHIPPED_XFEAT, XFeat

FINE_SIDE = 448
"""Side of the images, px. Our choice: twice the shipped weights' input; a stored picture has 640 at
most."""

FINE_KEYPOINTS = 800
"""Largest number of keypoints of each image."""


class FinePoints:
    """XFeat at a larger side; safe to use from several threads."""

    def __init__(self, weights: Path = SHIPPED_XFEAT) -> None:
        """Load nothing yet; the network is compiled when it is first used."""
        self.sampled = PixelSampler()
        self._weights = weights
        self._lock = threading.Lock()
        self._compiled: XFeat | None = None

    def describe(self, pixels_3SS: NDArray[np.uint8]) -> Keypoints:
        """Return the keypoints of an image, S = `FINE_SIDE`.

        Raises:
            CheckpointError: the weights are missing or damaged.
        """
        return self._network(pixels_3SS[None]).keypoints(0, FINE_KEYPOINTS)

    def dense(self, pixels_3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the whitened dense descriptors of an image: unit float32 [S / 8, S / 8, W].

        Raises:
            CheckpointError: the weights are missing or damaged.
        """
        return self._network.whitened(self._network(pixels_3SS[None]).features_NMMD[0])

    @property
    def _network(self) -> XFeat:
        with self._lock:
            if self._compiled is None:
                self._compiled = XFeat(FINE_SIDE, self._weights)
            return self._compiled


def corresponding(
    one: Keypoints, other: Keypoints, radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows [C], [C] of keypoints that are each other's most similar nearby.

    Args:
        one: keypoints of an image.
        other: keypoints of another that roughly lies on it.
        radius: how far apart two corresponding keypoints lie at most, sides.
    """
    if not len(one.places_P2) or not len(other.places_P2):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    across_PP, down_PP = (
        np.subtract.outer(a, b) for a, b in zip(one.places_P2.T, other.places_P2.T, strict=True)
    )
    cosines_PP = one.descriptors_PD @ other.descriptors_PD.T
    cosines_PP[across_PP**2 + down_PP**2 > radius**2] = -1.0
    return mutual_best(cosines_PP, MIN_COSINE)
