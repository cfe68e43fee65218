"""Photos of a flat map by a known pinhole camera, for tests of poses and footprints."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from pyproj import Transformer
from rasterio import Affine
from test_indexer_matching import EAST_M, GSD_M, NORTH_M, MatchingEmbedder, ground

from indexer.building.operations import Outcome, build
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import Explanation


@dataclass(frozen=True, kw_only=True)
class TrueCamera:
    """Metres east, north and up of the map's top left corner; degrees as in `CameraEstimate`."""

    east_m: float
    north_m: float
    height_m: float
    heading_deg: float = 0.0
    pitch_deg: float = -90.0
    roll_deg: float = 0.0
    fov_deg: float = 60.0

    def rays(self, width: int, height: int) -> NDArray[np.float64]:
        """Return the directions east, north, up of all pixels [height, width, 3]."""
        heading, pitch, roll = np.radians([self.heading_deg, self.pitch_deg, self.roll_deg])
        ahead = np.array([math.sin(heading), math.cos(heading), 0.0])
        level = np.array([math.cos(heading), -math.sin(heading), 0.0])
        right = math.cos(roll) * level - math.sin(roll) * np.array([0.0, 0.0, 1.0])
        upward = np.cross(right, ahead)
        forward = math.cos(pitch) * ahead + math.sin(pitch) * upward
        down = np.cross(forward, right)
        focal_px = width / 2 / math.tan(math.radians(self.fov_deg) / 2)
        x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        rays: NDArray[np.float64] = (
            forward + (x[:, :, None] * right + y[:, :, None] * down) / focal_px
        )
        return rays

    def photo(self, ground: Image.Image, gsd_m: float, size: tuple[int, int]) -> Image.Image:
        """Return what the camera shows of a flat map; grey beyond its edges and in the sky."""
        rays = self.rays(*size)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, :, 2] < -1e-6, -self.height_m / rays[:, :, 2], np.nan)
        east_m = self.east_m + reach * rays[:, :, 0]
        north_m = self.north_m + reach * rays[:, :, 1]
        columns, rows = east_m / gsd_m - 0.5, -north_m / gsd_m - 0.5
        inside = (columns >= 0) & (rows >= 0)
        inside &= (columns < ground.width - 1) & (rows < ground.height - 1)
        x, y = np.where(inside, columns, 0), np.where(inside, rows, 0)
        left, top = x.astype(int), y.astype(int)
        a, b = (x - left)[:, :, None], (y - top)[:, :, None]
        pixels = np.asarray(ground, dtype=np.float64)
        upper = pixels[top, left] * (1 - a) + pixels[top, left + 1] * a
        lower = pixels[top + 1, left] * (1 - a) + pixels[top + 1, left + 1] * a
        shown = np.where(inside[:, :, None], upper * (1 - b) + lower * b, 128.0)
        return Image.fromarray(shown.astype(np.uint8))


class ExplainingMatcher(MatchingEmbedder):
    """Also explains an image, as the page asks: no rotation, four rings, equal heat."""

    def explain(self, image: Image.Image) -> Explanation:
        identity = np.eye(2, 3, dtype=np.float32)
        heat_HH = np.full((16, 16), 0.5, np.float32)
        return Explanation(theta_23=identity, ring_half_sides=(0.5, 1.0), heat_HH=heat_HH)


def lopsided_ground() -> Image.Image:
    """Ground of triangles, which unlike `ground` looks different in a mirror."""
    chance = np.random.default_rng(5)
    canvas = Image.new("RGB", (448, 448), (120, 120, 120))
    draw = ImageDraw.Draw(canvas)
    for _ in range(400):
        corners = chance.integers(0, 448, 2) + chance.integers(-22, 23, (3, 2))
        colour = tuple(chance.integers(0, 255, 3).tolist())
        draw.polygon([tuple(corner) for corner in corners.tolist()], fill=colour)
    return canvas.filter(ImageFilter.GaussianBlur(1))


def publish_map(
    store: Path,
    place: Path,
    embedder: MatchingEmbedder,
    surface_model: Path | None = None,
    picture: Image.Image | None = None,
) -> Outcome:
    """Build the gallery `map` of 224 x 224 m of level ground, in tiles of 75 m at half steps."""
    picture = ground(1) if picture is None else picture
    place.mkdir(parents=True, exist_ok=True)
    transform = Affine(GSD_M, 0, EAST_M, 0, -GSD_M, NORTH_M)
    with rasterio.open(
        place / "map.tif", "w", driver="GTiff", width=picture.width, height=picture.height,
        count=3, dtype="uint8", crs="EPSG:32632", transform=transform,
    ) as file:  # fmt: skip
        file.write(np.asarray(picture).transpose(2, 0, 1))
    source = open_source(place, SourceOptions(tile_m=(75.0,), overlap=0.5))
    return build(store, "map", source, embedder, surface_model=surface_model)


@contextmanager
def opened_map(
    folders: pytest.TempPathFactory,
    embedder: MatchingEmbedder,
    picture: Image.Image | None = None,
) -> Iterator[Gallery]:
    """Open the gallery that `publish_map` builds in folders of its own."""
    store = folders.mktemp("store")
    publish_map(store, folders.mktemp("maps"), embedder, picture=picture)
    opened = Gallery.open(store, "map", embedder=embedder)
    yield opened
    opened.close()


def degrees_of(east_m: float, north_m: float) -> tuple[float, float]:
    """Return (latitude, longitude) of metres from the map's top left corner."""
    to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(EAST_M + east_m, NORTH_M + north_m)
    return latitude, longitude
