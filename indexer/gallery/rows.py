"""Conversion between database rows and plain values."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from indexer.gallery.schema import ImageRow, SourceRow
from indexer.records import ImageRecord, View


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image's metadata with its descriptor's slot and its picture's name."""

    record: ImageRecord
    slot: int
    source_id: int
    fingerprint: str
    picture_sha256: str
    descriptor_crc32: int


@dataclass(frozen=True, kw_only=True)
class Known:
    """Values that show whether an image must be read again."""

    source_id: int
    fingerprint: str
    content_sha256: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An image that is not in the gallery, and why; kind is "failed" or "skipped".

    `cause` is the reason without names and numbers, to count by; it is not stored.
    """

    image_id: str
    location: str
    kind: str
    reason: str
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """One source of the gallery; state is "running" until every image of it was tried."""

    id: int
    location: str
    options: str
    kind: str
    state: str


def source_info(row: SourceRow) -> SourceInfo:
    """Return a source's row as plain values."""
    return SourceInfo(
        id=row.id, location=row.location, options=row.options, kind=row.kind, state=row.state
    )


def image_values(image: StoredImage) -> dict[str, Any]:
    """Return an image's row by column; the inverse of `stored_image`."""
    record = image.record
    return {
        "image_id": record.image_id,
        "slot": image.slot,
        "source_id": image.source_id,
        "fingerprint": image.fingerprint,
        "content_sha256": record.content_sha256,
        "picture_sha256": image.picture_sha256,
        "descriptor_crc32": image.descriptor_crc32,
        "view": record.view,
        "latitude": record.latitude,
        "longitude": record.longitude,
        "corners": None if record.corners is None else json.dumps(record.corners),
        "ground_m": record.ground_m,
        "gsd_m": record.gsd_m,
        "altitude_m": record.altitude_m,
        "altitude_datum": record.altitude_datum,
        "heading_deg": record.heading_deg,
        "gimbal_pitch_deg": record.gimbal_pitch_deg,
        "flight_id": record.flight_id,
        "captured_at": None if record.captured_at is None else utc_text(record.captured_at),
        "place_id": record.place_id,
        "source": record.source,
    }


def stored_image(row: ImageRow) -> StoredImage:
    """Return an image's row as plain values."""
    return StoredImage(
        record=record_of(row),
        slot=row.slot,
        source_id=row.source_id,
        fingerprint=row.fingerprint,
        picture_sha256=row.picture_sha256,
        descriptor_crc32=row.descriptor_crc32,
    )


def record_of(row: ImageRow) -> ImageRecord:
    """Return a row's metadata."""
    corners = None
    if row.corners is not None:
        corners = tuple((latitude, longitude) for latitude, longitude in json.loads(row.corners))
    return ImageRecord(
        image_id=row.image_id,
        view=cast(View, row.view),
        latitude=row.latitude,
        longitude=row.longitude,
        corners=cast(Any, corners),
        gsd_m=row.gsd_m,
        altitude_m=row.altitude_m,
        altitude_datum=row.altitude_datum,
        heading_deg=row.heading_deg,
        gimbal_pitch_deg=row.gimbal_pitch_deg,
        flight_id=row.flight_id,
        captured_at=None if row.captured_at is None else datetime.fromisoformat(row.captured_at),
        place_id=row.place_id,
        source=row.source,
        content_sha256=row.content_sha256,
    )


def utc_text(moment: datetime) -> str:
    """Return a moment as sortable UTC text; without a time zone it counts as UTC."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="seconds")
