"""A gallery as an XYZ map layer: for our page, QGIS and any other client of such layers."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from indexer.gallery.gallery import Gallery
from service.errors import ParameterError
from service.open_galleries import GalleryBoard
from service.routes.api_docs import problem_responses
from service.routes.mosaic import (
    MAX_PICTURES,
    MAX_ZOOM,
    GroundTable,
    TileAddress,
    draw_flat,
    draw_pictures,
    encode,
)
from service.state import RunningService

router = APIRouter(tags=["map"])

CACHE_BYTES = 64 * 2**20
"""Ours: some 1,500 tiles, several screens at every zoom."""

KEPT_TABLES = 8
"""Ours: gallery versions whose footprints stay in memory (33 bytes and the id per picture)."""

THREADS = 2
"""Ours: tiles drawn at a time, so that panning a map never starves questions of cores."""


@dataclass(frozen=True)
class Tile:
    """One encoded map tile."""

    content: bytes
    media_type: str


class TileMaker:
    """Draws tiles on demand and keeps the latest, all of them under a byte limit."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        """Nothing is drawn yet."""
        self._limit, self._held = cache_bytes, 0
        self._tiles: OrderedDict[tuple[str, str, TileAddress], Tile] = OrderedDict()
        self._tables: OrderedDict[tuple[str, str], GroundTable] = OrderedDict()
        self.threads = anyio.CapacityLimiter(THREADS)

    def kept(self, gallery: str, version: str, address: TileAddress) -> Tile | None:
        """The tile if it is in memory; only the event loop's thread calls this and `keep`."""
        tile = self._tiles.get((gallery, version, address))
        if tile is not None:
            self._tiles.move_to_end((gallery, version, address))
        return tile

    def keep(self, gallery: str, version: str, address: TileAddress, tile: Tile) -> None:
        """Hold a tile, and forget the least used beyond the limit."""
        key = (gallery, version, address)
        if key in self._tiles:
            return
        self._tiles[key] = tile
        self._held += len(tile.content)
        while self._held > self._limit:
            _, dropped = self._tiles.popitem(last=False)
            self._held -= len(dropped.content)

    def draw(self, gallery: Gallery, address: TileAddress) -> Tile:
        """Make one tile; runs in a thread."""
        table = self._table(gallery)
        rows = table.needed(address)
        if len(rows) > MAX_PICTURES:
            return Tile(*encode(draw_flat(address, table.boxes_N4[table.touching(address)])))
        records = [gallery.record(table.image_ids[row]) for row in rows]
        return Tile(*encode(draw_pictures(address, records, gallery.picture)))

    def _table(self, gallery: Gallery) -> GroundTable:
        key = (gallery.name, gallery.version)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = GroundTable(gallery.records())
            while len(self._tables) > KEPT_TABLES:
                self._tables.popitem(last=False)
        return table


async def tile_maker(request: Request) -> TileMaker:
    """The app's one tile maker, made with the first tile."""
    state = request.app.state
    if not hasattr(state, "tile_maker"):
        state.tile_maker = TileMaker()
    maker: TileMaker = state.tile_maker
    return maker


@router.get(
    "/galleries/{name}/tiles/{zoom}/{x}/{y}",
    response_class=Response,
    responses={
        200: {
            "description": "256 x 256 px: JPEG where the tile is full, else PNG with transparency.",
            "content": {"image/png": {}, "image/jpeg": {}},
        },
        304: {"description": "The client's copy (If-None-Match) is current."},
        **problem_responses(401, 404, 405, 422, 503),
    },
)
async def tile(
    request: Request,
    name: str,
    zoom: Annotated[int, Path(ge=0, le=MAX_ZOOM)],
    x: Annotated[int, Path(ge=0, lt=2**MAX_ZOOM)],
    y: Annotated[int, Path(ge=0, lt=2**MAX_ZOOM)],
    parts: RunningService,
    maker: Annotated[TileMaker, Depends(tile_maker)],
) -> Response:
    """One web-mercator tile of the gallery's own pictures; rows count from the north (XYZ)."""
    address = TileAddress(zoom, x, y)
    if not address.exists:
        raise ParameterError(
            f"tile {zoom}/{x}/{y} does not exist; at zoom {zoom}, x and y are 0..{2**zoom - 1}"
        )
    with parts.board.lease(name) as gallery:
        version = gallery.version
    headers = {
        "ETag": f'"{version}-{zoom}-{x}-{y}"',
        "Cache-Control": "private, max-age=300",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    found = maker.kept(name, version, address)
    if found is None:
        found = await anyio.to_thread.run_sync(
            _drawn, maker, parts.board, name, address, limiter=maker.threads
        )
        maker.keep(name, version, address, found)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _drawn(maker: TileMaker, board: GalleryBoard, name: str, address: TileAddress) -> Tile:
    with board.lease(name) as gallery:
        return maker.draw(gallery, address)
