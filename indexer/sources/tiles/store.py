"""What every store of web-mercator tiles offers, and what one says of itself.

All of them answer with XYZ addresses: rows count from the north. `FlippedTiles` reads a store with
its rows counted from the other end.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from indexer.records import Bounds

MAX_ZOOM = 30
"""Our choice: folders and rows of a larger number are no zoom, but perhaps a year."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Rows ("xyz", "tms" or None), bounds and deepest zoom that a store declares."""

    scheme: str | None = None
    bounds: Bounds | None = None
    max_zoom: int | None = None


class TileStore(Protocol):
    """Tiles by address."""

    path: Path
    kind: str
    declared: Declared

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Changes whenever the tile may have changed."""

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return the name of a tile for people."""


class FlippedTiles:
    """Another store whose rows count from the other end."""

    def __init__(self, store: TileStore) -> None:
        self._store = store
        self.path, self.kind = store.path, store.kind
        self.declared = store.declared

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""
        return self._store.zooms()

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        for x, column in groupby(self._store.addresses(zoom), key=itemgetter(0)):
            for y in sorted(2**zoom - 1 - y for _, y in column):
                yield x, y

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""
        return self._store.read(zoom, x, 2**zoom - 1 - y)

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Changes whenever the tile may have changed."""
        return self._store.fingerprint(zoom, x, 2**zoom - 1 - y)

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return the name of a tile for people."""
        return self._store.location(zoom, x, 2**zoom - 1 - y)


class ExchangedTiles:
    """Another store whose folders are {z}/{y}/{x}, Esri's order; rows count from the north."""

    def __init__(self, store: TileStore) -> None:
        self._store = store
        self.path, self.kind = store.path, store.kind
        self.declared = store.declared

    def zooms(self) -> list[int]:
        """Return the zooms that hold a tile, ascending."""
        return self._store.zooms()

    def addresses(self, zoom: int) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile of a zoom, by column, then row."""
        yield from sorted((x, y) for y, x in self._store.addresses(zoom))

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""
        return self._store.read(zoom, y, x)

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Return what changes whenever the tile may have changed."""
        return self._store.fingerprint(zoom, y, x)

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return a tile's name for people."""
        return self._store.location(zoom, y, x)


def declared_in(document: Mapping[str, Any]) -> Declared:
    """Return scheme and bounds of TileJSON or MBTiles metadata, without what makes no sense."""
    scheme = str(document.get("scheme") or "").strip().lower()
    return Declared(
        scheme=scheme if scheme in ("xyz", "tms") else None,
        bounds=_bounds(document.get("bounds")),
        max_zoom=_zoom(document.get("maxzoom")),
    )


def _zoom(value: Any) -> int | None:
    try:
        zoom = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return zoom if 0 <= zoom <= MAX_ZOOM else None


def _bounds(value: Any) -> Bounds | None:
    if isinstance(value, str):
        value = value.strip("[] ").split(",")
    try:
        west, south, east, north = (float(part) for part in value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and -90 <= south < north <= 90):
        return None
    return west, south, east, north


def read_document(path: Path) -> Mapping[str, Any]:
    """Return a JSON object; an empty one where there is none or it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
