"""How tools name the files of tiles, besides {z}/{x}/{y}.

Sources: Esri "Exploded tile cache", MapProxy `cache/path.py` (ArcGIS and TileCache layouts), Bing
Maps tile system (quadkeys), SAS.Planet's cache.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from indexer.sources.tiles.quadkeys import address_of
from indexer.sources.tiles.store import MAX_ZOOM

Address = tuple[int, int, int]
"""Zoom, column and row, as the layout counts them."""

FIRST_FILES = 64
"""Our choice: files that are looked at before a whole folder is listed."""

MOST = 0.9
"""Our choice: the share of a folder's images that must be tiles; tools put previews beside them."""

_TILE = r"(?:@2x)?\.(?:png|jpe?g|webp|avif)"
_IMAGE = re.compile(r".*\.(?:png|jpe?g|webp|avif|tiff?|bmp|hei[cf]|mpo)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way of naming tiles: a pattern of paths below the folder, and how it gives the address.

    `scheme` says from which end rows count; `by_level` that a level stands where others have the
    zoom, which `conf.xml` explains.
    """

    name: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Address]
    scheme: str = "xyz"
    by_level: bool = False

    def address(self, path: str, zooms: Mapping[int, int]) -> Address | None:
        """Return the address that a path names; None where it names none in the zoom's grid.

        Args:
            path: below the folder, with slashes.
            zooms: the zoom of each level, where it is another.
        """
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        level, x, y = self.read(found)
        zoom = zooms.get(level, level)
        return (zoom, x, y) if 0 <= zoom <= MAX_ZOOM and max(x, y) < 2**zoom else None


def _numbers(*bases: int, order: str = "zxy") -> Callable[[re.Match[str]], Address]:
    """Return a reader of three groups, each in its base, that stand in an order."""

    def read(found: re.Match[str]) -> Address:
        values = [int(text, base) for text, base in zip(found.groups(), bases, strict=True)]
        by_name = dict(zip(order, values, strict=True))
        return by_name["z"], by_name["x"], by_name["y"]

    return read


def _sas_planet(found: re.Match[str]) -> Address:
    zoom, x, y = (int(text) for text in found.groups())
    return zoom - 1, x, y  # SAS.Planet counts zooms from 1


def _tile_cache(found: re.Match[str]) -> Address:
    zoom, *parts = found.groups()
    return int(zoom), int("".join(parts[:3])), int("".join(parts[3:]))


def _quadkey(found: re.Match[str]) -> Address:
    return address_of(found.group(1))


def _layout(name: str, pattern: str, read: Callable[[re.Match[str]], Address],
            scheme: str = "xyz", *, by_level: bool = False) -> Layout:  # fmt: skip
    whole = re.compile(rf"(?:.*/)?{pattern}{_TILE}", re.IGNORECASE)
    return Layout(name=name, pattern=whole, read=read, scheme=scheme, by_level=by_level)


_ROW_COLUMN = "/R([0-9a-f]{8})/C([0-9a-f]{8})"
LAYOUTS = (
    _layout(
        "ArcGIS tile cache", r"L(\d{2})" + _ROW_COLUMN, _numbers(10, 16, 16, order="zyx"),
        by_level=True,
    ),
    _layout(
        "ArcGIS tile cache", r"L([0-9a-f]{2})" + _ROW_COLUMN, _numbers(16, 16, 16, order="zyx"),
        by_level=True,
    ),
    _layout("SAS.Planet tile cache", r"z(\d{1,2})/\d+/x(\d+)/\d+/y(\d+)", _sas_planet),
    _layout("TileCache folder", r"(\d{2})" + r"/(\d{3})" * 6, _tile_cache, "tms"),
    _layout("folder of z_x_y tiles", r"(?:[a-z]+[_-])?(\d{1,2})([_.-])(\d+)\2(\d+)",
            lambda found: (int(found[1]), int(found[3]), int(found[4]))),
    _layout("folder of quadkey tiles", r"[aq]?([0-3]{10,30})", _quadkey),
)  # fmt: skip


def has_levels(path: str) -> bool:
    """Return whether a path is that of a tile in a layout of levels."""
    return any(one.by_level and one.pattern.fullmatch(path) for one in LAYOUTS)


def layout_of(folder: Path, zooms: Mapping[int, int]) -> Layout | None:
    """Return the layout that the first images of a folder follow; None where none does."""
    first = list(islice(image_paths(folder), FIRST_FILES))

    def share(layout: Layout) -> float:
        return sum(layout.address(path, zooms) is not None for path in first) / max(1, len(first))

    return next((one for one in LAYOUTS if share(one) >= MOST), None)


def image_paths(folder: Path) -> Iterator[str]:
    """Yield the image files below a folder as paths from there, in a stable order."""
    yield from _below(str(folder), "")


def _below(folder: str, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{entry.name}/")
        elif _IMAGE.fullmatch(entry.name) and entry.name[0] != "." and entry.is_file():
            yield prefix + entry.name
