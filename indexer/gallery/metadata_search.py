"""Queries of a published version's database: filters, priors, records."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from indexer.gallery.database import Database
from indexer.gallery.filter_checks import areas, boxes_of, check_bounds, check_prior
from indexer.gallery.rows import record_of, utc_text
from indexer.gallery.schema import IMAGE_PLACE, ImageRow
from indexer.geo import bounds_around, metres_to_all
from indexer.polygons import inside_any
from indexer.records import Bounds, Filters, ImageRecord, Prior, Ring

MAX_BOXES = 100
"""Number of polygons of an area that are pre-filtered by their boxes in SQL. Our choice: SQLite
limits the depth of an expression to 1,000."""

DATABASE_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error)
"""Errors of a damaged, locked or full database."""


def slots_within(
    database: Database, filters: Filters | None, prior: Prior | None
) -> NDArray[np.int64] | None:
    """Return the slots of every image that satisfies filters and prior, ascending.

    Return None if there is no condition.

    Raises:
        BadFilterError: a filter is out of its range.
    """
    conditions = [] if filters is None else _conditions(filters)
    if prior is not None:
        check_prior(prior)
        around = bounds_around(prior.latitude, prior.longitude, prior.radius_m)
        conditions.append(_within(around))
    if not conditions:
        return None
    columns = (ImageRow.slot, ImageRow.latitude, ImageRow.longitude)
    with database.engine.connect() as connection:
        rows = connection.execute(select(*columns).where(*conditions).order_by(ImageRow.slot))
        found_N3 = np.array(rows.fetchall(), dtype=np.float64).reshape(-1, 3)
    keep_N = np.ones(len(found_N3), dtype=bool)
    if prior is not None:
        away_N = metres_to_all(prior.latitude, prior.longitude, found_N3[:, 1], found_N3[:, 2])
        keep_N &= away_N <= prior.radius_m
    for area in () if filters is None else areas(filters):
        keep_N &= inside_any(found_N3[:, 1], found_N3[:, 2], area)
    slots_N: NDArray[np.int64] = found_N3[keep_N, 0].astype(np.int64)
    return slots_N


def empty_conditions(database: Database, filters: Filters, prior: Prior | None) -> tuple[str, ...]:
    """Return the conditions that no image satisfies on their own: fields of `Filters` or "prior".

    Raises:
        BadFilterError: a filter is out of its range.
    """
    alone: dict[str, tuple[Filters | None, Prior | None]] = {
        item.name: (Filters(**{item.name: getattr(filters, item.name)}), None)
        for item in fields(Filters)
        if getattr(filters, item.name) is not None
    }
    if prior is not None:
        alone["prior"] = (None, prior)
    found = {name: slots_within(database, *both) for name, both in alone.items()}
    return tuple(
        name for name, slots_N in found.items() if slots_N is not None and not slots_N.size
    )


def source_names(database: Database) -> list[str]:
    """Return the names of the images' sources, sorted."""
    with Session(database.engine) as session:
        return list(session.scalars(select(ImageRow.source).distinct().order_by(ImageRow.source)))


def records_at(database: Database, slots: Sequence[int]) -> dict[int, ImageRecord]:
    """Return metadata by slot."""
    with Session(database.engine) as session:
        rows = session.scalars(select(ImageRow).where(ImageRow.slot.in_(slots)))
        return {row.slot: record_of(row) for row in rows}


def find(database: Database, image_id: str) -> tuple[ImageRecord, str] | None:
    """Return one image's metadata and its picture's SHA-256; None if it is unknown."""
    with Session(database.engine) as session:
        row = session.scalars(select(ImageRow).filter_by(image_id=image_id)).first()
        return None if row is None else (record_of(row), row.picture_sha256)


def picture_names(database: Database, image_ids: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of images' pictures by image id."""
    with Session(database.engine) as session:
        query = select(ImageRow.image_id, ImageRow.picture_sha256)
        found = session.execute(query.where(ImageRow.image_id.in_(image_ids)))
        return {image_id: name for image_id, name in found}  # noqa: C416 (mypy: rows are tuples)


def records(
    database: Database, within: Bounds | None, limit: int | None, page: int = 500
) -> Iterator[ImageRecord]:
    """Yield metadata in the order of ids; rows are read a page at a time."""
    last, left = "", limit
    while left is None or left > 0:
        size = page if left is None else min(page, left)
        query = select(ImageRow).where(ImageRow.image_id > last).order_by(ImageRow.image_id)
        if within is not None:
            query = query.where(_within(within))
        with Session(database.engine) as session:
            found = [record_of(row) for row in session.scalars(query.limit(size))]
        yield from found
        if len(found) < size:
            return
        last = found[-1].image_id
        left = None if left is None else left - size


def extent(database: Database) -> Bounds | None:
    """Return (west, south, east, north) of all image centres, the short way round the globe."""
    columns = (func.min(ImageRow.latitude), func.max(ImageRow.latitude), *_longitude_ends())
    with database.engine.connect() as connection:
        south, north, west, east, west_0_360, east_0_360 = connection.execute(
            select(*columns)
        ).one()
    if south is None:
        return None
    if east_0_360 - west_0_360 < east - west:
        west = west_0_360 - 360.0 if west_0_360 > 180.0 else west_0_360
        east = east_0_360 - 360.0 if east_0_360 > 180.0 else east_0_360
    return west, south, east, north


def _longitude_ends() -> tuple[ColumnElement[Any], ...]:
    turned = func.iif(ImageRow.longitude < 0, ImageRow.longitude + 360.0, ImageRow.longitude)
    return (
        func.min(ImageRow.longitude),
        func.max(ImageRow.longitude),
        func.min(turned),
        func.max(turned),
    )


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.bounds is not None:
        check_bounds(filters.bounds)
        found.append(_within(filters.bounds))
    found += [_near(area) for area in areas(filters)]
    if filters.captured_after is not None:
        found.append(ImageRow.captured_at >= utc_text(filters.captured_after))
    if filters.captured_before is not None:
        found.append(ImageRow.captured_at <= utc_text(filters.captured_before))
    if filters.source is not None:
        found.append(ImageRow.source == filters.source)
    if filters.flight_id is not None:
        found.append(ImageRow.flight_id == filters.flight_id)
    if filters.min_ground_m is not None:
        found.append(ImageRow.ground_m >= filters.min_ground_m)
    if filters.max_ground_m is not None:
        found.append(ImageRow.ground_m <= filters.max_ground_m)
    return found


def _near(area: tuple[Ring, ...]) -> ColumnElement[bool]:
    boxes = boxes_of(area)
    return or_(*map(_within, boxes)) if len(boxes) <= MAX_BOXES else true()


def _within(bounds: Bounds) -> ColumnElement[bool]:
    west, south, east, north = bounds
    if west > east:
        return or_(_within((west, south, 180.0, north)), _within((-180.0, south, east, north)))
    place = IMAGE_PLACE.c
    near = select(place.id).where(
        place.east >= west, place.west <= east, place.north >= south, place.south <= north
    )
    return and_(
        ImageRow.id.in_(near),
        ImageRow.latitude.between(south, north),
        ImageRow.longitude.between(west, east),
    )
