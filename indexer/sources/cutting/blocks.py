"""Neighbouring tiles of a map, and the one picture of the ground that holds them all.

Shapes: N tiles, P picture side.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.sources.candidate import Candidate
from indexer.sources.cutting.cut_into_tiles import CutSource
from indexer.sources.cutting.grid import PixelGrid, Window
from indexer.sources.cutting.rows import Row


@dataclass(frozen=True, kw_only=True)
class Block:
    """Tiles that lie in one square picture of a map."""

    candidates: list[Candidate]
    places_N2: NDArray[np.float64]
    """Left and top of each tile in the picture, px."""
    grid: PixelGrid
    window: Window
    picture_px: int

    def picture(self) -> NDArray[np.uint8]:
        """Read the ground of every tile: uint8 [3, P, P]; black where there is no data."""
        rgb_PP3, _ = self.grid.read(self.window, self.picture_px, self.picture_px)
        return np.ascontiguousarray(rgb_PP3.transpose(2, 0, 1))


def blocks(source: CutSource, tile_px: int, picture_px: int) -> Iterator[Block]:
    """Yield the wanted tiles of a map in blocks, for each ground size.

    Args:
        source: the map.
        tile_px: side of a tile in the picture.
        picture_px: side of the picture, at least `tile_px`.
    """
    across = picture_px / tile_px
    for rows in source.cuts():
        for band in _bands(rows.wanted(), across):
            for left in _starts(band, across):
                yield _block(source, rows.tile_m, band, left, (tile_px, picture_px))


def _bands(rows: Iterable[Row], across: float) -> Iterator[list[Row]]:
    """Yield neighbouring rows that lie in one picture."""
    band: list[Row] = []
    for row in rows:
        if band and row.top + row.height > band[0].top + across * band[0].height:
            yield band
            band = []
        band.append(row)
    if band:
        yield band


def _starts(band: Sequence[Row], across: float) -> Iterator[float]:
    """Yield where the pictures of a band begin, so that each tile lies in one of them."""
    lefts_N = np.unique(np.concatenate([row.lefts_N for row in band]))
    while len(lefts_N):
        yield float(lefts_N[0])
        lefts_N = lefts_N[lefts_N > _last(lefts_N[0], band[0], across)]


def _last(left: float, row: Row, across: float) -> float:
    """Return where the last tile begins that lies in a picture."""
    return left + (across - 1) * row.width


def _block(
    source: CutSource, tile_m: float, band: Sequence[Row], left: float, sides: tuple[int, int]
) -> Block:
    tile_px, picture_px = sides
    first, across = band[0], picture_px / tile_px
    windows = [
        (start, row.top, row.width, row.height)
        for row in band
        for start in row.lefts_N.tolist()
        if left <= start <= _last(left, first, across)
    ]
    places = [
        ((start - left) / first.width * tile_px, (top - first.top) / first.height * tile_px)
        for start, top, _, _ in windows
    ]
    return Block(
        candidates=[source.tile(tile_m, window) for window in windows],
        places_N2=np.array(places),
        grid=source.grid,
        window=(left, first.top, across * first.width, across * first.height),
        picture_px=picture_px,
    )
