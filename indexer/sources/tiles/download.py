"""Fetches map tiles of an area from a tile server into a {z}/{x}/{y} folder, at a limited rate.

The folder is the cache and the source: tiles that lie there are not requested again, and a gallery
built from it needs no network. Whether a server's tiles may be kept and used so is a matter of its
terms; see docs/galleries.md.
"""

import io
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from indexer.errors import SourceError
from indexer.geo import MERCATOR_EQUATOR_M, tile_address
from indexer.records import Bounds
from indexer.sources.tiles.folder_tiles import FolderTiles
from indexer.sources.tiles.quadkeys import quadkey
from indexer.sources.tiles.store import MAX_ZOOM
from model.files import write_atomically
from model.images import open_header

MAX_TILES = 100_000
"""Our choice: more tiles than this are no use of a public server, but a copy of it."""

MAX_TILE_BYTES = 16 * 2**20
"""Our choice: no map tile is larger."""

_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "AVIF": ".avif"}
_ABSENT, _REFUSED, _LATER = (204, 404, 410), (401, 402, 403, 451), (408, 425, 429)


@dataclass(frozen=True, kw_only=True)
class TileRequest:
    """What to fetch, and at which rate.

    `template` holds {z}, {x}, {y} (rows from the north), {-y} (from the south), {q} (quadkey), the
    WMTS names {TileMatrix}, {TileCol}, {TileRow}, or {bbox-epsg-3857} for a WMS.

    Raises:
        SourceError: a value is out of its range.
    """

    template: str
    bounds: Bounds
    zoom: int
    per_s: float = 4.0
    retries: int = 4
    timeout_s: float = 30.0
    user_agent: str = "safenet-geo/0.1"

    def __post_init__(self) -> None:
        parts = urlsplit(self.template)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SourceError(f"--url-template {self.template!r} is no http(s) address; give one")
        if "{" not in self.template:
            raise SourceError("--url-template has no {z}/{x}/{y} or {bbox-epsg-3857}; put them in")
        try:
            self.url(0, 0)
        except (KeyError, ValueError, IndexError) as error:
            raise SourceError(f"--url-template has an unknown part {error}; see --help") from error
        if not 0 <= self.zoom <= MAX_ZOOM:
            raise SourceError(f"--zoom {self.zoom} is outside 0..{MAX_ZOOM}; give one of them")
        west, south, east, north = self.bounds
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
            raise SourceError("--bbox is no box; give west,south,east,north with south < north")
        if not 0.01 <= self.per_s <= 100.0:
            raise SourceError(f"--max-per-s {self.per_s:g} is outside 0.01..100")
        if self.number > MAX_TILES:
            raise SourceError(
                f"{self.number:,} tiles lie in --bbox at zoom {self.zoom}, more than "
                f"{MAX_TILES:,}; choose a smaller box or zoom, or get the map as a file"
            )

    def url(self, x: int, y: int) -> str:
        """Return a tile's address."""
        side = MERCATOR_EQUATOR_M / 2**self.zoom
        west, north = x * side - MERCATOR_EQUATOR_M / 2, MERCATOR_EQUATOR_M / 2 - y * side
        values = {
            "z": self.zoom, "x": x, "y": y, "-y": 2**self.zoom - 1 - y,
            "TileMatrix": self.zoom, "TileCol": x, "TileRow": y, "q": quadkey(self.zoom, x, y),
            "bbox-epsg-3857": f"{west:.6f},{north - side:.6f},{west + side:.6f},{north:.6f}",
        }  # fmt: skip
        return self.template.format_map(values)

    @property
    def number(self) -> int:
        """How many tiles touch the box."""
        return sum((last - first + 1) * self._rows() for first, last in self._columns())

    def addresses(self) -> Iterator[tuple[int, int]]:
        """Yield (x, y) of every tile that touches the box, by column, then row."""
        top, bottom = self._ends()
        for first, last in self._columns():
            for x in range(first, last + 1):
                for y in range(top, bottom + 1):
                    yield x, y

    def _rows(self) -> int:
        top, bottom = self._ends()
        return bottom - top + 1

    def _ends(self) -> tuple[int, int]:
        _, south, _, north = self.bounds
        rows = [tile_address(self.zoom, latitude, 0.0)[1] for latitude in (north, south)]
        return self._cell(rows[0]), self._cell(math.nextafter(rows[1], 0.0))

    def _columns(self) -> list[tuple[int, int]]:
        west, _, east, _ = self.bounds
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        found = []
        for left, right in spans:
            columns = [tile_address(self.zoom, 0.0, longitude)[0] for longitude in (left, right)]
            found.append((self._cell(columns[0]), self._cell(math.nextafter(columns[1], 0.0))))
        return found

    def _cell(self, value: float) -> int:
        last: int = 2**self.zoom - 1
        return max(0, min(last, math.floor(value)))


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """How many tiles were fetched, lay there already, or the server has not."""

    fetched: int
    cached: int
    absent: int


