"""A gallery as a static STAC catalogue: one item per source.

Source: STAC specification 1.1.0, Projection Extension 2.0.0, Accuracy Extension 1.0.0-beta.1.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer import geojson
from indexer.errors import SourceError
from indexer.gallery.interface import OpenGallery
from indexer.polygons import box_around
from indexer.records import Bounds, ImageRecord, Position
from model.files import write_atomically

VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
ACCURACY = "https://stac-extensions.github.io/accuracy/v1.0.0-beta.1/schema.json"


@dataclass
class _Source:
    """What the records of one source say together."""

    images: int = 0
    places: list[Position] = field(default_factory=list)
    gsd_m: float | None = None
    moments: list[datetime] = field(default_factory=list)

    def add(self, record: ImageRecord) -> None:
        self.images += 1
        # The extreme positions are enough for the box, and do not grow with the gallery.
        self.places += record.corners or ((record.latitude, record.longitude),)
        if len(self.places) > 4_096:
            self.places = _extremes(self.places)
        if record.gsd_m is not None:
            self.gsd_m = min(record.gsd_m, self.gsd_m or record.gsd_m)
        if record.captured_at is not None:
            self.moments = _ends([*self.moments, record.captured_at])


def export_stac(gallery: OpenGallery, folder: Path, accuracy_m: float | None) -> int:
    """Write `catalog.json` and one item per source into a folder; return the number of items.

    Args:
        gallery: an opened version.
        folder: where to write; it is made.
        accuracy_m: root mean square error of the sources' positions on the ground, m, where it is
            known; it is the user's knowledge, no gallery can measure it.

    Raises:
        SourceError: the folder cannot be written.
    """
    sources: dict[str, _Source] = {}
    for record in gallery.records():
        sources.setdefault(record.source or gallery.name, _Source()).add(record)
    items = {
        _file_name(name, number): _item(name, source, gallery, accuracy_m)
        for number, (name, source) in enumerate(sorted(sources.items()), start=1)
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, item in items.items():
            write_atomically(folder / file, _text(item), sync=False)
        write_atomically(folder / "catalog.json", _text(_catalog(gallery, items)), sync=False)
    except OSError as error:
        raise SourceError(f"{folder} cannot be written ({error.strerror or error})") from error
    return len(items)


def _item(
    name: str, source: _Source, gallery: OpenGallery, accuracy_m: float | None
) -> dict[str, Any]:
    bounds = box_around(source.places)
    assert bounds is not None, "a source has at least one record"
    properties: dict[str, Any] = {
        "title": f"{name} in the gallery {gallery.name}",
        **_times(source.moments, gallery),
        "proj:code": "EPSG:4326",
        "proj:bbox": list(bounds),
        "proj:centroid": _centroid(bounds),
        "safenet:gallery": gallery.name,
        "safenet:version": gallery.version,
        "safenet:view": gallery.view,
        "safenet:images": source.images,
        "safenet:weights_sha256": gallery.weights_sha256,
    }
    if source.gsd_m is not None:
        properties["gsd"] = source.gsd_m
    extensions = [PROJECTION]
    if accuracy_m is not None:
        properties["accuracy:geometric_rmse"] = accuracy_m
        extensions.append(ACCURACY)
    return {
        "type": "Feature", "stac_version": VERSION, "stac_extensions": extensions,
        "id": f"{gallery.name}-{name}", "geometry": geojson.box(bounds), "bbox": list(bounds),
        "properties": properties, "assets": {},
        "links": [{"rel": "root", "href": "./catalog.json", "type": "application/json"},
                  {"rel": "parent", "href": "./catalog.json", "type": "application/json"}],
    }  # fmt: skip


def _times(moments: list[datetime], gallery: OpenGallery) -> dict[str, Any]:
    if not moments:
        return {
            "datetime": gallery.created_at,
            "description": "The images carry no date; datetime is when the gallery was published.",
        }
    first, last = (_utc(moments[place]) for place in (0, -1))
    if first == last:
        return {"datetime": first}
    return {"datetime": None, "start_datetime": first, "end_datetime": last}


def _ends(moments: list[datetime]) -> list[datetime]:
    """The first and the last moment; one without a zone counts as UTC."""
    aware = [one if one.tzinfo is not None else one.replace(tzinfo=UTC) for one in moments]
    return [min(aware), max(aware)]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _centroid(bounds: Bounds) -> dict[str, float]:
    west, south, east, north = bounds
    middle = west + ((east - west) % 360.0) / 2
    return {"lat": (south + north) / 2, "lon": (middle + 180.0) % 360.0 - 180.0}


def _catalog(gallery: OpenGallery, items: dict[str, dict[str, Any]]) -> dict[str, Any]:
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    links += [
        {"rel": "item", "href": f"./{file}", "type": "application/geo+json"} for file in items
    ]
    return {
        "type": "Catalog", "stac_version": VERSION, "id": gallery.name, "links": links,
        "description": f"The gallery {gallery.name}, {gallery.view} images, one item a source",
    }  # fmt: skip


def _extremes(places: list[Position]) -> list[Position]:
    west, south, east, north = box_around(places) or (0.0, 0.0, 0.0, 0.0)
    return [(south, west), (north, east)]


def _file_name(name: str, number: int) -> str:
    return f"{number:03d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', name)[:80]}.json"


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
