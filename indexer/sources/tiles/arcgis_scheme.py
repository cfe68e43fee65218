"""The `conf.xml` of an ArcGIS tile cache: reference system, levels, storage format.

Source: Esri, "Tile cache structure"; the file is read with patterns, for it holds no more.
"""

import math
import re
from pathlib import Path

from indexer.errors import SourceError
from indexer.geo import MERCATOR_EQUATOR_M
from indexer.sources.names import shown

_MERCATOR = {3857, 3785, 102100, 102113, 900913}
_MAX_BYTES = 4 * 2**20
_NEAR = 0.02
"""Our choice: how far a level's zoom may be from a whole number; conf.xml rounds resolutions."""


def zooms_of_levels(folder: Path) -> dict[int, int]:
    """Return the web-mercator zoom of each level; empty where no conf.xml lies there or above.

    Raises:
        SourceError: the cache is in another scheme than web mercator's.
    """
    file = next((one / "conf.xml" for one in (folder, folder.parent, *_inside(folder))
                 if (one / "conf.xml").is_file()), None)  # fmt: skip
    if file is None:
        return {}
    with file.open("rb") as stream:
        text = stream.read(_MAX_BYTES).decode(errors="replace")
    name = shown(file.relative_to(folder.parent))
    systems = {int(code) for code in re.findall(r"<(?:Latest)?WKID>(\d{1,9})</", text)}
    if systems and not systems & _MERCATOR:
        raise _other_scheme(name, f"EPSG:{min(systems)}")
    origin = re.search(r"<TileOrigin.*?<X>([^<]*)</X>\s*<Y>([^<]*)</Y>", text, re.DOTALL)
    if origin is not None and not _is_corner(*origin.groups()):
        raise _other_scheme(name, "web mercator with another origin")
    tile_px = re.search(r"<TileCols>(\d{1,5})</", text)
    levels = re.findall(
        r"<LevelID>(\d{1,3})</LevelID>.*?<Resolution>([^<]{1,40})</Resolution>", text, re.DOTALL
    )
    side_px = int(tile_px[1]) if tile_px else 256
    return {int(level): _zoom(resolution, side_px, name) for level, resolution in levels}


def is_compact(folder: Path) -> bool:
    """Return whether a folder is an ArcGIS cache whose tiles are packed into bundles."""
    roots = (folder, *_inside(folder), folder / "_alllayers")
    return any(
        next(root.glob(pattern), None) is not None
        for root in roots
        for pattern in ("L[0-9][0-9]/*.bundle", "R*C*.bundle")
    )


def _inside(folder: Path) -> list[Path]:
    # A cache's own folder, and the service's folder around it, may hold conf.xml further in.
    return sorted({file.parent for file in folder.glob("*/conf.xml")})


def _is_corner(x: str, y: str) -> bool:
    try:
        return (
            max(abs(float(x) + MERCATOR_EQUATOR_M / 2), abs(float(y) - MERCATOR_EQUATOR_M / 2)) < 1
        )
    except ValueError:
        return False


def _zoom(resolution: str, side_px: int, name: str) -> int:
    try:
        zoom = math.log2(MERCATOR_EQUATOR_M / (float(resolution) * side_px))
    except (ValueError, ZeroDivisionError, OverflowError):
        zoom = math.nan
    if not abs(zoom - round(zoom, 0)) < _NEAR:
        raise _other_scheme(name, f"a scheme whose levels have {resolution} m a pixel")
    return round(zoom)


def _other_scheme(name: str, scheme: str) -> SourceError:
    return SourceError(
        f"{name}: its tiles are in {scheme}, not in web mercator's scheme; export the map as a "
        "GeoTIFF, or publish the cache in the scheme of ArcGIS Online"
    )
