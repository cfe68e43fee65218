"""The matcher that is shipped: a coarse grid finds headings, keypoints and geometry verify them.

XFeat's descriptors survive a rotation of some 25 degrees, so the query is described at eight
headings. The agreement of coarse grids, which costs little, selects the candidates and the two
headings of each whose keypoints are compared; it counts only where no keypoints correspond. Where
few do, the same follows as if the photo showed a part of a tile, with keypoints of enlarged gallery
images: they survive a scale of some 1.4 only. For the confidence, LighterGlue compares the best
candidate once more. The query's mirror image is compared, too: what it reaches is chance.

Shapes: N views, T headings, S side, K candidates, B bytes of a row.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import CheckpointError
from model.matching import xfeat_rows
from model.matching.fine import FinePoints
from model.matching.geometry import scale_of
from model.matching.grid import agreement, spectra
from model.matching.interface import CHANCE_INLIERS, Geometry, Verified
from model.matching.keypoints import Keypoints
from model.matching.lighterglue import LighterGlue
from model.matching.xfeat import SHIPPED_XFEAT, XFeat
from model.matching.xfeat_view import Headings, View, rotated

SIDE = 224
"""Side of the network's input, px: that of the shipped weights, so that nothing is resampled. Our
choice: 320 and 448 find no more."""

SMALL_SIDE = 128
"""Side of the query whose grids are compared the second time, px. Our choice: the photo is compared
as if it showed 4/7 of the tile's side, so that both together reach from 0.4 to 1.4."""

ENLARGED_SIDE = 384
"""Side of gallery images whose keypoints are compared the second time, px: so enlarged that a photo
of 4/7 of the tile's side has about their scale. Our choice: on Morava twice as many keypoints
correspond as of a photo made smaller."""

DECIDED = 30
"""Number of inliers from which there is no second time."""

SMALL_GAIN = 1.2
"""Factor of the grid's agreement the second time: that of fewer cells is part."""

COMPARED = 8
"""Number of candidates whose keypoints are compared. Our choice: 6 lose one or two points, 30 find
no more."""

VIEWS = 4
"""Largest number of views of one place that are compared, evenly spread over those given."""

CHECKED_INLIERS = CHANCE_INLIERS
"""Number of inliers from which LighterGlue compares the best candidate, and the query is compared
mirrored. Our choice: with fewer, the shipped calibration calls hardly anything a match."""

MIRROR_COMPARED = 5
"""Number of candidates that the query's mirror image is compared with. Our choice: of 654 mirrored
photos nine are a match with two, six with three, five with five or eight of them."""

MIRROR_DOUBT = 0.5
"""Share of the query's inliers from which LighterGlue compares its mirror image, too. Our choice:
with 0.7 one more mirrored photo of NAIP is not noticed."""

MIRROR_SHARE = 0.9
"""Share of both comparisons' inliers of the query beyond which those of its mirror image refuse it.
Our choice: with 1 a mirrored photo of Chia is matched to another place."""

SMALL_SCALE = 0.75
"""Size of the query's square in the gallery image, sides, below which its mirror image is compared
as a part of a tile. Our choice: between 1 and 4/7. Compared both ways, and with SMALL_GAIN, its
agreement by chance is so large that it tells right and wrong answers less well apart."""

ENOUGH_INLIERS = 50
"""Number of inliers that gives the full score."""

GRID_WEIGHT = 0.8
"""Weight of the grid's agreement beside the score before, where the candidates whose keypoints are
compared are chosen. Our choice: 0.3 finds fewer photos of Morava, 1.2 fewer of Chia."""

GRID_SHARE = 2 / 3
"""Weight of the grid's agreement in the matcher's score where no candidate has more inliers than
chance reaches. Our choice: where keypoints correspond it is left out, as wrong tiles agree with a
photo by chance."""

WEIGHT = 0.3
"""Weight of the matcher's score beside the score before. Our choice: 0.2 and 0.4 find fewer
photos."""

BATCH = 16
"""Number of gallery images in one call of the network."""


