"""Points of a photo and of the map around it that show the same, one laid on the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.gallery.interface import OpenGallery
from indexer.localization.ground_map import GroundSquare, ground_picture
from indexer.records import Match
from model.matching.fine import FINE_SIDE, FinePoints, corresponding
from model.matching.geometry import HORIZON, mapped

LEVEL_PERCENTILE = 10
"""Percentile of a surface model's heights around a photo that counts as the ground's."""

LEAST_COVERED = 0.5
"""Least share of the compared ground that a surface model covers; below it, it is not used."""

SMALLEST_SIDE, LARGEST_SIDE = 0.6, 2.0
"""Bounds on the compared ground's side, in sides of the best match's tile."""


@dataclass(frozen=True, kw_only=True)
class QueryPhoto:
    """The photo that a camera is estimated for."""

    picture: Image.Image
    """Upright RGB, the whole photo, at least as detailed as `FINE_SIDE`."""
    focal: float
    """Focal length in sides of the photo's centre square."""


class Ground:
    """The compared square of the ground: its keypoints and its pixels in metres east, north, up.

    Heights count from `level_m`, the ground's in the surface model; all are 0 without one.
    """

    def __init__(
        self, square: GroundSquare, best: Match, gallery: OpenGallery, fine: FinePoints
    ) -> None:
        """Put the map together and describe it.

        Args:
            square: which ground.
            best: the match whose like are put together.
            gallery: with their pictures, and perhaps heights.
            fine: what describes it.

        Raises:
            GalleryMismatchError: a file of the gallery is missing or damaged.
        """
        self._to_pixels_33 = square.to_pixels_33
        flat_N2 = square.positions().reshape(-1, 2)
        heights_N = gallery.heights(square.origin, flat_N2)
        self.level_m: float | None = None
        if heights_N is None or np.isfinite(heights_N).mean() < LEAST_COVERED:
            heights_N = np.zeros(len(flat_N2))
        else:
            self.level_m = float(np.nanpercentile(heights_N, LEVEL_PERCENTILE))
            heights_N = heights_N - self.level_m
        self.positions_N3 = np.column_stack((flat_N2, heights_N))
        self.keypoints = fine.describe(_pixels(ground_picture(square, best.record, gallery)))

    def height_m(self, east_m: float, north_m: float) -> float | None:
        """Return the height of a place above the ground's level; None beyond the square."""
        column, row = mapped(self._to_pixels_33, np.array([[east_m, north_m]]))[0].astype(int)
        if not (0 <= column < FINE_SIDE and 0 <= row < FINE_SIDE):
            return None
        height_m = float(self.positions_N3[row * FINE_SIDE + column, 2])
        return height_m if np.isfinite(height_m) else None


def compared(
    photo: QueryPhoto,
    places_N2: NDArray[np.float64],
    ground: Ground,
    fine: FinePoints,
    radius: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return corresponding points in the photo [C, 2] and on the ground [C, 3].

    Args:
        photo: to be laid on the ground.
        places_N2: where the ground's pixels are in the photo.
        ground: to compare it with.
        fine: what compares.
        radius: how far from its expected place a point may lie, sides of the square.
    """
    seen = fine.describe(laid(photo.picture, places_N2, fine))
    photo_C, ground_C = corresponding(seen, ground.keypoints, radius)
    in_photo_C2 = places_N2[_pixel_of(seen.places_P2[photo_C])]
    on_ground_C3 = ground.positions_N3[_pixel_of(ground.keypoints.places_P2[ground_C])]
    known_C = np.isfinite(in_photo_C2).all(axis=1) & np.isfinite(on_ground_C3).all(axis=1)
    return in_photo_C2[known_C], on_ground_C3[known_C]


def _pixel_of(places_C2: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the number of the pixel that each keypoint lies on."""
    columns_rows_C2 = ((places_C2 + 0.5) * FINE_SIDE).astype(np.intp)
    pixels_C: NDArray[np.intp] = columns_rows_C2 @ np.array([1, FINE_SIDE])
    return pixels_C


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))


def square_seen(
    best: Match, size: tuple[int, int], to_ground_33: NDArray[np.float64]
) -> GroundSquare:
    """Return the square around the ground in the photo, as far as it is near the photo's middle."""
    halves = np.array(size) / min(size) / 2
    steps = np.linspace(-1, 1, 9)
    places_N2 = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * halves
    depth_N = np.hstack((places_N2, np.ones((len(places_N2), 1)))) @ to_ground_33[2]
    middle_2 = mapped(to_ground_33, np.zeros((1, 2)))[0]
    tile_m = best.record.ground_m or 1.0
    ground_N2 = mapped(to_ground_33, places_N2[depth_N / to_ground_33[2, 2] > HORIZON])
    reach_m = LARGEST_SIDE / 2 * tile_m
    near_N2 = np.clip(ground_N2 - middle_2, -reach_m, reach_m)
    low_2, high_2 = near_N2.min(axis=0), near_N2.max(axis=0)
    side_m = max(float((high_2 - low_2).max()), SMALLEST_SIDE * tile_m)
    east_m, north_m = (middle_2 + (low_2 + high_2) / 2).tolist()
    return GroundSquare(
        origin=(best.record.latitude, best.record.longitude),
        east_m=east_m,
        north_m=north_m,
        side_m=side_m,
        side_px=FINE_SIDE,
    )


def laid(
    picture: Image.Image, places_N2: NDArray[np.float64], fine: FinePoints
) -> NDArray[np.uint8]:
    """Return the photo at given places, black outside it: `FINE_SIDE` square."""
    middle = len(places_N2) // 2 + FINE_SIDE // 2
    step = np.linalg.norm(places_N2[middle + 1] - places_N2[middle])
    detail = float(step) * min(picture.size)
    if detail >= 2:
        picture = picture.reduce(int(detail))
    at_N2 = places_N2 * min(picture.size) + np.array(picture.size) / 2 - 0.5
    return fine.sampled(np.asarray(picture), at_N2).reshape(3, FINE_SIDE, FINE_SIDE)
