"""The lines of a CSV or GeoJSON table, by our column names."""

import codecs
import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from indexer.errors import BadTableError
from indexer.geo import bounds_of, wrap_longitude

ALIASES: Mapping[str, tuple[str, ...]] = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "image",
        "image_name",
        "photo",
        "#label",
        "label",
        "sourcefile",
    ),
    "id": ("id", "image_id"),
    "latitude": (
        "latitude",
        "lat",
        "gps_latitude",
        "gpslatitude",
        "latitude_deg",
        "y/latitude",
    ),
    "longitude": (
        "longitude",
        "lon",
        "lng",
        "long",
        "gps_longitude",
        "gpslongitude",
        "longitude_deg",
        "x/longitude",
    ),
    "altitude_m": ("altitude_m", "z/altitude"),
    "heading_deg": ("heading_deg", "yaw_deg", "yaw"),
}

RING = "RING"
"""Where a GeoJSON's four corners stand, as JSON; in capitals, as no column's name comes in."""

NO_PLACE = "NO_PLACE"
"""Why a line gives no image; in capitals as `RING`."""

_SEPARATORS = (",", ";", "\t")

_REMARK = re.compile(r"\s*(?:#|sep=.\s*$)", re.IGNORECASE)
_NAMES_A_PATH = re.compile(
    r"\s*#?\s*(?:label|path|file|image|photo|name)\w*\s*[,;\t]", re.IGNORECASE
)
_IMAGE_NAME = re.compile(r"\.(?:jpe?g|png|tiff?|webp|avif|hei[cf]|bmp)\s*$", re.IGNORECASE)

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

Line = tuple[str, dict[str, str]]
"""Where a row stands, for people, and its values by our column names."""


