"""What stores share whose tiles are files of their own."""

from abc import ABC, abstractmethod
from pathlib import Path

from indexer.sources.candidate import file_fingerprint
from indexer.sources.names import shown


class TileFiles(ABC):
    """Reads the file at a tile's address."""

    @abstractmethod
    def _file(self, zoom: int, x: int, y: int) -> Path:
        """Return the tile's file; one that does not exist where there is no tile."""

    def read(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile's bytes; None where there is none."""
        try:
            return self._file(zoom, x, y).read_bytes()
        except FileNotFoundError:
            return None

    def fingerprint(self, zoom: int, x: int, y: int) -> str:
        """Return the size and time of the tile's file."""
        return file_fingerprint(self._file(zoom, x, y))

    def location(self, zoom: int, x: int, y: int) -> str:
        """Return the tile's file."""
        return shown(self._file(zoom, x, y))
