"""Conditions of a search as a Milvus expression, and the exact check of what it lets through.

Positions are ranges of latitude and longitude in the expression; circles and polygons are checked
exactly here, with the distances that a local gallery uses. The server's own geometry is not used:
milvus-lite's radius is in degrees where the server's is in metres.
"""

import json

import numpy as np
from numpy.typing import NDArray

from indexer.gallery.filter_checks import areas, boxes_of, check_bounds, check_prior
from indexer.gallery.milvus.collection import NONE_S, seconds
from indexer.geo import bounds_around, metres_to_all
from indexer.polygons import inside_any
from indexer.records import Bounds, Filters, Prior

MAX_BOXES = 100
"""Number of polygons of an area that are pre-filtered by their boxes. Our choice: as in SQLite."""


def expression(filters: Filters | None, prior: Prior | None) -> str:
    """Return the conditions as an expression; "" for none.

    Raises:
        BadFilterError: a filter or the prior is out of its range.
    """
    parts = [] if filters is None else _parts(filters)
    if prior is not None:
        check_prior(prior)
        parts.append(within(bounds_around(prior.latitude, prior.longitude, prior.radius_m)))
    return " and ".join(f"({part})" for part in parts)


def within(bounds: Bounds) -> str:
    """Return the expression of a box, across the antimeridian too."""
    west, south, east, north = bounds
    if west > east:
        return (
            f"({within((west, south, 180.0, north))}) or ({within((-180.0, south, east, north))})"
        )
    return (
        f"latitude >= {south!r} and latitude <= {north!r} "
        f"and longitude >= {west!r} and longitude <= {east!r}"
    )


def is_exact(filters: Filters | None, prior: Prior | None) -> bool:
    """Return whether the expression alone decides, with nothing left for `holds`."""
    return prior is None and (filters is None or not areas(filters))


def holds(
    latitudes_N: NDArray[np.float64],
    longitudes_N: NDArray[np.float64],
    filters: Filters | None,
    prior: Prior | None,
) -> NDArray[np.bool_]:
    """Return which positions lie in the circle and in the polygons: bool [N]."""
    keep_N = np.ones(len(latitudes_N), dtype=np.bool_)
    if prior is not None:
        away_N = metres_to_all(prior.latitude, prior.longitude, latitudes_N, longitudes_N)
        keep_N &= away_N <= prior.radius_m
    for area in () if filters is None else areas(filters):
        keep_N &= inside_any(latitudes_N, longitudes_N, area)
    return keep_N


def _parts(filters: Filters) -> list[str]:
    found: list[str] = []
    if filters.bounds is not None:
        check_bounds(filters.bounds)
        found.append(within(filters.bounds))
    for area in areas(filters):
        boxes = boxes_of(area)
        if len(boxes) <= MAX_BOXES:
            found.append(" or ".join(f"({within(box)})" for box in boxes))
    if filters.captured_after is not None:
        found.append(f"captured_s >= {seconds(filters.captured_after)}")
    if filters.captured_before is not None:
        last = seconds(filters.captured_before)
        found.append(f"captured_s > {NONE_S} and captured_s <= {last}")
    if filters.source is not None:
        found.append(f"source == {_text(filters.source)}")
    if filters.flight_id is not None:
        found.append(f"flight_id == {_text(filters.flight_id)}")
    if filters.min_ground_m is not None:
        found.append(f"ground_m >= {max(0.0, filters.min_ground_m)!r}")
    if filters.max_ground_m is not None:
        found.append(f"ground_m >= 0.0 and ground_m <= {filters.max_ground_m!r}")
    return found


def _text(value: str) -> str:
    """Return a string literal; Milvus reads the escapes of JSON."""
    return json.dumps(value, ensure_ascii=False)