def read_csv(table: Path) -> Iterator[Line]:
    """Yield every line of a CSV; its separator is a comma, a semicolon or a tab.

    With semicolons, numbers may have decimal commas, as spreadsheets write them. Remarks before
    the header (`sep=;`, `#CoordinateSystem: ...`) are passed over; a file without a header is read
    as name, latitude, longitude, height, which is Pix4D's order.

    Raises:
        BadTableError: it cannot be read, or lacks a column.
    """
    try:
        with table.open(newline="", encoding=_encoding(table)) as stream:
            remarks, first, start = _first_line(stream)
            separator = max(_SEPARATORS, key=first.count)
            stream.seek(start)
            reader = csv.DictReader(stream, _without_header(first, separator), delimiter=separator)
            names = _columns(reader.fieldnames or [], table.name)
            for row in reader:
                where = f"{table.name} line {remarks + reader.line_num}"
                values = {key: (row.get(name) or "").strip() for key, name in names.items()}
                if not any(values.values()):
                    continue
                yield where, values if separator != ";" else _with_points(values)
    except csv.Error as error:
        raise BadTableError(
            f"{table.name} cannot be read as CSV after line {reader.line_num} ({error}); correct it"
        ) from error
    except UnicodeDecodeError as error:
        raise BadTableError(f"{table.name} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise BadTableError(f"{table} cannot be read; check the path") from error


def _first_line(stream: TextIO) -> tuple[int, str, int]:
    """Return the number of remarks before a CSV's first line, that line, and where it starts."""
    remarks, start, line = 0, stream.tell(), stream.readline()
    while _REMARK.match(line) and not _NAMES_A_PATH.match(line):
        remarks, start, line = remarks + 1, stream.tell(), stream.readline()
    return remarks, line, start


def _without_header(first: str, separator: str) -> list[str] | None:
    """Return the columns of a file whose first line is already a row; None where it has a header.

    Source: Pix4Dmapper, "Image geolocation file": name, latitude, longitude, altitude.
    """
    cells = next(csv.reader([first], delimiter=separator), [])
    try:
        is_row = bool(_IMAGE_NAME.search(cells[0])) and all(map(_finite, cells[1:3]))
    except (ValueError, IndexError):
        return None
    return ["path", "latitude", "longitude", "altitude_m"] if is_row and len(cells) > 2 else None


def _finite(text: str) -> bool:
    return math.isfinite(float(text.replace(",", ".")))


def read_geojson(table: Path) -> Iterator[Line]:
    """Yield every feature of a GeoJSON FeatureCollection, as the CSV's columns.

    Raises:
        BadTableError: it is no such file, or a feature has no usable geometry.
    """
    try:
        document = json.loads(table.read_text(encoding="utf-8-sig"))
        single = document["type"] == "Feature"
        features = [document] if single else document["features"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadTableError(f"{table.name} is no GeoJSON FeatureCollection; write one") from error
    if not isinstance(features, list):
        raise BadTableError(f"{table.name} is no GeoJSON FeatureCollection; write one")
    to_degrees = degrees_from(document, table.name)
    for count, feature in enumerate(features, start=1):
        where = f"{table.name} feature {count}"
        properties = _part(feature, "properties", where)
        given = {str(key).lower(): value for key, value in properties.items()}
        row = {key: "" if value is None else str(value) for key, value in given.items()}
        names = {
            key: [row[name] for name in names if name in row] for key, names in ALIASES.items()
        }
        row.update({key: values[0] for key, values in names.items() if values})
        geometry = _part(feature, "geometry", where)
        if geometry:
            row.update(_geometry(geometry, where, to_degrees))
        elif not (row.get("latitude") and row.get("longitude")):
            row[NO_PLACE] = "feature without a geometry"
        yield where, row


def _part(feature: Any, key: str, where: str) -> Mapping[str, Any]:
    part = feature.get(key) or {} if isinstance(feature, dict) else None
    if not isinstance(part, dict):
        raise BadTableError(f"{where} is no GeoJSON feature with {key}; correct it")
    return part


def _with_points(values: dict[str, str]) -> dict[str, str]:
    return {
        key: value.replace(",", ".") if _DECIMAL_COMMA.fullmatch(value) else value
        for key, value in values.items()
    }


def _encoding(table: Path) -> str:
    with table.open("rb") as stream:
        start = stream.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def transformer_of(system: str) -> Transformer:
    """Return what makes longitude and latitude of a reference system's coordinates.

    Raises:
        ProjError: it cannot be understood.
        ValueError: it is no text, or of heights or a local grid.
    """
    crs = CRS.from_user_input(system)
    if not (crs.is_geographic or crs.is_projected):
        raise ValueError(f"{system} has no place on Earth")
    return Transformer.from_crs(crs, 4326, always_xy=True)


def degrees_from(document: Mapping[str, Any], name: str) -> Callable[[Any], tuple[float, float]]:
    """Return what makes (longitude, latitude) of a GeoJSON's coordinates.

    RFC 7946 knows degrees WGS 84 only; older files name another reference system in `crs`.

    Raises:
        BadTableError: that is none that can be understood.
    """
    crs = document.get("crs")
    if crs is None:
        return lambda point: (float(point[0]), float(point[1]))
    try:
        there = transformer_of(crs["properties"]["name"])
    except (ProjError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTableError(
            f"{name} names a reference system that cannot be understood; reproject it: ogr2ogr "
            "-t_srs EPSG:4326"
        ) from error

    def transformed(point: Any) -> tuple[float, float]:
        longitude, latitude = there.transform(float(point[0]), float(point[1]))
        return float(longitude), float(latitude)

    return transformed


def _geometry(
    geometry: Mapping[str, Any], where: str, to_degrees: Callable[[Any], tuple[float, float]]
) -> dict[str, str]:
    try:
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if kind == "Point":
            longitude, latitude = to_degrees(coordinates)
            return {"longitude": str(longitude), "latitude": str(latitude)}
        if kind == "MultiPolygon" and len(coordinates) == 1:
            kind, coordinates = "Polygon", coordinates[0]
        if kind == "Polygon":
            corners = _corners_of([to_degrees(point) for point in coordinates[0]])
            if len(corners) == 4:
                return _footprint([(latitude, longitude) for longitude, latitude in corners])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadTableError(f"{where}: its geometry cannot be read; write a Point") from error
    raise BadTableError(
        f"{where}: geometry is no Point and no Polygon of four corners; write a Point"
    )


def _corners_of(ring: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a closed ring's vertices without the last and without those on a straight line."""
    points = list(ring[:-1]) if len(ring) > 1 and ring[0] == ring[-1] else list(ring)
    if len(points) <= 4:
        return points
    kept = []
    for before, here, after in zip([points[-1], *points], points, [*points[1:], points[0]],
                                   strict=False):  # fmt: skip
        ahead = wrap_longitude(here[0] - before[0]), here[1] - before[1]
        on = wrap_longitude(after[0] - here[0]), after[1] - here[1]
        turn = abs(ahead[0] * on[1] - ahead[1] * on[0])
        if turn > 1e-6 * math.hypot(*ahead) * math.hypot(*on):
            kept.append(here)
    return kept


def _footprint(ring: list[tuple[float, float]]) -> dict[str, str]:
    clockwise = ring if _turns_right(ring) else ring[::-1]
    west, south, east, north = bounds_of(clockwise)
    middle = wrap_longitude(west + ((east - west) % 360.0) / 2)
    return {
        RING: json.dumps(clockwise),
        "latitude": str((south + north) / 2),
        "longitude": str(middle),
    }


def _turns_right(ring: Sequence[tuple[float, float]]) -> bool:
    first = ring[0][1]
    flat = [(wrap_longitude(longitude - first), latitude) for latitude, longitude in ring]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(flat, flat[1:] + flat[:1], strict=True))
    return area < 0


def _columns(header: Sequence[str], table: str) -> dict[str, str]:
    found = {name.strip().lower(): name for name in header}
    plain = {_plain(name): name for name in reversed(header)}
    for key, aliases in ALIASES.items():
        known = [plain[_plain(alias)] for alias in aliases if _plain(alias) in plain]
        if known:
            found[key] = known[0]
    needed = {"latitude", "longitude"} | ({"path"} if "id" not in found else set())
    missing = sorted(needed - found.keys())
    if missing:
        in_metres = {"easting", "northing", "x", "y"} & plain.keys()
        remedy = (
            "convert metres to degrees, or write OpenDroneMap's geo.txt with their EPSG code"
            if in_metres
            else "add it"
        )
        raise BadTableError(
            f"{table} has no column {' and no column '.join(missing)} "
            f"(it has: {', '.join(header) or 'nothing'}); {remedy}"
        )
    return found


def _plain(name: str) -> str:
    """Return a column's name without unit, case, spaces and underscores: GPS Latitude (deg)."""
    return re.sub(r"\(.*\)|[\s_]", "", name.lower())
