"""An XYZ or TMS tile folder {z}/{x}/{y}: the address is the coordinate."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from indexer.errors import EmptySourceError, SourceError
from indexer.geo import tile_corner, tile_corners, tile_gsd_m
from indexer.records import ImageRecord, View
from indexer.sources.candidate import (
    Candidate,
    RawPicture,
    SourceOptions,
    file_fingerprint,
    read_bytes,
)

_NUMBER = re.compile(r"\d+")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_USUAL_TILE_PX = 256


class TileFolderSource:
    """Tiles of one zoom of a {z}/{x}/{y} folder in the web-mercator grid."""

    view: View

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.options = options
        self.view = options.view or "satellite"
        self.kind = "TMS tile folder" if options.tms else "XYZ tile folder"
        zooms = zoom_levels(path)
        self.zoom = choose_zoom(zooms, options.zoom, path.name)
        self.notes = zoom_notes(zooms, self.zoom, options.zoom)

    def candidates(self) -> Iterator[Candidate]:
        """Every tile of the chosen zoom, by column, then row."""
        for column in numbered(self.path / str(self.zoom)):
            rows = (file for file in column.iterdir() if file.suffix.lower() in _SUFFIXES)
            numbers = sorted((int(file.stem), file) for file in rows if file.stem.isdigit())
            for row, file in numbers:
                yield self._candidate(int(column.name), row, file)

    def _candidate(self, x: int, row: int, file: Path) -> Candidate:
        y = 2**self.zoom - 1 - row if self.options.tms else row
        name = f"{self.path.name}/{self.zoom}/{x}/{file.name}"
        return Candidate(
            record=tile_record(self.zoom, x, y, self.view, self.path.name, self.options.id_prefix),
            location=str(file),
            fingerprint=file_fingerprint(file),
            read=lambda: self._read(file, name),
        )

    def _read(self, file: Path, name: str) -> RawPicture:
        return read_bytes(file.read_bytes(), name, min_opaque=self.options.min_opaque)


def tile_record(
    zoom: int, x: int, y: int, view: View, source: str, id_prefix: str = ""
) -> ImageRecord:
    """Metadata of a web-mercator tile; rows count from the north.

    Raises:
        SourceError: the address lies outside the zoom's grid.
    """
    if not (0 <= x < 2**zoom and 0 <= y < 2**zoom):
        raise SourceError(
            f"{source}: tile {zoom}/{x}/{y} lies outside the grid of zoom {zoom}; "
            "remove it, or say --tms if rows count from the south"
        )
    latitude, longitude = tile_corner(zoom, x + 0.5, y + 0.5)
    return ImageRecord(
        image_id=f"{id_prefix}{zoom}-{x}-{y}",
        view=view,
        latitude=latitude,
        longitude=longitude,
        corners=cast(Any, tile_corners(zoom, x, y)),
        gsd_m=tile_gsd_m(zoom, latitude, _USUAL_TILE_PX),
        source=source,
    )


def numbered(folder: Path) -> list[Path]:
    """Subfolders with a number for a name, by number."""
    found = [path for path in folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name))


def zoom_levels(path: Path) -> list[int]:
    """Zooms of a {z}/{x}/{y} folder that hold a column, ascending."""
    return [int(zoom.name) for zoom in numbered(path) if numbered(zoom)]


def looks_like_tiles(path: Path) -> bool:
    """Whether a folder has the shape {z}/{x}/{y}.png|jpg|webp."""
    for zoom in numbered(path):
        for column in numbered(zoom):
            if any(f.suffix.lower() in _SUFFIXES and f.stem.isdigit() for f in column.iterdir()):
                return True
    return False


def choose_zoom(zooms: list[int], wanted: int | None, name: str) -> int:
    """The zoom to use: the wanted one, or the deepest.

    Raises:
        EmptySourceError: the source has no such zoom.
    """
    if not zooms:
        raise EmptySourceError(f"{name} holds no tile; check the path")
    if wanted is not None and wanted not in zooms:
        listed = ", ".join(str(zoom) for zoom in zooms)
        raise EmptySourceError(f"{name} has no zoom {wanted} (it has: {listed}); choose one")
    return wanted if wanted is not None else max(zooms)


def zoom_notes(zooms: list[int], used: int, wanted: int | None) -> list[str]:
    """What to tell a user who did not choose among several zooms."""
    if wanted is not None or len(zooms) == 1:
        return []
    others = ", ".join(str(zoom) for zoom in zooms if zoom != used)
    return [f"zoom {used} is used, the deepest; also there: {others} (choose with --zoom)"]
