"""Options of several commands: choices, and texts; a text that cannot be parsed is bad usage."""

import re
from enum import StrEnum

import typer

from training.world.errors import FarPointError
from training.world.geo import point_within_reach
from training.world.output.view import LatLon


class Split(StrEnum):
    """Which folders to write."""

    TRAIN = "train"
    TEST = "test"
    BOTH = "both"


class Preset(StrEnum):
    """A named drone flight."""

    UNIVERSITY = "university-1652"
    SUES = "sues-200"
    NADIR = "nadir"


def grid_of(text: str) -> tuple[int, int]:
    """Return the columns and rows of a text COLUMNSxROWS."""
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (1 <= sides[0] <= 60 and 1 <= sides[1] <= 60):
        raise typer.BadParameter(f"{text!r}: write COLUMNSxROWS, each 1 to 60, such as 12x12")
    return sides


def map_middle_m(at: str | None, seed: int) -> tuple[float, float]:
    """Return world x east, y north (metres) of a text LAT,LON in degrees; None: the origin."""
    if at is None:
        return 0.0, 0.0
    try:
        latitude, longitude = (float(part) for part in at.split(","))
    except ValueError:
        raise typer.BadParameter(f"--at {at!r}: write LAT,LON in degrees: 46.95,7.44") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise typer.BadParameter(f"--at {at!r}: latitude is -90..90, longitude -180..180 degrees")
    try:
        return point_within_reach(seed, latitude, longitude)
    except FarPointError as error:
        raise typer.BadParameter(f"--at {error}") from error


def point_of(text: str | None) -> LatLon | None:
    """Return the (latitude, longitude) of a text LAT,LON in degrees; None stays None."""
    if text is None:
        return None
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--at {text!r}: write LAT,LON in degrees: 46.95,7.44") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise typer.BadParameter(f"--at {text!r}: latitude is -90..90, longitude -180..180 degrees")
    return latitude, longitude
