"""A box as one query parameter."""

from indexer.geo import inside_bounds
from indexer.records import Bounds
from service.errors import ParameterError

WHOLE_WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)


def read_bounds(text: str) -> Bounds:
    """West, south, east, north from "w,s,e,n", degrees; west > east across the antimeridian.

    Raises:
        ParameterError: not four numbers in their ranges.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ParameterError(
            f"bounds: {text[:80]!r} is not four numbers; send west,south,east,north in degrees"
        ) from None
    corners = ((south, west), (north, east))
    if not all(inside_bounds(latitude, longitude, WHOLE_WORLD) for latitude, longitude in corners):
        raise ParameterError(
            f"bounds: {text[:80]!r} leaves -180..180 degrees east or -90..90 north; "
            "send west,south,east,north"
        )
    if south > north:
        raise ParameterError(f"bounds: south {south} is above north {north}; swap them")
    return west, south, east, north
