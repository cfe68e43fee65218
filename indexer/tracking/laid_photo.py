"""A photo laid on the ground where it is expected, compared with the map at every shift.

Which ground a photo covers and how it is seen in perspective is that of a neighbour in the flight
whose place is sure: the gimbal changes little. So even a photo in which no keypoints correspond
can be placed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.gallery.interface import OpenGallery
from indexer.geo import metres_between
from indexer.localization.camera_points import laid
from indexer.localization.ground_map import GroundSquare, ground_picture
from indexer.localization.pose import placement, tile_to_ground
from indexer.records import ImageRecord, Match, Position
from indexer.tracking.candidates import position
from indexer.tracking.place_map import PlaceMap
from model.matching.fine import FINE_SIDE, FinePoints
from model.matching.geometry import HORIZON, mapped
from model.matching.shifted_agreement import shifted_agreement

Shape = tuple[float, ...]
"""Matrix, row by row, from positions in a photo to metres right of and ahead of the ground in its
middle."""

REACH_M = 60.0
"""How far from the expected place the photo is compared, m. Our choice."""

TURNS_DEG = (-12.0, 0.0, 12.0)
"""Headings that are compared, from the neighbour's. Our choice: descriptors survive 10 degrees."""

AGREEMENT_SCALE = 30.0
"""Natural logarithm of the likelihood for an agreement of 1. Measured on the doubtful frames of
docs/flights.md: the truth has the highest likelihood with 30 of 20, 25, 30 and 40."""

UNRELATED = 0.1
"""Share of the photos whose agreement says nothing. Measured as that."""

WHOLE_CELL = 0.9
"""Least share of a cell that must show the photo, or the map, for the cell to count."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Where a photo may be: metres from the flight's origin, and headings that it may have."""

    north_m: float
    east_m: float
    headings_deg: tuple[float, ...]


def shape_of(match: Match) -> Shape | None:
    """Return how a match puts the photo on the ground, without its place and heading.

    None where no keypoints correspond, or the match is no map tile whose corners are known.
    """
    to_ground = tile_to_ground(match)
    heading_deg = placement(match).heading_deg
    if match.geometry is None or to_ground is None or heading_deg is None:
        return None
    to_ground_33 = to_ground @ match.geometry.homography_33
    middle_2 = mapped(to_ground_33, np.zeros((1, 2)))[0]
    moved_33 = np.eye(3)
    moved_33[:2, 2] = -middle_2
    shape_33 = _to_heading(heading_deg).T @ moved_33 @ to_ground_33
    return tuple((shape_33 / shape_33[2, 2]).ravel().tolist())


