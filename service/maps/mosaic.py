"""Web-mercator map tiles made of a gallery's own images.

World coordinates: x and y in [0, 1] over the web-mercator square, x to the east, y to the south;
an image across the antimeridian reaches beyond x = 1.
Source: OGC Two Dimensional Tile Matrix Set 2.0, WebMercatorQuad (rows count from the north).
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from indexer.geo import tile_address, tile_corner
from indexer.records import ImageRecord
from model.images import open_image

TILE_PX = 256
"""Side of a map tile, px: what every XYZ client assumes."""

MAX_ZOOM = 24
"""Our choice: 1 cm a pixel at 60 degrees north, finer than any drone photo."""

MAX_PICTURES = 400
"""Our choice: most images decoded for one tile (0.6 s on one core); more are filled flat."""

FLAT_COLOUR = (127, 138, 128, 255)
JPEG_QUALITY = 85


@dataclass(frozen=True)
class TileAddress:
    """One tile of the XYZ scheme; y counts from the north."""

    zoom: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Whether the web-mercator square has such a tile."""
        side = 2**self.zoom if 0 <= self.zoom <= MAX_ZOOM else 0
        return 0 <= self.x < side and 0 <= self.y < side


class GroundTable:
    """Ground boxes of all images of a gallery, to find those under a tile quickly."""

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        """Read the records once; those without corners are left out."""
        placed = [record for record in records if record.corners]
        corners = [(record.image_id, _world_corners(record)) for record in placed]
        known = [(r.gsd_m, r.latitude) for r in placed if r.gsd_m is not None and r.gsd_m > 0]
        self.finest: tuple[float, float] | None = min(known, default=None)
        """(ground metres per pixel, latitude) of the finest image; None where unknown."""
        self.image_ids = [image_id for image_id, _ in corners]
        self.boxes_N4: NDArray[np.float64] = np.array(
            [_box(corners_42) for _, corners_42 in corners], dtype=np.float64
        ).reshape(-1, 4)
        self.upright_N = np.array(
            [_is_upright(corners_42) for _, corners_42 in corners], dtype=bool
        )

    def extent(self) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) of all ground areas, degrees; the world if none."""
        if not len(self.boxes_N4) or self.boxes_N4[:, 2].max() > 1:
            left, right = 0.0, 1.0
        else:
            left, right = self.boxes_N4[:, 0].min(), self.boxes_N4[:, 2].max()
        top = self.boxes_N4[:, 1].min(initial=1.0)
        bottom = self.boxes_N4[:, 3].max(initial=0.0)
        if top >= bottom:
            top, bottom = 0.0, 1.0
        north, west = tile_corner(0, float(left), float(top))
        south, east = tile_corner(0, float(right), float(bottom))
        return west, south, east, north

    def touching(self, tile: TileAddress) -> NDArray[np.intp]:
        """Return the rows of the images whose box shares area with the tile: int [K]."""
        left, top, right, bottom = _tile_box(tile)
        west, north, east, south = self.boxes_N4.T
        beside = (west < right) & (east > left)
        # What crosses the antimeridian is stored once, beyond x = 1.
        beside |= (west < right + 1) & (east > left + 1)
        return np.flatnonzero(beside & (north < bottom) & (south > top))

    def needed(self, tile: TileAddress) -> NDArray[np.intp]:
        """Return rows as `touching`, without upright images that others of their size cover."""
        rows = self.touching(tile)
        upright = rows[self.upright_N[rows]]
        sides = np.round(np.log2(self.boxes_N4[upright, 2] - self.boxes_N4[upright, 0]), 1)
        kept = [rows[~self.upright_N[rows]]]
        for side in np.unique(sides):
            alike = upright[sides == side]
            kept.append(alike[_cover(tile, self.boxes_N4[alike])])
        return np.sort(np.concatenate(kept))


def _cover(tile: TileAddress, boxes_K4: NDArray[np.float64]) -> list[int]:
    """Return few boxes that together cover each pixel that all of them cover; greedy."""
    left, top, right, _ = _tile_box(tile)
    shift_K1 = (boxes_K4[:, :1] >= right).astype(float)
    edges_K4 = (boxes_K4 - np.array([left, top, left, top])) * (TILE_PX * 2**tile.zoom)
    edges_K4[:, ::2] -= shift_K1 * (TILE_PX * 2**tile.zoom)
    west, north, east, south = np.round(edges_K4).clip(0, TILE_PX).astype(int).T
    open_HW = np.ones((TILE_PX, TILE_PX), dtype=np.int32)
    chosen: list[int] = []
    while len(chosen) <= MAX_PICTURES:
        sums_HW = np.pad(open_HW.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        gain_K = (
            sums_HW[south, east]
            - sums_HW[north, east]
            - sums_HW[south, west]
            + sums_HW[north, west]
        )
        best = int(gain_K.argmax())
        if gain_K[best] == 0:
            return chosen
        chosen.append(best)
        open_HW[north[best] : south[best], west[best] : east[best]] = 0
    return chosen


def draw_pictures(
    tile: TileAddress, records: Sequence[ImageRecord], picture: Callable[[str], bytes]
) -> Image.Image:
    """Draw images onto a tile by their corners, coarse ones below fine ones.

    Args:
        tile: the tile to fill.
        records: images with corners; those off the tile change nothing.
        picture: encoded bytes of an image id.

    Returns:
        RGBA, TILE_PX a side, transparent where no image lies.
    """
    canvas = Image.new("RGBA", (TILE_PX, TILE_PX))
    for record in sorted(records, key=lambda record: (-(record.gsd_m or 1e9), record.image_id)):
        _lay(canvas, _tile_pixels(tile, record), picture(record.image_id))
    return canvas


def draw_flat(tile: TileAddress, boxes_K4: NDArray[np.float64]) -> Image.Image:
    """Fill the images' areas with one colour: an overview where there are too many to decode."""
    canvas = Image.new("RGBA", (TILE_PX, TILE_PX))
    draw = ImageDraw.Draw(canvas)
    left, top, right, _ = _tile_box(tile)
    scale = TILE_PX * 2**tile.zoom
    for west, north, east, south in boxes_K4:
        shift = west >= right
        x0, y0 = (west - shift - left) * scale, (north - top) * scale
        x1, y1 = (east - shift - left) * scale, (south - top) * scale
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), fill=FLAT_COLOUR)
    return canvas