class XFeatMatcher:
    """XFeat at the embedder's own input size: a `Matcher`."""

    name = "xfeat"
    row_bytes = xfeat_rows.ROW_BYTES
    weight = WEIGHT

    row_format = "xfeat-2"

    def __init__(self, weights: Path = SHIPPED_XFEAT) -> None:
        """Read the calibration; the network is compiled when it is first used.

        Args:
            weights: the converted file, with its JSON beside it.

        Raises:
            CheckpointError: the JSON is missing or damaged.
        """
        self.calibration: Mapping[str, float] = _card(weights)["calibration"]
        self.fine = FinePoints(weights)
        self._glue = LighterGlue(bf16=True)
        self._weights = weights
        self._lock = threading.Lock()
        self._compiled: dict[tuple[int, bool], XFeat] = {}

    def _network(self, side: int, *, bf16: bool) -> XFeat:
        """Return the network for an input side, compiled when it is first needed."""
        with self._lock:
            if (side, bf16) not in self._compiled:
                self._compiled[side, bf16] = XFeat(side, self._weights, bf16=bf16)
            return self._compiled[side, bf16]

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Return what a gallery keeps of images: int8 [N, B]; the same on every processor."""
        rows = [
            row_B
            for start in range(0, len(pixels_N3SS), BATCH)
            for row_B in self._rows(pixels_N3SS[start : start + BATCH])
        ]
        return np.stack(rows) if rows else np.empty((0, self.row_bytes), np.int8)

    def _rows(self, pixels_N3SS: NDArray[np.uint8]) -> list[NDArray[np.int8]]:
        """Return what a gallery keeps of a batch of images."""
        network, enlarging = (self._network(side, bf16=False) for side in (SIDE, ENLARGED_SIDE))
        maps = network(_resized(pixels_N3SS, SIDE))
        enlarged = enlarging(_resized(pixels_N3SS, ENLARGED_SIDE))
        return [
            xfeat_rows.packed(
                network.grid(maps.features_NMMD[index]),
                maps.keypoints(index, xfeat_rows.GALLERY_KEYPOINTS),
                enlarged.keypoints(index, xfeat_rows.ENLARGED_KEYPOINTS),
            )
            for index in range(len(pixels_N3SS))
        ]

    def verify(
        self,
        pixels_N3SS: NDArray[np.uint8],
        rows_KB: NDArray[np.int8],
        scores_K: NDArray[np.float32],
    ) -> Verified:
        """Return what corresponds between a query's images and candidates; see `Matcher`."""
        step = max(1, -(-len(pixels_N3SS) // VIEWS))
        views_N3SS = pixels_N3SS[::step]
        candidates = _Candidates(rows_KB, scores_K)
        images = self._headings(views_N3SS, SIDE)
        sizes = [[View(image) for image in images]]
        found = self._compared(sizes[0], candidates, COMPARED)
        if len(rows_KB) and found.inliers_K.max() < DECIDED:
            small = self._headings(views_N3SS, SMALL_SIDE)
            sizes.append([View(*both) for both in zip(images, small, strict=True)])
            found = found.with_part(self._compared(sizes[1], candidates, COMPARED))
        matched_K = found.scores()
        geometries = list(found.geometries)
        if len(rows_KB):
            best = int(np.argmax(scores_K + WEIGHT * matched_K))
            photo = [views[0] for views in sizes]
            geometries[best] = self._checked(photo, candidates, best, found)
        return Verified(scores_K=matched_K, geometries=geometries)

    def _checked(
        self, views: list[View], candidates: "_Candidates", best: int, found: "_Found"
    ) -> Geometry | None:
        """Return the geometry of the best candidate as other comparisons leave it.

        Args:
            views: the query as the whole, and, where that was needed, as a part of a tile.
            candidates: all of them.
            best: which is the best.
            found: what corresponds between them and the query.
        """
        geometry = found.geometries[best]
        if geometry is None or geometry.inliers < CHECKED_INLIERS:
            return geometry
        view = views[0] if scale_of(geometry.homography_33) > SMALL_SCALE else views[-1]
        geometry = view.confirmed(candidates.keypoints(best, view), geometry, self._glue)
        mirrored, leads = view.mirrored(), []
        for size in [mirrored, mirrored.whole()] if mirrored.shows_part else [mirrored]:
            compared = self._compared([size], candidates, MIRROR_COMPARED)
            if self._mirror_fits_better(size, candidates, compared, geometry):
                return None
            leads.append(found.grid_scores_K[best] - compared.grid_scores_K.max())
        return replace(geometry, mirror_lead=float(leads[0]))

    def _mirror_fits_better(
        self, mirrored: View, candidates: "_Candidates", compared: "_Found", found: Geometry
    ) -> bool:
        """Return whether the mirror image of a query corresponds about as well to a candidate.

        Rows of houses and streets look alike in a mirror, so a mirrored photo can correspond too,
        often to the tile beside the right one.

        Args:
            mirrored: the query's mirror image.
            candidates: all of them.
            compared: what corresponds between them and the mirror image.
            found: the query's own geometry.
        """
        least = max(CHANCE_INLIERS, MIRROR_DOUBT * found.inliers)
        for candidate in np.nonzero(compared.inliers_K > least)[0].tolist():
            other = compared.geometries[candidate]
            assert other is not None
            points = candidates.keypoints(candidate, mirrored)
            again = mirrored.inliers_of(points, other, self._glue)
            if other.inliers + again > MIRROR_SHARE * (found.inliers + found.confirmed):
                return True
        return False

    def _headings(self, pixels_N3SS: NDArray[np.uint8], side: int) -> list[Headings]:
        """Return a query's images, `side` pixels wide, described at every heading."""
        network = self._network(side, bf16=True)
        images = _resized(pixels_N3SS, side)
        return [Headings(network, rotated(image_3SS)) for image_3SS in images]

    def _compared(self, views: list[View], candidates: "_Candidates", count: int) -> "_Found":
        """Return what corresponds between a query's views and the `count` best candidates."""
        agreed_NKT = np.stack([agreement(view.grids_TGGW, candidates.spectra) for view in views])
        grid_scores_K = np.maximum(agreed_NKT.max(axis=2).mean(axis=0), 0)
        before_K = candidates.scores_K + GRID_WEIGHT * grid_scores_K
        geometries: list[Geometry | None] = [None] * len(before_K)
        inliers_K = np.zeros(len(before_K), dtype=np.float32)
        for candidate in np.argsort(-before_K, kind="stable")[:count].tolist():
            points = candidates.keypoints(candidate, views[0])
            found = [
                view.closest(points, agreed_KT[candidate])
                for view, agreed_KT in zip(views, agreed_NKT, strict=True)
            ]
            geometries[candidate] = found[0]
            inliers_K[candidate] = np.mean([0 if one is None else one.inliers for one in found])
        return _Found(grid_scores_K, inliers_K, geometries)


def _card(weights: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads(weights.with_suffix(".json").read_text())
        card["calibration"].items()
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{weights.with_suffix('.json').name}: no readable card; reinstall the package"
        ) from error
    return card


class _Candidates:
    """The candidates' scores before, and what their rows hold, read when it is needed."""

    def __init__(self, rows_KB: NDArray[np.int8], scores_K: NDArray[np.float32]) -> None:
        self._rows_KB = rows_KB
        self.scores_K = scores_K
        self.spectra = spectra(xfeat_rows.grids(rows_KB))

    def keypoints(self, candidate: int, view: View) -> Keypoints:
        """Return the keypoints of a candidate that a view's are compared with."""
        read = xfeat_rows.enlarged_keypoints if view.shows_part else xfeat_rows.keypoints
        return read(self._rows_KB[candidate])


@dataclass(frozen=True)
class _Found:
    """Agreement and geometry of K candidates with a query at one of its sizes, or at both."""

    grid_scores_K: NDArray[np.float32]
    inliers_K: NDArray[np.float32]
    geometries: list[Geometry | None]

    def scores(self) -> NDArray[np.float32]:
        """Return the matcher's scores, 0..1: float32 [K]."""
        scores_K = np.minimum(self.inliers_K / ENOUGH_INLIERS, 1)
        if self.inliers_K.max(initial=0) < CHANCE_INLIERS:
            scores_K = scores_K + GRID_SHARE * self.grid_scores_K
        return scores_K.astype(np.float32)

    def with_part(self, part: "_Found") -> "_Found":
        """Return what the better of both found of each candidate: the whole and the part."""
        better_K = part.inliers_K > self.inliers_K
        return _Found(
            np.maximum(self.grid_scores_K, SMALL_GAIN * part.grid_scores_K),
            np.maximum(self.inliers_K, part.inliers_K),
            [
                there if better else here
                for better, here, there in zip(
                    better_K.tolist(), self.geometries, part.geometries, strict=True
                )
            ],
        )


def _resized(pixels_N3SS: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the images with a side of so many pixels."""
    if pixels_N3SS.shape[-1] == side:
        return pixels_N3SS
    wide = [Image.fromarray(one.transpose(1, 2, 0)).resize((side, side)) for one in pixels_N3SS]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in wide])
