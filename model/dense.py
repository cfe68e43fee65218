"""Gallery rows of overlapping tiles, their ground computed once instead of once a tile.

A tile's window of the backbone's map is cut out of the map of a larger picture. It is moved to
the nearest cell, and beyond its edges it sees the ground instead of the zeros that a single image
is padded with, so its descriptor differs from that of the tile alone.

Shapes: N tiles, V views, P picture side, S input side, D descriptor length, L length of the local
features.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.config import ModelConfig
from model.descriptor_model import GalleryRows
from model.errors import ConfigError
from model.fusion import unit_mean
from model.runtime.exported import find_export
from model.runtime.halves import NetworkHalves
from model.verification import quantised
from model.views import joint_local_features
from model.weights_info import SHIPPED_WEIGHTS, read_weights_info

TILES_ACROSS = 4.5
"""Side of a picture in sides of a tile. Our choice: of tiles at quarter steps, 15 x 15 lie in it;
larger ones take more memory."""

LARGEST_STRIDE = 32


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """A view's picture: a part of the whole, enlarged."""

    zoom: float
    """Share of a tile's side that its window shows."""
    side: int
    """Side of the picture, px."""
    edge: float
    """Where it begins in the whole picture, px."""


class DenseTiles:
    """Turns a picture of the ground into rows of the tiles in it."""

    def __init__(self, config: ModelConfig, export: Path) -> None:
        """Compile the network's halves.

        Raises:
            ConfigError: the network has none.
        """
        self._config, side = config, config.input_size
        self.picture_side = _cells(TILES_ACROSS * side)
        zooms = (1.0, config.turn_zoom if config.gallery_turns > 1 else 1.0)
        self._scales = [self._scale(zoom) for zoom in zooms]
        sides = tuple({scale.side for scale in self._scales})
        self._halves = NetworkHalves(export, side, sides)

    def _scale(self, zoom: float) -> _Scale:
        side, whole = self._config.input_size, self.picture_side
        needed = whole - side * (1 - zoom)
        enlarged = _cells(needed / zoom)
        if enlarged * zoom > whole:
            enlarged -= LARGEST_STRIDE
        return _Scale(zoom=zoom, side=enlarged, edge=(whole - enlarged * zoom) / 2)

    @property
    def tile_side(self) -> int:
        """Side of a tile in the picture, px."""
        return self._config.input_size

    def ground(self, picture_3PP: NDArray[np.uint8]) -> "Ground":
        """Return the maps of every view of a picture.

        Args:
            picture_3PP: `picture_side` wide and high, at the scale where a tile has S pixels.
        """
        turns = self._config.gallery_turns
        maps = []
        for view in range(turns):
            enlarged = _enlarged(picture_3PP, self._scales[view % 2])
            turned = np.rot90(enlarged, self._turn(view), (1, 2))
            map_CQQ = self._halves.maps(turned[None])[0]
            maps.append(np.rot90(map_CQQ, -self._turn(view), (1, 2)))
        return Ground(maps)

    def _turn(self, view: int) -> int:
        return view * (4 // self._config.gallery_turns)

    def rows(self, ground: "Ground", places_N2: NDArray[np.float64]) -> GalleryRows:
        """Return what a gallery keeps of tiles.

        Args:
            ground: the picture that they lie in.
            places_N2: left and top of each tile in it, px.
        """
        turns = self._config.gallery_turns
        views = [
            self._halves.describe(self._windows(map_CQQ, places_N2, view))
            for view, map_CQQ in enumerate(ground.maps)
        ]
        rows_NVR = np.stack(views, axis=1)
        length = self._config.descriptor_dim
        local_NSL = joint_local_features(rows_NVR[:, :, length:], self._config.scales(turns))
        return GalleryRows(
            unit_mean(rows_NVR[:, :, :length]), quantised(local_NSL.reshape(len(places_N2), -1))
        )

    def _windows(
        self, map_CQQ: NDArray[np.float32], places_N2: NDArray[np.float64], view: int
    ) -> NDArray[np.float32]:
        """Return every tile's window of a map, rotated as `make_views` rotates the tile."""
        scale, cells = self._scales[view % 2], self._halves.window_cells
        inner = self._config.input_size * (1 - scale.zoom) / 2
        exact_N2 = (places_N2 + inner - scale.edge) / scale.zoom / self._halves.stride
        first_N2 = np.clip(np.rint(exact_N2).astype(int), 0, map_CQQ.shape[1] - cells)
        windows = [map_CQQ[:, y : y + cells, x : x + cells] for x, y in first_N2.tolist()]
        return np.stack([np.rot90(each, self._turn(view), (1, 2)) for each in windows])


@dataclass(frozen=True)
class Ground:
    """The backbone's maps of every view of a picture, north up again."""

    maps: list[NDArray[np.float32]]


def dense_tiles(weights: Path | None = None) -> DenseTiles:
    """Load the two halves of exported weights.

    Args:
        weights: as for `Embedder.load`.

    Raises:
        CheckpointError: the files are missing, damaged or do not fit together.
        ConfigError: the weights have no export, or their network has no halves.
    """
    path = weights or SHIPPED_WEIGHTS
    info = read_weights_info(path)
    export = find_export(path, info)
    if export is None:
        raise ConfigError(f"--dense needs an exported network; run: safenet-export {path}")
    return DenseTiles(info.config, export)


def _enlarged(picture_3PP: NDArray[np.uint8], scale: _Scale) -> NDArray[np.uint8]:
    if scale.zoom == 1.0:
        return picture_3PP
    end = scale.edge + scale.side * scale.zoom
    size, box = (scale.side, scale.side), (scale.edge, scale.edge, end, end)
    image = Image.fromarray(picture_3PP.transpose(1, 2, 0))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box)).transpose(2, 0, 1)


def _cells(length: float) -> int:
    """Return the next length that a backbone's strides divide."""
    return -(-round(length) // LARGEST_STRIDE) * LARGEST_STRIDE
