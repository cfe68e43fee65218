"""Galleries of geo-tagged images; `from indexer import Gallery, localize` is enough to answer.

The names below are imported when they are first used, so that `--help` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.gallery.gallery import Gallery
    from indexer.localization.answer import Answer
    from indexer.localization.localize import localize
    from indexer.records import Filters, Match, Prior
    from indexer.tracking.track_flight import track

_HOMES = {
    "Answer": "indexer.localization.answer",
    "Filters": "indexer.records",
    "Gallery": "indexer.gallery.gallery",
    "Match": "indexer.records",
    "Prior": "indexer.records",
    "localize": "indexer.localization.localize",
    "track": "indexer.tracking.track_flight",
}

__all__ = ["Answer", "Filters", "Gallery", "Match", "Prior", "localize", "track"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'indexer' has no attribute {name!r}")
