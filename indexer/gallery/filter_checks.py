"""Refuses conditions of a search that are out of their range, whatever the store."""

from indexer.errors import BadFilterError
from indexer.polygons import box_of
from indexer.records import Bounds, Filters, Prior, Ring


def check_prior(prior: Prior) -> None:
    """Refuse a circle that is nowhere on Earth or has no radius.

    Raises:
        BadFilterError: it is one.
    """
    if not (-90 <= prior.latitude <= 90 and -180 <= prior.longitude <= 180):
        raise BadFilterError(
            f"the prior's position {prior.latitude}, {prior.longitude} is no place on Earth; "
            "latitude is -90..90, longitude -180..180"
        )
    if not 0 < prior.radius_m < float("inf"):
        raise BadFilterError(f"radius_m {prior.radius_m} must be above 0")


def check_bounds(bounds: Bounds) -> None:
    """Refuse a box that is none.

    Raises:
        BadFilterError: it is one.
    """
    west, south, east, north = bounds
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadFilterError(
            f"bounds {bounds} are no box; give west,south,east,north in degrees, south <= north"
        )


def areas(filters: Filters) -> list[tuple[Ring, ...]]:
    """Return the polygons of each area condition; an image must lie in one of each."""
    single = None if filters.polygon is None else (filters.polygon,)
    return [area for area in (single, filters.area) if area is not None]


def boxes_of(area: tuple[Ring, ...]) -> list[Bounds]:
    """Return the box of each polygon of an area.

    Raises:
        BadFilterError: the area has no polygon, or one of them no inside.
    """
    if not area:
        raise BadFilterError("an area of no polygon holds nothing; give 1 or more")
    return [_box(polygon) for polygon in area]


def _box(polygon: Ring) -> Bounds:
    if len(polygon) < 3:
        raise BadFilterError(f"a polygon of {len(polygon)} points has no inside; give 3 or more")
    return box_of(polygon)
