"""What searches need of a matcher: rows to keep with a gallery, and verified matches of a query.

A position in an image is in sides of its centre square, from the square's centre: x to the right,
y downwards, the square from -0.5 to 0.5. Shapes: N images, S side of the square in pixels, B bytes
of a gallery image's row, K candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.matching.fine import FinePoints

CHANCE_INLIERS = 15
"""Number of inliers that the best of many wrong matches has. Our choice: the median on real photos;
it keeps the lead honest in galleries of few places."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How a query lies in a gallery image, found from corresponding points."""

    homography_33: NDArray[np.float64]
    """From positions in the query to positions in the gallery image."""
    inliers: int
    """Number of correspondences that the homography explains. A matcher may count those of some
    comparisons less, so that the numbers of all mean the same."""
    spread: float
    """Share of the query's square that the inliers cover, 0..1."""
    points_I4: NDArray[np.float64]
    """The inliers: x, y in the query, then x, y in the gallery image."""
    pairs: int = 0
    """Number of correspondences that the homography was fitted to, right and wrong ones."""
    confirmed: int = 0
    """Number of correspondences of a second, independent comparison that the homography explains.
    Only the best candidate gets it."""
    mirror_lead: float = 0.0
    """By how much the coarse agreement with the query exceeds the most that the query's mirror
    image has with any candidate, about -1..1. The mirror image shows what chance reaches for this
    query and these candidates. 0 where it was not compared; only the best candidate gets it."""

    @property
    def share(self) -> float:
        """Return the inliers as a share of those."""
        return self.inliers / self.pairs if self.pairs else 0.0


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a matcher found about K candidates."""

    scores_K: NDArray[np.float32]
    """0..1, to be added to a candidate's score with `weight`; 0 where nothing agrees."""
    geometries: Sequence[Geometry | None]
    """None for candidates without enough correspondences."""


class Matcher(Protocol):
    """A matcher with loaded weights; safe to use from several threads."""

    @property
    def name(self) -> str:
        """Its name, as `--matcher` takes it."""

    @property
    def row_bytes(self) -> int:
        """Bytes B that a gallery keeps of an image."""

    @property
    def row_format(self) -> str:
        """Name of the rows' layout and weights; rows of another one are computed again."""

    @property
    def calibration(self) -> Mapping[str, float]:
        """Parameters of the confidence for matched answers."""

    @property
    def weight(self) -> float:
        """Weight of the matcher's score beside a score of 1."""

    @property
    def fine(self) -> FinePoints:
        """What compares a photo with the map around it once more, finely."""

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Return what a gallery keeps of images: int8 [N, B]."""

    def verify(
        self,
        pixels_N3SS: NDArray[np.uint8],
        rows_KB: NDArray[np.int8],
        scores_K: NDArray[np.float32],
    ) -> Verified:
        """Return what corresponds between a query's images and candidates.

        Args:
            pixels_N3SS: one image, or several views of one place.
            rows_KB: the candidates' rows.
            scores_K: the candidates' scores before; the matcher looks closest at the best.
        """
