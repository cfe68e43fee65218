"""Cuts a map into overlapping square tiles of given ground sizes."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, cast

from indexer.errors import TooManyTilesError
from indexer.gallery.pictures import MAX_SIDE_PX
from indexer.geo import bounds_of
from indexer.records import Bounds, ImageRecord, View
from indexer.sources.candidate import Candidate, Source, SourceOptions
from indexer.sources.count import Count
from indexer.sources.cutting.grid import PixelGrid, Window
from indexer.sources.cutting.placement import Placement
from indexer.sources.cutting.rows import CutRows, Row
from indexer.sources.cutting.upright import upright
from indexer.sources.names import shown
from indexer.sources.reading import RawPicture, SkippedImage, from_pixels

USUAL_TILE_M = 150.0
"""Our choice: what a drone at 100-150 m sees with a usual camera."""

MIN_TILE_PX = 32
"""Our choice: a tile of fewer pixels a side shows nothing that a photo could be matched with."""

GOOD_TILE_PX = 256
"""Our choice: the size in pixels of the tiles that a refusal advises."""

MAX_TILES = 5_000_000
"""Our choice: more tiles of one source than this are cut by mistake, or better in parts."""

WHOLE_PX = 20
"""Our choice: from this size on, steps are longer than a pixel (overlap is 0.9 at most)."""


class CutSource(Source):
    """Square tiles of one map, for each ground size row by row."""

    view: View
    ids_are_unique = True

    def __init__(self, grid: PixelGrid, options: SourceOptions, label: str | None = None) -> None:
        super().__init__(grid.path, options)
        self.grid = grid = upright(grid)
        self.kind = grid.kind
        self.view = options.view or "satellite"
        self.label = label or shown(grid.path.stem)
        self._place = Placement(grid)
        if not options.tile_m:
            self.notes = [
                f"cut into tiles of {USUAL_TILE_M:g} m, overlap {options.overlap:g} "
                "(choose with --tile-m, --overlap)"
            ]

    def everything(self) -> Iterator[Candidate]:
        """Yield every tile, for each ground size row by row."""
        for rows in self.cuts():
            yield from self._tiles(rows.tile_m, rows.all())

    def candidates(self) -> Iterator[Candidate]:
        """Yield every tile whose centre lies in the wanted area."""
        for rows in self.cuts():
            for candidate in self._tiles(rows.tile_m, rows.wanted()):
                yield self.dated(candidate)

    def count(self, budget_s: float = 1.0) -> Count:
        """Return how many tiles will come, without making them."""
        counts = [rows.count() for rows in self.cuts()]
        return Count(
            number=sum(count.number for count in counts), exact=all(count.exact for count in counts)
        )

    def spread(self, number: int, total: int) -> Iterator[Candidate]:
        """Yield about so many of the tiles, spread over the rows of each ground size."""
        cuts = self.cuts()
        for rows in cuts:
            for candidate in self._tiles(rows.tile_m, rows.spread(max(1, number // len(cuts)))):
                yield self.dated(candidate)

    def extent(self, budget_s: float = 0.5) -> Bounds | None:
        """Return the box of the whole map."""
        return bounds_of(self._place.corners((0.0, 0.0, self.grid.width, self.grid.height)))

    def check(self, budget_s: float = math.inf) -> None:
        """Refuse a map whose parts do not fit together, or tiles too small or too many.

        Raises:
            SourceError: its parts do not fit together.
            TooManyTilesError: the tiles would be too small or too many.
        """
        for rows in self.cuts():
            self._refuse_small(rows)
        count = self.count()
        if count.number > MAX_TILES:
            raise TooManyTilesError(
                f"{shown(self.path.name)} would be cut into about {count.number:,} tiles, more "
                f"than {MAX_TILES:,}; choose a larger --tile-m, a smaller --overlap, or a part "
                "with --bbox"
            )
        self.grid.check(budget_s)

    def _refuse_small(self, rows: CutRows) -> None:
        size_px = rows.size_px()
        if size_px >= MIN_TILE_PX:
            return
        gsd_m = rows.tile_m / size_px
        raise TooManyTilesError(
            f"{shown(self.path.name)} has {gsd_m:.3g} m a pixel, so a tile of {rows.tile_m:g} m "
            f"would have {size_px:.0f} pixels a side, and fewer than {MIN_TILE_PX} show too "
            f"little; choose a larger one, such as --tile-m {_rounded(GOOD_TILE_PX * gsd_m):g}, "
            "or a finer map"
        )

    def cuts(self) -> list[CutRows]:
        """Return the rows of tiles of each ground size."""
        sizes: dict[str, float] = {}
        for tile_m in self.options.tile_m or (USUAL_TILE_M,):
            sizes.setdefault(f"{tile_m:g}", tile_m)
        return [
            CutRows(place=self._place, tile_m=tile_m, options=self.options)
            for tile_m in sizes.values()
        ]

    def _tiles(self, tile_m: float, rows: Iterable[Row]) -> Iterator[Candidate]:
        for row in rows:
            for left in row.lefts_N.tolist():
                yield self._candidate(tile_m, (left, row.top, row.width, row.height))

    def tile(self, tile_m: float, window: Window) -> Candidate:
        """Return the candidate of one window."""
        return self.dated(self._candidate(tile_m, window))

    def _candidate(self, tile_m: float, window: Window) -> Candidate:
        address = f"{tile_m:g}m-{_address(self.grid, window)}"
        pixels = self._pixels(tile_m, window)
        latitude, longitude = self._place.centre(window)
        record = ImageRecord(
            image_id=f"{self.options.id_prefix}{self.label}-{address}",
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, self._place.corners(window)),
            gsd_m=tile_m / pixels,
            captured_at=self.grid.captured_at,
            source=shown(self.grid.path.name),
        )
        name = f"{shown(self.grid.path.name)} {address}"
        return Candidate(
            record=record,
            location=f"{shown(self.grid.path)}!{address}",
            fingerprint=self.grid.fingerprint(window),
            read=lambda: self._read(window, pixels, name),
        )

    def _pixels(self, tile_m: float, window: Window) -> int:
        if self.options.gsd_m is not None:
            return max(16, min(4096, round(tile_m / self.options.gsd_m)))
        return max(16, min(MAX_SIDE_PX, round(max(window[2], window[3]))))

    def _read(self, window: Window, pixels: int, name: str) -> RawPicture:
        rgb_HW3, opaque_HW = self.grid.read(window, pixels, pixels)
        try:
            return from_pixels(rgb_HW3, opaque_HW, name, min_opaque=self.options.min_opaque)
        except SkippedImage as reason:
            if window[2] <= self.grid.width and window[3] <= self.grid.height:
                raise
            raise SkippedImage(
                f"{reason}: the map is smaller; choose a smaller --tile-m", reason.cause
            ) from None


def _address(grid: PixelGrid, window: Window) -> str:
    """Return the start of a window in the map's pixels, which does not depend on the overlap."""
    digits = 0 if min(window[2:]) >= WHOLE_PX else 2
    column, row = (
        f"{first + max(0.0, start):.{digits}f}"
        for first, start in zip(grid.origin, window[:2], strict=True)
    )
    return f"r{row}-c{column}"


def _rounded(value: float) -> float:
    """Two leading digits, rounded up."""
    step: float = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / step - 1e-9) * step
