"""The map around a photo as one picture, north up, put together from the gallery's tiles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from indexer.errors import GalleryMismatchError
from indexer.gallery.interface import OpenGallery
from indexer.geo import bounds_around, metres_between
from indexer.records import ImageRecord
from model.errors import ImageError
from model.images import open_image

MOST_TILES = 24
"""Number of tiles nearest to the square's middle that are tried. Our choice: of tiles at half steps
a photo's ground shows about nine."""

SIMILAR_SIZE = 1.3
"""Largest ratio of the tiles' sides to the best one's: other sizes show other detail."""

COVERED = 0.93
"""Share of the picture that is covered well enough."""

LEAST_ADDED = 0.04
"""Least share of the picture that a further tile covers."""

COARSE_SIDE = 64
"""Side of the grid on which the tiles are chosen."""


@dataclass(frozen=True, kw_only=True)
class GroundSquare:
    """A square of the ground, north up, in the frame of an origin: metres east and north."""

    origin: tuple[float, float]
    """Latitude and longitude of the frame's origin, degrees."""
    east_m: float
    north_m: float
    side_m: float
    side_px: int

    def positions(self) -> NDArray[np.float64]:
        """Return metres east and north of every pixel's middle [S, S, 2]."""
        steps_m = ((np.arange(self.side_px) + 0.5) / self.side_px - 0.5) * self.side_m
        east_SS, north_SS = np.meshgrid(self.east_m + steps_m, self.north_m - steps_m)
        return np.stack((east_SS, north_SS), axis=-1)

    @property
    def to_pixels_33(self) -> NDArray[np.float64]:
        """From metres east and north to pixels of the picture."""
        scale = self.side_px / self.side_m
        half_m = self.side_m / 2
        return np.array(
            [
                [scale, 0.0, scale * (half_m - self.east_m)],
                [0.0, -scale, scale * (half_m + self.north_m)],
                [0.0, 0.0, 1.0],
            ]
        )


def ground_picture(square: GroundSquare, best: ImageRecord, gallery: OpenGallery) -> Image.Image:
    """Return the map in a square; black where no tile covers it.

    Args:
        square: of the ground.
        best: the tile that is laid first; others are like it.
        gallery: with their pictures.

    Raises:
        GalleryMismatchError: a picture is missing or damaged.
    """
    picture = Image.new("RGB", (square.side_px,) * 2)
    filled = Image.new("L", picture.size)
    for record, outline in _needed(square, _around(square, best, gallery)):
        missing = np.asarray(_polygon_mask(picture.size, outline), bool) & ~np.asarray(filled, bool)
        try:
            tile = open_image(gallery.picture(record.image_id))
        except ImageError as error:
            raise GalleryMismatchError(
                f"the picture of {record.image_id!r} is damaged in gallery {gallery.name!r}; "
                f"run: safenet-index rebuild {gallery.name}"
            ) from error
        opaque = Image.new("L", tile.size, 255)
        inside = np.asarray(_laid(opaque, outline, picture.size, Image.Resampling.NEAREST), bool)
        mask = Image.fromarray((missing & inside).astype(np.uint8) * 255)
        laid = _laid(tile, outline, picture.size, Image.Resampling.BICUBIC)
        picture.paste(laid, (0, 0), mask)
        filled.paste(255, (0, 0), mask)
    return picture


def _needed(
    square: GroundSquare, records: Iterable[ImageRecord]
) -> Iterator[tuple[ImageRecord, NDArray[np.float64]]]:
    """Yield the first tile, then each time the one that covers most of what is not yet covered.

    Each with its corners in the picture.
    """
    outlines = [(record, _outline(square, record)) for record in records]
    small = (COARSE_SIDE, COARSE_SIDE)
    areas_NSS = [
        np.asarray(_polygon_mask(small, corners_42 * COARSE_SIDE / square.side_px), bool)
        for _, corners_42 in outlines
    ]
    missing_SS = np.ones(small, bool)
    chosen, added = 0, 1.0
    while added >= LEAST_ADDED:
        yield outlines[chosen]
        missing_SS &= ~areas_NSS[chosen]
        if missing_SS.mean() < 1 - COVERED:
            return
        gains_N = [float((area_SS & missing_SS).mean()) for area_SS in areas_NSS]
        chosen, added = int(np.argmax(gains_N)), max(gains_N)


def _around(square: GroundSquare, best: ImageRecord, gallery: OpenGallery) -> Iterator[ImageRecord]:
    """Yield the best tile, then similar tiles by their distance from the square's middle."""
    yield best
    side_m = best.ground_m or square.side_m
    reach_m = (square.side_m + side_m) * 0.75
    found = []
    latitude, longitude = square.origin
    centre_reach_m = reach_m + float(np.hypot(square.east_m, square.north_m))
    box = bounds_around(latitude, longitude, centre_reach_m)
    for record in gallery.records(within=box, limit=500):
        ground_m = record.ground_m
        if record.image_id == best.image_id or ground_m is None or record.source != best.source:
            continue
        north_m, east_m = metres_between(latitude, longitude, record.latitude, record.longitude)
        away_m = float(np.hypot(north_m - square.north_m, east_m - square.east_m))
        if away_m <= reach_m and 1 / SIMILAR_SIZE <= ground_m / side_m <= SIMILAR_SIZE:
            found.append((away_m, record.image_id, record))
    for _, _, record in sorted(found)[:MOST_TILES]:
        yield record


def _outline(square: GroundSquare, record: ImageRecord) -> NDArray[np.float64]:
    """Return a tile's corners in the picture, pixels [4, 2], clockwise from its top left."""
    assert record.corners is not None
    metres = [metres_between(*square.origin, *corner) for corner in record.corners]
    ground_42 = np.array([(east_m, north_m) for north_m, east_m in metres])
    to_pixels = square.to_pixels_33
    outline_42: NDArray[np.float64] = ground_42 @ to_pixels[:2, :2].T + to_pixels[:2, 2]
    return outline_42


def _polygon_mask(size: tuple[int, int], outline_42: NDArray[np.float64]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([tuple(point) for point in outline_42.tolist()], fill=255)
    return mask


def _laid(
    tile: Image.Image,
    outline_42: NDArray[np.float64],
    size: tuple[int, int],
    resampling: Image.Resampling,
) -> Image.Image:
    """Return a tile moved to its outline in the picture; its sides stay parallel."""
    top_left, top_right, _, bottom_left = outline_42
    right, down = (top_right - top_left) / tile.width, (bottom_left - top_left) / tile.height
    forward_22 = np.stack((right, down), axis=1)
    back_22 = np.linalg.inv(forward_22)
    shift_2 = -back_22 @ top_left
    data = (*back_22[0], shift_2[0], *back_22[1], shift_2[1])
    return tile.transform(size, Image.Transform.AFFINE, data, resampling)
