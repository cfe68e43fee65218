"""The matcher that is shipped: a coarse grid finds headings, keypoints and geometry verify them.

XFeat's descriptors survive a rotation of some 25 degrees, so the query is described at eight
headings. The agreement of coarse grids, which costs little, selects the candidates and the two
headings of each whose keypoints are compared.

Shapes: N views, T headings, S side, K candidates, B bytes of a row.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import CheckpointError
from model.matching import xfeat_rows
from model.matching.fine import FinePoints
from model.matching.geometry import homography, rotation
from model.matching.grid import agreement, grid_of
from model.matching.interface import Geometry, Verified
from model.matching.keypoints import Keypoints, mutual_nearest, strongest
from model.matching.xfeat import SHIPPED_XFEAT, XFeat, XFeatMaps

SIDE = 224
"""Side of the network's input, px: that of the shipped weights, so that nothing is resampled. Our
choice: 320 and 448 find no more."""

HEADINGS = 8
"""Number of headings of the query, evenly spaced."""

QUERY_KEYPOINTS = 400
"""Largest number of keypoints of a query."""

COMPARED = 8
"""Number of candidates whose keypoints are compared. Our choice: 6 lose one or two points, 30 find
no more."""

COMPARED_HEADINGS = 2
"""Number of headings that are tried for each of them."""

VIEWS = 4
"""Largest number of views of one place that are compared, evenly spread over those given."""

ENOUGH_INLIERS = 50
"""Number of inliers that gives the full score."""

GRID_SHARE = 2 / 3
"""Share of the grid's agreement in the matcher's score; the rest is the inliers'."""

WEIGHT = 1.5
"""Weight of the matcher's score beside the score before. Our choice: as much as gains on Helsinki
without losing what the score before knows on Claremont, where photos show half a tile."""

BATCH = 16
"""Number of gallery images in one call of the network."""

CIRCLE = 0.49
"""Radius about the centre, in sides, within which keypoints count; beyond it a rotated query is
padding."""


