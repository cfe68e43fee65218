"""From which end a store counts its rows: its bounds are compared with its tiles.

Rows counted from the wrong end put a map into the other hemisphere, and nothing in a tile shows it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.errors import SourceError
from indexer.geo import tile_corner
from indexer.records import Bounds
from indexer.sources.tiles.store import ExchangedTiles, FlippedTiles, TileStore

LOOK_S = 1.0
"""Our choice: seconds that listing a zoom's tiles may take before the rest is left uncounted."""

FITS = 0.5
"""Our choice: a reading fits where this share of the smaller area, tiles or bounds, is shared."""


@dataclass(frozen=True, kw_only=True)
class TileArea:
    """Addresses of a zoom: how many (at least, where not `exact`), and between which they lie."""

    zoom: int
    number: int
    exact: bool
    west: int
    north: int
    east: int
    south: int

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north), degrees."""
        top, left = tile_corner(self.zoom, self.west, self.north)
        bottom, right = tile_corner(self.zoom, self.east + 1, self.south + 1)
        return left, bottom, right, top

    def flipped(self) -> "TileArea":
        """Return the same addresses with rows counted from the other end."""
        last = 2**self.zoom - 1
        return TileArea(
            zoom=self.zoom, number=self.number, exact=self.exact, west=self.west, east=self.east,
            north=last - self.south, south=last - self.north,
        )  # fmt: skip

    def exchanged(self) -> "TileArea":
        """Return the same addresses with columns and rows exchanged."""
        return TileArea(
            zoom=self.zoom, number=self.number, exact=self.exact, west=self.north,
            east=self.south, north=self.west, south=self.east,
        )  # fmt: skip


def tile_area(store: TileStore, zoom: int, budget_s: float = LOOK_S) -> TileArea | None:
    """Look at a zoom's addresses for a bounded time; None where there is none."""
    ends = time.monotonic() + budget_s
    number, exact = 0, True
    xs, ys = [2**31, -1], [2**31, -1]
    for number, (x, y) in enumerate(_inside(store, zoom), start=1):
        xs, ys = [min(xs[0], x), max(xs[1], x)], [min(ys[0], y), max(ys[1], y)]
        if number % 1_024 == 0 and time.monotonic() > ends:
            exact = False
            break
    if not number:
        return None
    return TileArea(
        zoom=zoom, number=number, exact=exact, west=xs[0], east=xs[1], north=ys[0], south=ys[1]
    )


def _inside(store: TileStore, zoom: int) -> Iterator[tuple[int, int]]:
    side = 2**zoom
    return ((x, y) for x, y in store.addresses(zoom) if 0 <= x < side and 0 <= y < side)


def choose_rows(store: TileStore, zoom: int, wanted: str | None) -> tuple[TileStore, list[str]]:
    """Return the store as its rows are to be read, and what the user should know of that.

    Args:
        store: read as its format's specification says: folders, PMTiles and what they answer count
            from the north, MBTiles rows from the south.
        zoom: the zoom that will be used.
        wanted: "xyz", "tms" or "zyx" as the user chose, None: decide.

    Raises:
        SourceError: the wanted order is one that only folders have.
    """
    area = tile_area(store, zoom)
    if area is None:
        return store, []
    usual = "tms" if store.kind == "MBTiles file" else "xyz"
    readings = {usual: area, _OTHER[usual]: area.flipped()}
    if usual == "xyz":
        readings["zyx"] = area.exchanged()
    scheme = wanted or store.declared.scheme or usual
    if scheme not in readings:
        raise SourceError(f"--rows {scheme} is for tile folders; {store.path.name} has no folders")
    bounds = store.declared.bounds
    notes = []
    if wanted is None and bounds is not None:
        fits = {one: _shared(place.bounds, bounds) for one, place in readings.items()}
        best = max(fits, key=lambda one: fits[one])
        if fits[best] >= FITS and fits[best] > fits[scheme] + FITS / 2:
            scheme = best
            notes.append(
                f"{_COUNTED[scheme]}: only so do the tiles lie in the bounds that the source gives "
                f"({_text(bounds)}); --rows {', '.join(readings)} decides"
            )
    lie = _text(readings[scheme].bounds)
    if bounds is not None and _shared(readings[scheme].bounds, bounds) < FITS:
        notes.append(
            f"the source gives the bounds {_text(bounds)}, but its tiles lie in {lie}, "
            f"{_COUNTED[scheme]}; check which is right"
        )
    elif bounds is None or _shared(readings[_OTHER[scheme]].bounds, bounds) >= FITS:
        exchanged = ", or --rows zyx if names are {z}/{y}/{x}" if scheme == "xyz" == usual else ""
        notes.append(
            f"tiles lie in {lie} (west,south,east,north), {_COUNTED[scheme]}; if that is the wrong "
            f"hemisphere, say --rows {_OTHER[scheme]}{exchanged}"
        )
    return _read_as(store, scheme, usual), notes


_OTHER = {"xyz": "tms", "tms": "xyz", "zyx": "xyz"}
_COUNTED = {
    "xyz": "rows are counted from the north (xyz)",
    "tms": "rows are counted from the south (tms)",
    "zyx": "rows stand before columns (zyx)",
}


def _read_as(store: TileStore, scheme: str, usual: str) -> TileStore:
    if scheme == usual:
        return store
    return ExchangedTiles(store) if scheme == "zyx" else FlippedTiles(store)


def _shared(a: Bounds, b: Bounds) -> float:
    """Return the shared area of two boxes over the smaller one's, in degrees."""
    width = max(0.0, min(a[2], _east(b)) - max(a[0], b[0]))
    if b[2] < b[0]:  # the part of a box across the antimeridian that lies west of it
        width += max(0.0, min(a[2], b[2]) - max(a[0], -180.0))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), ((b[2] - b[0]) % 360.0 or 360.0) * (b[3] - b[1]))
    return width * height / smaller if smaller > 0 else 0.0


def _east(bounds: Bounds) -> float:
    return 180.0 if bounds[2] < bounds[0] else bounds[2]


def _text(bounds: Bounds) -> str:
    return ",".join(f"{value:.5f}" for value in bounds)