def download(
    request: TileRequest, folder: Path, note: Callable[[str], None] = lambda text: None
) -> Fetched:
    """Fetch what the folder lacks, one tile after the other.

    A run that was interrupted or refused goes on where it stopped.

    Raises:
        SourceError: the server refuses, or a tile cannot be had after some tries.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_description(request, folder)
    known = set(FolderTiles(folder).addresses(request.zoom))
    counts = {"fetched": 0, "cached": 0, "absent": 0}
    note(f"fetching up to {request.number:,} tiles of zoom {request.zoom} into {folder}")
    headers = {"User-Agent": request.user_agent}
    with httpx.Client(headers=headers, timeout=request.timeout_s, follow_redirects=True) as client:
        following = time.monotonic()
        for x, y in request.addresses():
            if (x, y) in known:
                counts["cached"] += 1
                continue
            time.sleep(max(0.0, following - time.monotonic()))
            following = time.monotonic() + 1.0 / request.per_s
            data = _tile(client, request, x, y)
            counts["absent" if data is None else "fetched"] += 1
            if data is not None:
                column = folder / str(request.zoom) / str(x)
                column.mkdir(parents=True, exist_ok=True)
                write_atomically(column / f"{y}{_suffix(data, x, y)}", data, sync=False)
    return Fetched(**counts)


def number_in(request: TileRequest, folder: Path) -> int:
    """Return how many of the requested tiles lie in a folder."""
    if not folder.is_dir():
        return 0
    known = set(FolderTiles(folder).addresses(request.zoom))
    return sum(address in known for address in request.addresses())


def _tile(client: httpx.Client, request: TileRequest, x: int, y: int) -> bytes | None:
    """Return a tile's bytes; None where the server has none."""
    name = f"tile {request.zoom}/{x}/{y}"
    for attempt in range(request.retries + 1):
        wait_s = min(60.0, 0.5 * 2**attempt)
        try:
            answer = client.get(request.url(x, y))
        except httpx.InvalidURL as error:
            raise SourceError(f"--url-template gives no address ({error}); correct it") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
        else:
            if answer.status_code in _ABSENT:
                return None
            if answer.is_success:
                return answer.content
            why = f"HTTP {answer.status_code}"
            if answer.status_code in _REFUSED:
                raise SourceError(
                    f"the tile server refuses {name} ({why}); check key, terms and --user-agent"
                )
            if answer.status_code < 500 and answer.status_code not in _LATER:
                break
            wait_s = max(wait_s, _retry_after(answer))
        if attempt < request.retries:
            time.sleep(wait_s)
    raise SourceError(f"{name} cannot be fetched ({why}); run the same command again to go on")


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return min(600.0, float(text)) if text.isdigit() else 0.0


def _suffix(data: bytes, x: int, y: int) -> str:
    try:
        if len(data) > MAX_TILE_BYTES:
            raise ValueError("too large")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_header(io.BytesIO(data)) as image:
                return _SUFFIXES[image.format or ""]
    except Exception as error:  # Pillow's decoders raise many kinds
        raise SourceError(
            f"the tile server's answer for {x}/{y} is no picture ({data[:40]!r}); check the address"
        ) from error


def _write_description(request: TileRequest, folder: Path) -> None:
    """Write a TileJSON with the address of the tiles, without a key in it."""
    without_key = urlsplit(request.template)._replace(query="").geturl()
    file = folder / "tiles.json"
    known: dict[str, Any] = {}
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        if known.get("tiles") != [without_key]:
            raise SourceError(
                f"{folder} holds tiles of another address ({known.get('tiles')}); use a new folder"
            )
    zoom = max(request.zoom, int(known.get("maxzoom", 0)))
    document = {
        "tilejson": "3.0.0", "tiles": [without_key], "scheme": "xyz", "maxzoom": zoom,
    }  # fmt: skip
    write_atomically(file, json.dumps(document, indent=2).encode(), sync=False)