class XFeatMatcher:
    """XFeat at the embedder's own input size: a `Matcher`."""

    name = "xfeat"
    row_bytes = xfeat_rows.ROW_BYTES
    weight = WEIGHT

    row_format = "xfeat-1"

    def __init__(self, weights: Path = SHIPPED_XFEAT) -> None:
        """Read the calibration; the network is compiled when it is first used.

        Args:
            weights: the converted file, with its JSON beside it.

        Raises:
            CheckpointError: the JSON is missing or damaged.
        """
        self.calibration: Mapping[str, float] = _card(weights)["calibration"]
        self.fine = FinePoints(weights)
        self._weights = weights
        self._lock = threading.Lock()
        self._compiled: XFeat | None = None

    @property
    def _network(self) -> XFeat:
        with self._lock:
            if self._compiled is None:
                self._compiled = XFeat(SIDE, self._weights)
            return self._compiled

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.int8]:
        """Return what a gallery keeps of images: int8 [N, B]."""
        pixels_N3SS = _resized(pixels_N3SS)
        rows = [
            self._row(maps, index)
            for start in range(0, len(pixels_N3SS), BATCH)
            for maps in [self._network(pixels_N3SS[start : start + BATCH])]
            for index in range(len(maps.scores_NSS))
        ]
        return np.stack(rows) if rows else np.empty((0, self.row_bytes), np.int8)

    def _row(self, maps: XFeatMaps, index: int) -> NDArray[np.int8]:
        features_MMD = maps.features_NMMD[index]
        points = strongest(maps.scores_NSS[index], features_MMD, xfeat_rows.GALLERY_KEYPOINTS)
        return xfeat_rows.packed(self._grid(features_MMD), points, SIDE)

    def _grid(self, features_MMD: NDArray[np.float32]) -> NDArray[np.float32]:
        network = self._network
        return grid_of(features_MMD, network.grid_mean_D, network.grid_projection_DW)

    def verify(
        self,
        pixels_N3SS: NDArray[np.uint8],
        rows_KB: NDArray[np.int8],
        scores_K: NDArray[np.float32],
    ) -> Verified:
        """Return what corresponds between a query's images and candidates; see `Matcher`."""
        step = max(1, -(-len(pixels_N3SS) // VIEWS))
        views = [_Query(self, pixels_3SS) for pixels_3SS in _resized(pixels_N3SS[::step])]
        candidates = xfeat_rows.grids(rows_KB)
        agreed_NKT = np.stack([agreement(view.grids_TGGW, candidates) for view in views])
        grid_scores_K = np.maximum(agreed_NKT.max(axis=2).mean(axis=0), 0)
        before_K = scores_K + WEIGHT * GRID_SHARE * grid_scores_K
        geometries: list[Geometry | None] = [None] * len(rows_KB)
        inliers_K = np.zeros(len(rows_KB), dtype=np.float32)
        for candidate in np.argsort(-before_K, kind="stable")[:COMPARED].tolist():
            points = xfeat_rows.keypoints(rows_KB[candidate], SIDE)
            found = [
                view.closest(points, agreed_KT[candidate])
                for view, agreed_KT in zip(views, agreed_NKT, strict=True)
            ]
            geometries[candidate] = found[0]
            inliers_K[candidate] = np.mean([0 if one is None else one.inliers for one in found])
        inlier_scores_K = np.minimum(inliers_K / ENOUGH_INLIERS, 1)
        scores_K = GRID_SHARE * grid_scores_K + (1 - GRID_SHARE) * inlier_scores_K
        return Verified(scores_K=scores_K.astype(np.float32), geometries=geometries)

    def _maps(self, pixels_N3SS: NDArray[np.uint8]) -> XFeatMaps:
        return self._network(pixels_N3SS)


def _card(weights: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads(weights.with_suffix(".json").read_text())
        card["calibration"].items()
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{weights.with_suffix('.json').name}: no readable card; reinstall the package"
        ) from error
    return card


class _Query:
    """One query image at every heading."""

    def __init__(self, matcher: XFeatMatcher, pixels_3SS: NDArray[np.uint8]) -> None:
        self._maps = matcher._maps(_rotated(pixels_3SS))
        self.grids_TGGW = np.stack([matcher._grid(one) for one in self._maps.features_NMMD])
        self._points: dict[int, Keypoints] = {}

    def closest(self, candidate: Keypoints, agreed_T: NDArray[np.float32]) -> Geometry | None:
        """Return the geometry of the most inliers at the headings that agree best."""
        best: Geometry | None = None
        for heading in np.argsort(-agreed_T)[:COMPARED_HEADINGS].tolist():
            points = self._keypoints(heading)
            query_C, candidate_C = mutual_nearest(points.descriptors_PD, candidate.descriptors_PD)
            found = homography(points.places_P2[query_C], candidate.places_P2[candidate_C])
            if found is not None and (best is None or found.inliers > best.inliers):
                best = _unrotated(found, heading * 360 / HEADINGS)
        return best

    def _keypoints(self, heading: int) -> Keypoints:
        if heading not in self._points:
            scores_SS, features_MMD = (
                self._maps.scores_NSS[heading],
                self._maps.features_NMMD[heading],
            )
            points = strongest(scores_SS, features_MMD, QUERY_KEYPOINTS)
            inside_P = np.linalg.norm(points.places_P2, axis=1) < CIRCLE
            self._points[heading] = Keypoints(
                points.places_P2[inside_P], points.descriptors_PD[inside_P]
            )
        return self._points[heading]


def _resized(pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the images at the network's side."""
    if pixels_N3SS.shape[-1] == SIDE:
        return pixels_N3SS
    wide = [Image.fromarray(one.transpose(1, 2, 0)).resize((SIDE, SIDE)) for one in pixels_N3SS]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in wide])


def _rotated(pixels_3SS: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image rotated clockwise to every heading, padded with its mean colour."""
    upright = Image.fromarray(pixels_3SS.transpose(1, 2, 0))
    mean = tuple(int(value) for value in pixels_3SS.mean(axis=(1, 2)))
    diagonal = upright.rotate(-45, Image.Resampling.BICUBIC, fillcolor=mean)
    both = [pixels_3SS, np.asarray(diagonal).transpose(2, 0, 1)]
    return np.stack([np.rot90(both[step % 2], -(step // 2), (1, 2)) for step in range(HEADINGS)])


def _unrotated(found: Geometry, angle_deg: float) -> Geometry:
    """Return the geometry of the image itself from that of the image rotated clockwise."""
    matrix_33 = found.homography_33 @ rotation(angle_deg)
    points_I4 = found.points_I4.copy()
    points_I4[:, :2] = points_I4[:, :2] @ rotation(angle_deg)[:2, :2]
    return replace(found, homography_33=matrix_33, points_I4=points_I4)
