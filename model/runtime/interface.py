"""What runs the network: from 8-bit pixels to numbers, whatever the library.

Shapes: N images, S input side, D descriptor length, L length of the local features, K parts,
H rows = columns of the feature map.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Alignment, partition and heat of one image: the material of Fig. 9."""

    theta_23: NDArray[np.float32]
    """Affine alignment, output to input coordinates in [-1, 1]; identity without FAM."""
    boundaries_K: NDArray[np.int64] | None
    """Last ring of each part, of H / 2 rings; None without square rings."""
    heat_HH: NDArray[np.float32]
    """Mean activation of the aligned map."""


class Runtime(Protocol):
    """A network with loaded weights."""

    @property
    def name(self) -> str:
        """Library, its version, device and precision, for reports."""

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit descriptors, then local features if there are any: float32 [N, D + L]."""

    def inspect(self, pixels_3SS: NDArray[np.uint8]) -> Inspection:
        """Return what the network did to one image."""
