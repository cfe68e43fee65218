"""A position in other notations: degrees, minutes and seconds; UTM or UPS; MGRS."""

import math
from functools import cache

import mgrs
from pyproj import CRS, Transformer

UTM_SOUTH, UTM_NORTH = -80.0, 84.0
"""Latitudes between which UTM is defined; beyond them UPS is."""

_MGRS = mgrs.MGRS()


def degrees_minutes_seconds(latitude: float, longitude: float) -> str:
    """Return a position as 47°22'36.84"N 8°32'30.13"E; a hundredth of a second is 0.3 m."""
    north, east = ("S", "N")[latitude >= 0], ("W", "E")[longitude >= 0]
    return f"{_sexagesimal(abs(latitude))}{north} {_sexagesimal(abs(longitude))}{east}"


def _sexagesimal(degrees: float) -> str:
    hundredths = round(degrees * 360_000)
    whole, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6_000)
    return f"{whole}°{minutes:02d}'{rest / 100:05.2f}\""


def utm(latitude: float, longitude: float) -> str:
    """Return a position as zone, hemisphere, easting and northing, m: 32N 465005 5247096.

    Near the poles, where UTM is not defined, the grid is UPS.
    """
    east_m, north_m = _to_grid(_grid(latitude, longitude)).transform(longitude, latitude)
    name = "UPS " + ("N" if latitude > 0 else "S")
    if UTM_SOUTH <= latitude <= UTM_NORTH:
        name = f"{_zone(latitude, longitude)}{'N' if latitude >= 0 else 'S'}"
    return f"{name} {math.floor(east_m)} {math.floor(north_m)}"


def grid_reference(latitude: float, longitude: float) -> str:
    """Return a position as an MGRS reference of 1 m: 32TMT 65005 47096."""
    text: str = _MGRS.toMGRS(latitude, longitude, MGRSPrecision=5)
    return f"{text[:-10]} {text[-10:-5]} {text[-5:]}"


def _zone(latitude: float, longitude: float) -> int:
    """Return the UTM zone, with the wider ones of Norway and Svalbard (NGA.SIG.0012, 2014)."""
    if 56 <= latitude < 64 and 3 <= longitude < 12:
        return 32
    if 72 <= latitude <= UTM_NORTH and 0 <= longitude < 42:
        return 31 + 2 * ((int(longitude) + 3) // 12)
    return int((longitude + 180) // 6) % 60 + 1


def _grid(latitude: float, longitude: float) -> int:
    """Return the EPSG code of the grid."""
    if latitude > UTM_NORTH:
        return 5041
    if latitude < UTM_SOUTH:
        return 5042
    return (32600 if latitude >= 0 else 32700) + _zone(latitude, longitude)


@cache
def _to_grid(code: int) -> Transformer:
    return Transformer.from_crs(CRS.from_epsg(4326), CRS.from_epsg(code), always_xy=True)
