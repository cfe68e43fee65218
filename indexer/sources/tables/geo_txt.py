"""OpenDroneMap's `geo.txt`: positions of photos in any coordinate reference system.

The first line names the system (`EPSG:32633`, `WGS84 UTM 33N`, or a PROJ string); each other line
is `name x y [z [three angles [two accuracies]]]`. Source: OpenDroneMap, "Image geolocation files".
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from pyproj import Transformer
from pyproj.exceptions import ProjError

from indexer.errors import BadTableError
from indexer.sources.listing import IMAGE_SUFFIXES
from indexer.sources.names import shown
from indexer.sources.tables.lines import Line, transformer_of

NAME = "geo.txt"
_UTM = re.compile(r"WGS\s*84\s+UTM\s+(\d{1,2})\s*([NS])", re.IGNORECASE)
_MAX_HEADER = 4096


def is_geo_txt(path: Path) -> bool:
    """Return whether a file is a `geo.txt`: by its name, or as text that begins with a system."""
    name = path.name.lower()
    if name == NAME or not name.endswith(".txt") or "gcp" in name:  # ground control points
        return name == NAME
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return _to_degrees(stream.readline(_MAX_HEADER)) is not None
    except OSError:
        return False


def read_geo_txt(table: Path) -> Iterator[Line]:
    """Yield one line per photo, as a CSV's columns; heights become `altitude_m`.

    The three angles are left out: tools disagree about what they are.

    Raises:
        BadTableError: it cannot be read, or a line is no name with coordinates.
    """
    try:
        # A name that is not UTF-8 is kept as the bytes that it has in the folder.
        with table.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
            to_degrees = _to_degrees(stream.readline(_MAX_HEADER))
            if to_degrees is None:
                raise BadTableError(
                    f"{table.name} line 1 names no coordinate reference system; begin with one, "
                    "such as EPSG:4326"
                )
            folder = _folder_of_images(table.parent)
            for number, text in enumerate(stream, start=2):
                if text.strip() and not text.lstrip().startswith("#"):
                    yield _line(text, f"{table.name} line {number}", to_degrees, folder)
    except OSError as error:
        raise BadTableError(f"{table} cannot be read; check the path") from error


def _to_degrees(header: str) -> Transformer | None:
    """Return what makes longitude and latitude of a system's coordinates; None without a system."""
    text = header.strip()
    utm = _UTM.fullmatch(text)
    if utm is not None:
        text = f"EPSG:{(32600 if utm[2].upper() == 'N' else 32700) + int(utm[1])}"
    if len(text) < 6:
        return None
    try:
        return transformer_of(text)
    except (ProjError, ValueError):  # ValueError: bytes that are no UTF-8
        return None


def _folder_of_images(folder: Path) -> str:
    """Return "images/" in an OpenDroneMap project, whose photos lie in that folder."""
    beside = any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir())
    return "" if beside or not (folder / "images").is_dir() else "images/"


def _line(text: str, where: str, to_degrees: Transformer, folder: str) -> Line:
    name, *cells = text.split()
    try:
        x, y = (float(cell) for cell in cells[:2])
        height_m = float(cells[2]) if len(cells) > 2 else math.nan
    except ValueError as error:
        raise BadTableError(
            f"{where}: {shown(text.strip()[:60])!r} is not 'name x y [height]'; correct it"
        ) from error
    longitude, latitude = to_degrees.transform(x, y)
    return where, {
        "path": folder + name,
        "latitude": str(latitude),
        "longitude": str(longitude),
        "altitude_m": str(height_m) if math.isfinite(height_m) else "",
    }
