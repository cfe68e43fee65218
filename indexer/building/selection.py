"""Selects images of a gallery by position or by source, given by name or path."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.gallery.database import Database
from indexer.gallery.metadata_search import slots_within
from indexer.records import Filters
from indexer.sources.names import location_text


def selected_ids(database: Database, filters: Filters) -> list[str]:
    """Return the ids of the images that satisfy the filters; `source` may be a path.

    Raises:
        BadFilterError: a filter is out of its range.
    """
    own = _at_path(database, filters.source)
    if not own:
        slots = slots_within(database, filters, None)
        return [] if slots is None else database.image_ids_at(slots.tolist())
    found = database.slots_of(own)
    slots = slots_within(database, replace(filters, source=None), None)
    both = found if slots is None else np.intersect1d(found, slots)
    return database.image_ids_at(both.tolist())


def _at_path(database: Database, source: str | None) -> list[int]:
    """Return the ids of the sources at a path; none if the text is only a name."""
    if source is None or len(Path(source).parts) < 2:
        return []
    location = location_text(Path(source))
    return [info.id for info in database.sources() if info.location == location]
