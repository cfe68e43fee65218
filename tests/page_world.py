"""A small continuous map for the page's tests: abutting tiles and two flights over them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import ColourEmbedder
from PIL import Image

from indexer.building.operations import build
from indexer.geo import tile_corner
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import Explanation


class SeeingEmbedder(ColourEmbedder):
    """The colour embedder, and what it looks at: everything, the brighter the more."""

    def explain(self, image: Image.Image) -> Explanation:
        """No turn, four rings, heat = brightness."""
        grey = np.asarray(image.convert("L").resize((16, 16)), dtype=np.float32) / 255
        identity = np.eye(2, 3, dtype=np.float32)
        return Explanation(theta_23=identity, ring_half_sides=(0.25, 0.5, 0.75, 1.0), heat_HH=grey)


ZOOM, FIRST_X, FIRST_Y = 18, 141_200, 88_800
"""Address of the north-west tile, near 50.4 degrees north, 13.9 degrees east."""

COLUMNS = ROWS = 8
TILE_PX = 128
FLIGHTS = {"morning": [(1, row) for row in range(1, 7)], "noon": [(c, 5) for c in range(2, 7)]}
"""Tiles (column, row) that each flight passes, in order."""


def ground() -> Image.Image:
    """The whole map: smooth random colours with a finer grain, so that every tile is its own."""
    random = np.random.default_rng(7)
    side = TILE_PX * COLUMNS
    coarse = random.integers(20, 236, (3 * ROWS, 3 * COLUMNS, 3), dtype=np.uint8)
    fine = random.integers(0, 60, (16 * ROWS, 16 * COLUMNS, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    grain = np.asarray(Image.fromarray(fine).resize((side, side), Image.Resampling.BICUBIC))
    mixed = smooth.astype(np.int16) + grain - 30
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def tile(column: int, row: int) -> Image.Image:
    """One satellite tile."""
    left, top = column * TILE_PX, row * TILE_PX
    return ground().crop((left, top, left + TILE_PX, top + TILE_PX))


def tile_id(column: int, row: int) -> str:
    return f"tile-{column}-{row}"


def tile_box(column: int, row: int) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a satellite tile, degrees."""
    north, west = tile_corner(ZOOM, FIRST_X + column, FIRST_Y + row)
    south, east = tile_corner(ZOOM, FIRST_X + column + 1, FIRST_Y + row + 1)
    return west, south, east, north


def centre(column: float, row: float) -> tuple[float, float]:
    """(latitude, longitude) of a tile's middle, degrees."""
    return tile_corner(ZOOM, FIRST_X + column + 0.5, FIRST_Y + row + 0.5)


def drone_photo(column: int, row: int, seed: int = 0) -> Image.Image:
    """What a drone sees there: the tile under another light, with noise, at another size."""
    pixels = np.asarray(tile(column, row).resize((240, 240), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(seed).normal(0, 6, pixels.shape)
    return Image.fromarray((pixels * 0.9 + 12 + noise).clip(0, 255).astype(np.uint8))


def publish_world(store: Path, work: Path) -> Path:
    """A store with the galleries `town` (satellite) and `flights` (drone)."""
    whole = ground()
    tiles = []
    for column in range(COLUMNS):
        for row in range(ROWS):
            left, top = column * TILE_PX, row * TILE_PX
            picture = whole.crop((left, top, left + TILE_PX, top + TILE_PX))
            west, south, east, north = tile_box(column, row)
            latitude, longitude = centre(column, row)
            facts = {"latitude": latitude, "longitude": longitude, "gsd_m": 0.7}
            box = {"west": west, "south": south, "east": east, "north": north}
            tiles.append((tile_id(column, row), picture, facts | box))
    photos = []
    for flight, path in FLIGHTS.items():
        for at, (column, row) in enumerate(path):
            latitude, longitude = centre(column, row)
            facts = {"latitude": latitude, "longitude": longitude, "flight_id": flight}
            facts |= {"altitude_m": 80, "altitude_datum": "takeoff", "gimbal_pitch_deg": -70}
            facts |= {"heading_deg": 180 if flight == "morning" else 90}
            facts |= {"captured_at": f"2026-05-01T10:{at:02d}:00+00:00"}
            photos.append((f"{flight}-{at}", drone_photo(column, row, seed=at), facts))
    publish(store, "town", "satellite", tiles, work / "town")
    publish(store, "flights", "drone", photos, work / "flights")
    return store


Item = tuple[str, Image.Image, dict[str, object]]


def publish(store: Path, name: str, view: str, items: Sequence[Item], folder: Path) -> None:
    """Write a folder with its CSV and build a gallery of it."""
    folder.mkdir(parents=True)
    with (folder / "images.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["path", "view", *items[0][2]])
        writer.writeheader()
        for image_id, picture, facts in items:
            picture.save(folder / f"{image_id}.jpg", quality=92)
            writer.writerow({"path": f"{image_id}.jpg", "view": view, **facts})
    build(store, name, open_source(folder, SourceOptions()), ColourEmbedder())


def publish_grid(store: Path, work: Path, side: int) -> None:
    """A gallery `grid` of side x side abutting tiles; the XYZ folder says where each lies."""
    whole = np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)
    for column in range(side):
        folder = work / str(ZOOM) / str(FIRST_X + column)
        folder.mkdir(parents=True)
        for row in range(side):
            colour = tuple(int(v) for v in whole[row, column])
            picture = Image.new("RGB", (16, 16), colour)
            picture.paste(tuple(v // 2 for v in colour), (0, 0, 8, 8))  # one colour is no image
            picture.save(folder / f"{FIRST_Y + row}.jpg")
    build(store, "grid", open_source(work, SourceOptions()), ColourEmbedder())
