"""Map tiles of galleries: drawn on demand, the latest kept in memory."""

import threading
from dataclasses import dataclass

import anyio
from cachetools import LRUCache

from indexer.gallery.interface import OpenGallery
from service.maps.layer_documents import MapLayer, finest_zoom
from service.maps.mosaic import (
    MAX_PICTURES,
    MAX_ZOOM,
    GroundTable,
    TileAddress,
    draw_flat,
    draw_pictures,
    encode,
)
from service.open_galleries import OpenGalleries

CACHE_BYTES = 64 * 2**20
"""Our choice: some 1,500 tiles, which are several screens at every zoom."""

KEPT_TABLES = 8
"""Our choice: gallery versions whose footprints stay in memory (33 bytes and the id an image)."""

USUAL_ZOOM = 20
"""Our choice: finest zoom where no image has a known ground resolution."""

THREADS = 2
"""Our choice: tiles drawn at a time, so that panning a map never starves questions of cores."""


@dataclass(frozen=True)
class Tile:
    """One encoded map tile."""

    content: bytes
    media_type: str


EMPTY = Tile(b"", "image/png")
"""A tile on which no image lies."""


class TileMaker:
    """Draws tiles in threads of its own and caches them, least recently used first out."""

    def __init__(self, galleries: OpenGalleries, cache_bytes: int = CACHE_BYTES) -> None:
        """Draw nothing yet.

        Args:
            galleries: where the images come from.
            cache_bytes: most bytes of encoded tiles that are kept.
        """
        self._galleries = galleries
        self._tiles: LRUCache[tuple[str, str, TileAddress], Tile] = LRUCache(
            cache_bytes, getsizeof=lambda tile: len(tile.content)
        )
        self._tables: LRUCache[tuple[str, str], GroundTable] = LRUCache(KEPT_TABLES)
        self._tables_lock = threading.Lock()
        self._threads = anyio.CapacityLimiter(THREADS)

    async def layer(self, name: str, path: str, url: str) -> MapLayer:
        """Return the map layer of a gallery's current version.

        Args:
            name: the gallery.
            path: path of the gallery on the service.
            url: the service's root, without a final slash.

        Raises:
            UnknownGalleryError: no such gallery is open.
        """
        return await anyio.to_thread.run_sync(self._layer, name, path, url, limiter=self._threads)

    def _layer(self, name: str, path: str, url: str) -> MapLayer:
        with self._galleries.lease(name) as gallery:
            table = self._table(gallery)
            zoom = USUAL_ZOOM if table.finest is None else finest_zoom(*table.finest)
            return MapLayer(
                name=name,
                version=gallery.version,
                path=path,
                url=url,
                bounds=table.extent(),
                max_zoom=min(zoom, MAX_ZOOM),
            )

    async def tile(self, name: str, version: str, address: TileAddress) -> Tile:
        """Return one tile of a gallery version, from the cache or newly drawn.

        Call it from the event loop's thread only: the cache of tiles has no lock.

        Raises:
            UnknownGalleryError: no such gallery is open.
        """
        key = (name, version, address)
        tile = self._tiles.get(key)
        if tile is None:
            tile = await anyio.to_thread.run_sync(self._draw, name, address, limiter=self._threads)
            if len(tile.content) <= self._tiles.maxsize:
                self._tiles[key] = tile
        return tile

    def _draw(self, name: str, address: TileAddress) -> Tile:
        with self._galleries.lease(name) as gallery:
            table = self._table(gallery)
            rows = table.needed(address)
            if not len(rows):
                return EMPTY
            if len(rows) > MAX_PICTURES:
                return Tile(*encode(draw_flat(address, table.boxes_N4[table.touching(address)])))
            records = [gallery.record(table.image_ids[row]) for row in rows]
            return Tile(*encode(draw_pictures(address, records, gallery.picture)))

    def _table(self, gallery: OpenGallery) -> GroundTable:
        key = (gallery.name, gallery.version)
        with self._tables_lock:
            table = self._tables.get(key)
        if table is None:
            table = GroundTable(gallery.records())
            with self._tables_lock:
                self._tables[key] = table
        return table