class LaidPhoto:
    """A photo to be laid on the ground, and how it lies there apart from place and heading."""

    def __init__(self, photo: Image.Image, shape: Shape, fine: FinePoints) -> None:
        """Take the photo.

        Args:
            photo: upright, the whole of it.
            shape: of a neighbour in the flight.
            fine: what compares.
        """
        self._photo = photo
        self._shape_33 = np.array(shape).reshape(3, 3)
        self._fine = fine

    def place_map(
        self,
        guess: Guess,
        tiles: Sequence[ImageRecord],
        gallery: OpenGallery,
        origin: Position,
    ) -> PlaceMap:
        """Return how well the photo fits the places around a guess.

        Args:
            guess: where it may be.
            tiles: of the map, at least one; the nearest one and others like it are put together.
            gallery: with their pictures.
            origin: latitude and longitude that metres count from.

        Raises:
            GalleryMismatchError: a picture of the gallery is missing or damaged.
            CheckpointError: the matcher's weights are missing or damaged.
        """
        middle = position(origin, guess.north_m, guess.east_m)
        headings = sorted({(one + turn) % 360 for one in guess.headings_deg for turn in TURNS_DEG})
        to_ground_T33 = [_to_heading(heading) @ self._shape_33 for heading in headings]
        tile = min(tiles, key=lambda one: _apart_m(one, middle))
        square = _square(to_ground_T33, self._photo.size, middle, tile.ground_m or REACH_M)
        ground = np.asarray(ground_picture(square, tile, gallery))
        covered_SS = ground.max(axis=2) > 0
        ground_MM = _whole_cells(covered_SS)
        ground_MMW = self._fine.dense(_filled(ground.transpose(2, 0, 1), covered_SS))
        cell_m = square.side_m / ground_MM.shape[0]
        agreed = []
        for to_ground_33 in to_ground_T33:
            shown_MMW, shown_MM = self._shown(to_ground_33, square)
            most = int(REACH_M / cell_m)
            agreed.append(shifted_agreement(shown_MMW, shown_MM, ground_MMW, ground_MM, most))
        return PlaceMap.of(guess.north_m, guess.east_m, cell_m, _log_ratios(np.stack(agreed)))

    def _shown(
        self, to_ground_33: NDArray[np.float64], square: GroundSquare
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the descriptors of the photo on the ground, and the cells that it fills."""
        places_N2 = _in_photo(to_ground_33, self._photo.size, square)
        shown_SS = np.isfinite(places_N2[:, 0]).reshape(FINE_SIDE, FINE_SIDE)
        pixels_3SS = _filled(laid(self._photo, places_N2, self._fine), shown_SS)
        return self._fine.dense(pixels_3SS), _whole_cells(shown_SS)


def _log_ratios(agreed_TRR: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of the likelihoods, as ratios to their mean: [R, R]."""
    likely_RR = np.exp(AGREEMENT_SCALE * agreed_TRR).mean(axis=0)
    ratio_RR: NDArray[np.float64] = (1 - UNRELATED) * likely_RR / likely_RR.mean() + UNRELATED
    return np.log(ratio_RR)


def _square(
    to_ground_T33: Sequence[NDArray[np.float64]],
    size: tuple[int, int],
    middle: Position,
    most_m: float,
) -> GroundSquare:
    """Return the square around the ground that a photo shows, and as far as it is shifted.

    Ground further than `most_m` from the photo's middle is left out.
    """
    halves_2 = np.array(size) / min(size) / 2
    steps = np.linspace(-1, 1, 9)
    places_N2 = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * halves_2
    depth_N = np.hstack((places_N2, np.ones((len(places_N2), 1)))) @ to_ground_T33[0][2]
    seen_N2 = places_N2[depth_N > HORIZON]
    ground_N2 = np.vstack([mapped(one_33, seen_N2) for one_33 in to_ground_T33])
    ground_N2 = np.clip(ground_N2, -most_m, most_m)
    low_2, high_2 = ground_N2.min(axis=0), ground_N2.max(axis=0)
    east_m, north_m = ((low_2 + high_2) / 2).tolist()
    return GroundSquare(
        origin=middle,
        east_m=east_m,
        north_m=north_m,
        side_m=float((high_2 - low_2).max()) + 2 * REACH_M,
        side_px=FINE_SIDE,
    )


def _in_photo(
    to_ground_33: NDArray[np.float64], size: tuple[int, int], square: GroundSquare
) -> NDArray[np.float64]:
    """Return where the ground's pixels are in the photo [S * S, 2]; NaN beyond it."""
    positions_N2 = square.positions().reshape(-1, 2)
    to_photo_33 = np.asarray(np.linalg.inv(to_ground_33), dtype=np.float64)
    depth_N = np.hstack((positions_N2, np.ones((len(positions_N2), 1)))) @ to_photo_33[2]
    places_N2 = mapped(to_photo_33, positions_N2)
    halves_2 = np.array(size) / min(size) / 2
    margin_2 = np.abs(positions_N2 - (square.east_m, square.north_m))
    inside_N = (
        (depth_N > 0)
        & (np.abs(places_N2) <= halves_2).all(axis=1)
        & (margin_2 <= square.side_m / 2 - REACH_M).all(axis=1)
    )
    return np.where(inside_N[:, None], places_N2, np.nan)


def _filled(pixels_3SS: NDArray[np.uint8], shown_SS: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return an image with its mean colour where it shows nothing: edges of black look alike."""
    if not shown_SS.any():
        return np.ascontiguousarray(pixels_3SS)
    mean_3 = pixels_3SS[:, shown_SS].mean(axis=1).astype(np.uint8)
    return np.where(shown_SS, pixels_3SS, mean_3[:, None, None])


def _whole_cells(pixels_SS: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which cells of the dense descriptors are filled, and those around them: [M, M]."""
    side = FINE_SIDE // 8
    filled_MM = pixels_SS.reshape(side, 8, side, 8).mean(axis=(1, 3)) >= WHOLE_CELL
    inner_MM = np.pad(filled_MM, 1)
    whole: NDArray[np.bool_] = (
        filled_MM & inner_MM[:-2, 1:-1] & inner_MM[2:, 1:-1] & inner_MM[1:-1, :-2]
    ) & inner_MM[1:-1, 2:]
    return whole


def _to_heading(heading_deg: float) -> NDArray[np.float64]:
    """Return the matrix from metres right and ahead to metres east and north."""
    cos, sin = math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _apart_m(tile: ImageRecord, middle: Position) -> float:
    return math.hypot(*metres_between(*middle, tile.latitude, tile.longitude))
