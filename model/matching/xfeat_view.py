"""A query image as the XFeat matcher compares it: rotated to every heading.

Shapes: T headings, S side, M dense descriptors of D numbers a side, G cells of a coarse grid, W
features of a cell.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.matching.geometry import (
    MOST_ROTATION_DEG,
    TOLERANCE,
    homography,
    mapped,
    rotation,
    rotation_deg,
    verified,
)
from model.matching.interface import Geometry
from model.matching.keypoints import Keypoints, mutual_nearest, strongest
from model.matching.lighterglue import LighterGlue
from model.matching.xfeat import XFeat

HEADINGS = 8
"""Number of headings of the query, evenly spaced."""

QUERY_KEYPOINTS = 400
"""Largest number of keypoints of a query."""

COMPARED_HEADINGS = 2
"""Number of headings that are tried for each of them."""

PART_WORTH = 0.85
"""What an inlier between a photo and an enlarged gallery image counts. Those have more keypoints,
of which more correspond by chance. Our choice: of eight sets together 0.67 and 1 find half a point
fewer."""

CONFIRMED_WITHIN = 1.5 * TOLERANCE
"""Largest distance of another matcher's correspondence from where the geometry puts it, in sides.
Our choice: within twice the tolerance as many right answers are a match, within three
times fewer."""

ROUNDED = 32
"""The number of keypoints that LighterGlue compares is a multiple of it."""

CIRCLE = 0.49
"""Radius about the centre, in sides, within which keypoints count; beyond it a rotated query is
padding."""


class Headings:
    """One image described at every heading."""

    def __init__(self, network: XFeat, pixels_T3SS: NDArray[np.uint8]) -> None:
        """Describe the image.

        Args:
            network: for the image's side.
            pixels_T3SS: the image at every heading, of `rotated`.
        """
        self.side = network.side
        self._network = network
        self._pixels_T3SS = pixels_T3SS
        self._reliability_TMM, self._features_TMMD = network.dense(pixels_T3SS)
        self._points: dict[int, Keypoints] = {}

    @cached_property
    def grids_TGGW(self) -> NDArray[np.float32]:  # noqa: N802 — the shape's letters
        """The coarse grid at every heading."""
        return np.stack([self._network.grid(one_MMD) for one_MMD in self._features_TMMD])

    def mirrored(self) -> "Headings":
        """Return the mirror image of the image."""
        back = -np.arange(HEADINGS) % HEADINGS  # rotated to the right it is that to the left
        return Headings(self._network, self._pixels_T3SS[back, :, :, ::-1])

    def keypoints(self, heading: int) -> Keypoints:
        """Return the keypoints at a heading, found when they are first needed."""
        if heading not in self._points:
            (peaks_SS,) = self._network.peaks(self._pixels_T3SS[[heading]])
            dense = self._reliability_TMM[heading], self._features_TMMD[heading]
            points = strongest(peaks_SS, *dense, QUERY_KEYPOINTS)
            inside_P = np.linalg.norm(points.places_P2, axis=1) < CIRCLE
            self._points[heading] = Keypoints(
                points.places_P2[inside_P], points.descriptors_PD[inside_P]
            )
        return self._points[heading]


class View:
    """One query image as it is compared, at one assumed size of the ground that it shows."""

    def __init__(self, image: Headings, small: Headings | None = None) -> None:
        """Compare the image as if it showed as much as a gallery image, or a part of that.

        Args:
            image: whose keypoints are compared.
            small: the same image so much smaller as the part is. Its grids find the heading, and
                the keypoints are compared with those of enlarged gallery images. None: the whole.
        """
        self._image = image
        self._small = small
        self.shows_part = small is not None
        self._scale = 1.0 if small is None else small.side / image.side
        self._worth = 1.0 if small is None else PART_WORTH
        self.grids_TGGW = (small or image).grids_TGGW

    def mirrored(self) -> "View":
        """Return the mirror image of the image."""
        small = None if self._small is None else self._small.mirrored()
        return View(self._image.mirrored(), small)

    def whole(self) -> "View":
        """Return the image compared as if it showed as much as a gallery image."""
        return View(self._image)

    def closest(self, candidate: Keypoints, agreed_T: NDArray[np.float32]) -> Geometry | None:
        """Return the geometry of the most inliers at the headings that agree best."""
        best: Geometry | None = None
        for heading in np.argsort(-agreed_T)[:COMPARED_HEADINGS].tolist():
            points = self._image.keypoints(heading)
            query_C, candidate_C = mutual_nearest(points.descriptors_PD, candidate.descriptors_PD)
            found = homography(
                points.places_P2[query_C],
                candidate.places_P2[candidate_C],
                self._scale,
                more_than=0 if best is None else best.inliers,
            )
            if found is not None:
                best = _unrotated(found, heading * 360 / HEADINGS)
        return None if best is None else replace(best, inliers=self._counted(best.inliers))

    def confirmed(self, candidate: Keypoints, found: Geometry, glue: LighterGlue) -> Geometry:
        """Return a geometry with the number of another matcher's correspondences that it explains.

        Chance correspondences of two matchers rarely put the photo at the same place.

        Args:
            candidate: keypoints of the gallery image.
            found: the geometry of `closest`; it says at which heading the query is compared.
            glue: the other matcher.
        """
        points_C4, heading_deg = self._corresponding(candidate, found, glue)
        there_C2 = mapped(found.homography_33 @ rotation(-heading_deg), points_C4[:, :2])
        apart_C = np.linalg.norm(there_C2 - points_C4[:, 2:], axis=1)
        return replace(found, confirmed=self._counted(int((apart_C < CONFIRMED_WITHIN).sum())))

    def inliers_of(self, candidate: Keypoints, found: Geometry, glue: LighterGlue) -> int:
        """Return the number of inliers that another matcher finds, with a homography of its own.

        Args:
            candidate: keypoints of the gallery image.
            found: the geometry of `closest`; it says at which heading the query is compared.
            glue: the other matcher.
        """
        points_C4, _ = self._corresponding(candidate, found, glue)
        again = verified(points_C4, TOLERANCE, MOST_ROTATION_DEG, self._scale)
        return 0 if again is None else self._counted(again.inliers)

    def _corresponding(
        self, candidate: Keypoints, found: Geometry, glue: LighterGlue
    ) -> tuple[NDArray[np.float64], float]:
        """Return another matcher's correspondences [C, 4] and by how much the query was rotated."""
        heading = round(rotation_deg(found.homography_33) * HEADINGS / 360) % HEADINGS
        points, candidate = _whole(self._image.keypoints(heading)), _whole(candidate)
        query_C, candidate_C = glue.corresponding(points, candidate)
        points_C4 = np.hstack((points.places_P2[query_C], candidate.places_P2[candidate_C]))
        return points_C4.astype(np.float64), heading * 360 / HEADINGS

    def _counted(self, inliers: int) -> int:
        return round(self._worth * inliers)


