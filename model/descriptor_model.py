"""What galleries and services need of a model, without PyTorch or any other runtime.

Shapes: N images, S input side (in [S, T, D] and [S, L]: scales), T headings, D descriptor length,
L length of the local features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.matching.interface import Matcher


@dataclass(frozen=True)
class GalleryRows:
    """What a gallery keeps of images."""

    descriptors_ND: NDArray[np.float32]
    """Unit length."""
    local_NL: NDArray[np.int8]
    """Quantised local features for re-ranking; no columns for weights without them."""


@dataclass(frozen=True)
class ImageEmbedding:
    """The embedding of one query image."""

    descriptors_STD: NDArray[np.float32]
    """Unit descriptors of the image at S scales in T headings each."""
    local_SL: NDArray[np.float32] | None = None
    """Local features at each scale, of unit length in every cell; None: the weights have none."""
    zoom: float = 1.0
    """Share of the side that each further scale shows of the one before."""
    pixels_3SS: NDArray[np.uint8] | None = None
    """The preprocessed image, for a matcher; None: nothing will be matched."""


@dataclass(frozen=True)
class FusedQuery:
    """One query made of one or several images of a place."""

    descriptors_SD: NDArray[np.float32]
    """One unit descriptor a scale; a gallery image's score is that of the best scale."""
    steadiness: float
    """Length of the mean of one image's unit descriptors over headings and scales, 0..1.

    Our choice: an image whose descriptor changes much under rotation scores lower everywhere.
    """
    local_NSL: NDArray[np.float32] | None = None
    """Local features of each of the N images, for re-ranking; None: there are none."""
    zoom: float = 1.0
    """As in `ImageEmbedding`; a gallery of the same weights has the same scales."""
    pixels_N3SS: NDArray[np.uint8] | None = None
    """The preprocessed images, for a matcher; None: nothing will be matched."""


@dataclass(frozen=True)
class Explanation:
    """How the network looked at one image, in the frame of its centre square (Fig. 9)."""

    theta_23: NDArray[np.float32]
    """Alignment, output to input coordinates in [-1, 1]."""
    ring_half_sides: tuple[float, ...]
    """Outer half side of each part's square ring, 1.0 = half the aligned square; () if none."""
    heat_HH: NDArray[np.float32]
    """Mean activation over the aligned square, scaled to 0..1."""


class DescriptorModel(Protocol):
    """What the indexer and the service need of a model."""

    @property
    def name(self) -> str:
        """Human-readable name of the weights."""

    @property
    def sha256(self) -> str:
        """Identity of the weights; a gallery is only searched with the weights that made it."""

    @property
    def descriptor_dim(self) -> int:
        """Length D of a descriptor."""

    @property
    def local_bytes(self) -> int:
        """Length L of a gallery image's local features; 0: there are none."""

    @property
    def input_size(self) -> int:
        """Side S of the model's input, px."""

    @property
    def matcher(self) -> Matcher | None:
        """What compares the best matches closely; None: nothing does."""

    @property
    def calibration(self) -> Mapping[str, float] | None:
        """Parameters that turn scores into a confidence, where the weights carry them."""

    def preprocess(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return an image as the model's input, uint8 [3, S, S]; safe to call from many threads."""

    def embed_query_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> list[ImageEmbedding]:
        """Return the embeddings of preprocessed query images; one thread at a time."""

    def embed_gallery_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> GalleryRows:
        """Return what a gallery keeps of preprocessed images, to be found at any heading."""

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return unit-length descriptors [N, D] of images of any size and mode."""