def encode(canvas: Image.Image) -> tuple[bytes, str]:
    """Return (bytes, media type): JPEG where the tile is full, else PNG with transparency."""
    stream = io.BytesIO()
    if canvas.getchannel("A").getextrema() == (255, 255):
        canvas.convert("RGB").save(stream, "JPEG", quality=JPEG_QUALITY)
        return stream.getvalue(), "image/jpeg"
    canvas.save(stream, "PNG", compress_level=3)
    return stream.getvalue(), "image/png"


def _lay(canvas: Image.Image, corners_42: NDArray[np.float64], encoded: bytes) -> None:
    low = np.floor(corners_42.min(axis=0)).clip(0, TILE_PX).astype(int)
    high = np.ceil(corners_42.max(axis=0)).clip(0, TILE_PX).astype(int)
    if (high <= low).any():
        return
    sides_4 = np.linalg.norm(corners_42 - np.roll(corners_42, -1, axis=0), axis=1)
    image = open_image(encoded, min_side=max(1, int(sides_4.max())))
    image = image.reduce(max(1, int(min(image.size) / max(1.0, float(sides_4.max())))))
    source_42 = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * image.size
    warped = image.convert("RGBA").transform(
        (int(high[0] - low[0]), int(high[1] - low[1])),
        Image.Transform.PERSPECTIVE,
        _perspective(corners_42 - low, source_42),
        Image.Resampling.BILINEAR,
    )
    canvas.alpha_composite(warped, (int(low[0]), int(low[1])))


def _perspective(from_42: NDArray[np.float64], to_42: NDArray[np.float64]) -> list[float]:
    """Return the eight numbers of the projective map from four points to four points."""
    rows, values = [], []
    for (x, y), (u, v) in zip(from_42, to_42, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.lstsq(np.array(rows), np.array(values))[0]]


def _tile_pixels(tile: TileAddress, record: ImageRecord) -> NDArray[np.float64]:
    """Return the record's corners in the tile's pixels: [4, 2] (x to the right, y down)."""
    corners_42 = _world_corners(record)
    left, top, right, _ = _tile_box(tile)
    corners_42[:, 0] -= corners_42[:, 0].min() >= right
    pixels_42: NDArray[np.float64] = (corners_42 - (left, top)) * (TILE_PX * 2**tile.zoom)
    return pixels_42


def _tile_box(tile: TileAddress) -> tuple[float, float, float, float]:
    side = 2**tile.zoom
    return tile.x / side, tile.y / side, (tile.x + 1) / side, (tile.y + 1) / side


def _world_corners(record: ImageRecord) -> NDArray[np.float64]:
    corners_42 = np.array([tile_address(0, *corner) for corner in record.corners or ()])
    if np.ptp(corners_42[:, 0]) > 0.5:
        corners_42[corners_42[:, 0] < 0.5, 0] += 1
    return corners_42


def _is_upright(corners_42: NDArray[np.float64]) -> bool:
    """Return whether the corners are their own box, to a hundredth of a side."""
    x0, y0, x1, y1 = _box(corners_42)
    box_42 = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return bool(np.abs(corners_42 - box_42).max() <= 0.01 * max(x1 - x0, y1 - y0))


def _box(corners_42: NDArray[np.float64]) -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = corners_42.min(axis=0), corners_42.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