def rotated(pixels_3SS: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image rotated clockwise to every heading, padded with its mean colour."""
    upright = Image.fromarray(pixels_3SS.transpose(1, 2, 0))
    mean = tuple(int(value) for value in pixels_3SS.mean(axis=(1, 2)))
    diagonal = upright.rotate(-45, Image.Resampling.BICUBIC, fillcolor=mean)
    both = [pixels_3SS, np.asarray(diagonal).transpose(2, 0, 1)]
    return np.stack([np.rot90(both[step % 2], -(step // 2), (1, 2)) for step in range(HEADINGS)])


def _whole(points: Keypoints) -> Keypoints:
    """Return keypoints without the last ones beyond a multiple of `ROUNDED`.

    OpenVINO makes its functions again for every new number of them.
    """
    count = len(points.places_P2) // ROUNDED * ROUNDED
    return Keypoints(points.places_P2[:count], points.descriptors_PD[:count])


def _unrotated(found: Geometry, angle_deg: float) -> Geometry:
    """Return the geometry of the image itself from that of the image rotated clockwise."""
    matrix_33 = found.homography_33 @ rotation(angle_deg)
    points_I4 = found.points_I4.copy()
    points_I4[:, :2] = points_I4[:, :2] @ rotation(angle_deg)[:2, :2]
    return replace(found, homography_33=matrix_33, points_I4=points_I4)
