"""A geographic box as one query parameter."""

from indexer.geo import inside_bounds
from indexer.records import Bounds

WHOLE_WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)


def parse_bounds(text: str) -> Bounds:
    """Return west, south, east, north of "w,s,e,n", degrees; west > east crosses the antimeridian.

    Raises:
        ValueError: the text is not four numbers in their ranges.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{text[:80]!r} is not four numbers; send west,south,east,north in degrees"
        ) from None
    corners = ((south, west), (north, east))
    if not all(inside_bounds(latitude, longitude, WHOLE_WORLD) for latitude, longitude in corners):
        raise ValueError(
            f"{text[:80]!r} leaves -180..180 degrees east or -90..90 north; "
            "send west,south,east,north"
        )
    if south > north:
        raise ValueError(f"south {south} is above north {north}; swap them")
    return west, south, east, north


def checked_bounds(text: str) -> str:
    """Return the text unchanged if `parse_bounds` can read it; for pydantic's validators."""
    parse_bounds(text)
    return text
