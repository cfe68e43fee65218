"""Web-mercator tiles as gallery images: the address is the coordinate."""

import io
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from indexer.errors import EmptySourceError, SourceError
from indexer.geo import tile_corner, tile_corners, tile_gsd_m
from indexer.records import Bounds, ImageRecord, View
from indexer.sources.candidate import Candidate, Source, SourceOptions
from indexer.sources.count import Count
from indexer.sources.names import shown
from indexer.sources.reading import RawPicture, flat, is_flat, read_bytes
from indexer.sources.tiles.rows import tile_area
from indexer.sources.tiles.store import TileStore
from model.images import open_header

WHOLE_TILES = (
    "each tile is one image; --tile-m cuts overlapping ones instead, which find photos that lie "
    "between two tiles"
)


class TileSource(Source):
    """Tiles of one zoom, each of them one gallery image."""

    view: View
    ids_are_unique = True

    def __init__(self, store: TileStore, zoom: int, options: SourceOptions) -> None:
        super().__init__(store.path, options)
        self.store, self.zoom = store, zoom
        self.kind = store.kind
        self.view = options.view or "satellite"
        self.notes = [WHOLE_TILES]
        self.tile_px = first_tile_px(store, zoom)

    def everything(self) -> Iterator[Candidate]:
        """Yield every tile of the chosen zoom, by column, then row."""
        for x, y in self.store.addresses(self.zoom):
            yield self._candidate(x, y)

    def count(self, budget_s: float = 1.0) -> Count:
        """Return how many tiles lie in the wanted area; a lower bound if counting takes long."""
        ends, number, seen = time.monotonic() + budget_s, 0, 0
        everywhere = self.options.bounds is None and not self.options.mask
        for seen, (x, y) in enumerate(self.store.addresses(self.zoom), start=1):
            number += everywhere or self.options.hold(*tile_corner(self.zoom, x + 0.5, y + 0.5))
            if seen % 1_024 == 0 and time.monotonic() > ends:
                return Count(number=number, exact=False)
        return Count(number=number, exact=True)

    def extent(self, budget_s: float = 0.5) -> Bounds | None:
        """Return the box of the zoom's tiles, of those that time allows to list."""
        area = tile_area(self.store, self.zoom, budget_s)
        return None if area is None else area.bounds

    def check(self, budget_s: float = math.inf) -> None:
        """Refuse a mixture of tile sizes: half of the coordinates would be wrong.

        Raises:
            SourceError: a readable tile has another size than most.
        """
        sizes: Counter[tuple[int, int]] = Counter()
        example: dict[tuple[int, int], str] = {}
        ends = time.monotonic() + budget_s
        for x, y in self.store.addresses(self.zoom):
            if time.monotonic() > ends:
                break
            size = tile_size(self.store.read(self.zoom, x, y))
            if size is not None:
                sizes[size] += 1
                example.setdefault(size, self.store.location(self.zoom, x, y))
        (usual, _), *others = sizes.most_common() or [((0, 0), 0)]
        if others:
            odd = others[0][0]
            raise SourceError(
                f"{example[odd]} is {odd[0]}x{odd[1]} px, most tiles are {usual[0]}x{usual[1]}; "
                "remove the tiles of another size or make them again"
            )

    def _candidate(self, x: int, y: int) -> Candidate:
        latitude, longitude = tile_position(self.zoom, x, y, self.path.name)
        record = ImageRecord(
            image_id=f"{self.options.id_prefix}{self.zoom}-{x}-{y}",
            view=self.view,
            latitude=latitude,
            longitude=longitude,
            corners=cast(Any, tile_corners(self.zoom, x, y)),
            gsd_m=tile_gsd_m(self.zoom, latitude, self.tile_px),
            source=self.path.name,
        )
        return Candidate(
            record=record,
            location=self.store.location(self.zoom, x, y),
            fingerprint=self.store.fingerprint(self.zoom, x, y),
            read=lambda: self._read(x, y),
        )

    def _read(self, x: int, y: int) -> RawPicture:
        name = f"{self.path.name} {self.zoom}/{x}/{y}"
        data = self.store.read(self.zoom, x, y)
        if data is None:
            raise FileNotFoundError(name)
        picture = read_bytes(data, name, min_opaque=self.options.min_opaque)
        if is_flat(picture.image):
            raise flat(name)
        return picture


def tile_position(zoom: int, x: int, y: int, source: str) -> tuple[float, float]:
    """Return the centre (latitude, longitude) of a tile.

    Raises:
        SourceError: the address lies outside the zoom's grid.
    """
    if not (0 <= x < 2**zoom and 0 <= y < 2**zoom):
        raise SourceError(
            f"{source}: tile {zoom}/{x}/{y} lies outside the grid of zoom {zoom}; "
            "remove it, or add --rows tms if rows count from the south"
        )
    return tile_corner(zoom, x + 0.5, y + 0.5)


def tile_size(data: bytes | None) -> tuple[int, int] | None:
    """Return (width, height) of an encoded tile, px; None where it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_header(io.BytesIO(data or b"")) as image:
                return image.size
    except Exception:  # Pillow's decoders raise many kinds
        return None


def first_tile_px(store: TileStore, zoom: int) -> int:
    """Return the width of the first readable tile, px; 256 where none is."""
    for x, y in store.addresses(zoom):
        size = tile_size(store.read(zoom, x, y))
        if size is not None:
            return size[0]
    return 256


def choose_zoom(store: TileStore, wanted: int | None) -> tuple[int, list[str]]:
    """Return the zoom to use, and notes for a user who did not choose among several.

    Without a wanted one it is the deepest that the store says it has, so that a tile left over in
    a deeper zoom does not stand for the map.

    Raises:
        EmptySourceError: the source has no such zoom.
    """
    name, zooms = shown(store.path.name), store.zooms()
    if not zooms:
        raise EmptySourceError(f"{name} holds no tile; check the path")
    if wanted is not None:
        if wanted not in zooms:
            listed = ", ".join(str(zoom) for zoom in zooms)
            raise EmptySourceError(f"{name} has no zoom {wanted} (it has: {listed}); choose one")
        return wanted, []
    deepest = store.declared.max_zoom
    used = max((zoom for zoom in zooms if deepest is None or zoom <= deepest), default=max(zooms))
    if len(zooms) == 1:
        return used, []
    why = "the deepest" if used == max(zooms) else "the deepest that the source names"
    others = ", ".join(str(zoom) for zoom in zooms if zoom != used)
    return used, [f"zoom {used} is used, {why}; also there: {others} (choose with --zoom)"]
