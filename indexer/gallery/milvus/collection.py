"""A version of a gallery as a Milvus collection: its name, its fields, its rows, its facts.

An image's `slot` is 63 bits of the SHA-256 of its id, so that writing an image twice replaces it.
The descriptor is kept as fp16. milvus-lite and servers before 2.4 have no such type and keep the
same numbers as fp32.
Legend: N rows, D descriptor length.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import GalleryMismatchError
from indexer.gallery.milvus.server import CALL_S, MilvusServer
from indexer.gallery.rows import Known, StoredImage, image_values, record_of, stored_image
from indexer.gallery.schema import ImageRow
from indexer.records import ImageRecord

FORMAT = 1
"""Number of the collection's format; it grows when fields change their meaning."""

NONE_S = -(2**62)
"""`captured_s` of an image without a date."""

FIELDS = ("slot", "image_id", "latitude", "longitude", "picture_sha256", "details")
"""What a search needs of an image besides its descriptor."""

_MAPPED = {"mmap.enabled": "true"}
"""Only the index is held in the server's memory; it reads the fields themselves from mapped files.
Releases from 2.4 on know it."""

_PREFIX, _PROPERTY = "sn_", "safenet.gallery"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a collection keeps about its gallery.

    `sources` are the places and options of what was brought in, oldest first; an image's
    `source_id` counts them from 1. `change` is what makes the version of the one before: "build",
    "add", "update", "rebuild" or "remove". `objects` is where pictures and local features lie;
    `extent` is the box of the images' centres, known once the version is published.
    """

    format: int
    gallery: str
    view: str
    descriptor_dim: int
    local_bytes: int
    weights_name: str
    weights_sha256: str
    index_type: str
    sources: tuple[tuple[str, str], ...]
    change: str
    objects: str
    created_at: str
    extent: tuple[float, float, float, float] | None = None


def slot_of(image_id: str) -> int:
    """Return the key of an image: 63 bits of the SHA-256 of its id."""
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big") >> 1


def alias_of(name: str) -> str:
    """Return the alias of a gallery; Milvus allows letters, digits and underscores."""
    return _PREFIX + re.sub(r"[^A-Za-z0-9]", lambda sign: f"_{ord(sign[0]):02x}", name)


def collection_of(name: str, revision: int) -> str:
    """Return the name of the collection of one version."""
    return f"{alias_of(name)}__{revision:06d}"


def version_of(collection: str) -> str:
    """Return the version's name, its revision in digits."""
    return collection.rpartition("__")[2]


def gallery_of(collection: str) -> str | None:
    """Return the gallery's name; None for a collection that is not a gallery's."""
    found = re.fullmatch(r"sn_(.+)__\d{6}", collection)
    if found is None:
        return None
    return re.sub(r"_([0-9a-f]{2})", lambda sign: chr(int(sign[1], 16)), found[1])


STORED = (
    "slot", "image_id", "descriptor", "latitude", "longitude", "ground_m", "captured_s", "source",
    "flight_id", "picture_sha256", "details",
)  # fmt: skip
"""Every field of a collection."""


def create_collection(server: MilvusServer, collection: str, facts: Facts) -> None:
    """Create an empty collection, which keeps the facts as a property."""
    types = server.types
    with server.client() as client:
        schema = client.create_schema(auto_id=False)
        schema.add_field("slot", types.INT64, is_primary=True)
        schema.add_field("image_id", types.VARCHAR, max_length=16384)
        vector = types.FLOAT16_VECTOR if server.keeps_fp16 else types.FLOAT_VECTOR
        schema.add_field("descriptor", vector, dim=facts.descriptor_dim)
        for name in ("latitude", "longitude", "ground_m"):
            schema.add_field(name, types.DOUBLE)
        schema.add_field("captured_s", types.INT64)
        for name, length in (("source", 4096), ("flight_id", 4096), ("picture_sha256", 64)):
            schema.add_field(name, types.VARCHAR, max_length=length)
        schema.add_field("details", types.VARCHAR, max_length=65535)
        client.create_collection(
            collection,
            schema=schema,
            consistency_level="Strong",
            properties=_properties(facts) | (_MAPPED if server.keeps_fp16 else {}),
            timeout=CALL_S,
        )


def write_facts(server: MilvusServer, collection: str, facts: Facts) -> None:
    """Store the facts with the collection.

    A server of release 2.3 forgets the last change of a collection when it restarts, so it is
    asked twice there. Source: https://github.com/milvus-io/milvus/issues/30144.
    """
    times = 1 if server.numbers >= (2, 4) else 2
    with server.client() as client:
        for _ in range(times):
            client.alter_collection_properties(collection, _properties(facts), timeout=CALL_S)


def _properties(facts: Facts) -> dict[str, str]:
    return {_PROPERTY: json.dumps(asdict(facts))}


def read_facts(described: Mapping[str, Any]) -> Facts:
    """Return the facts of a described collection.

    Raises:
        GalleryMismatchError: it has none, or those of another release.
    """
    name = described.get("collection_name", "")
    try:
        found = json.loads(described["properties"][_PROPERTY])
        sources = tuple((location, options) for location, options in found["sources"])
        facts = Facts(**{**found, "sources": sources})
    except (KeyError, ValueError, TypeError) as error:
        raise GalleryMismatchError(
            f"the collection {name} is not a gallery's; drop it, or use another database"
        ) from error
    if facts.format != FORMAT:
        raise GalleryMismatchError(
            f"the collection {name} has format {facts.format}, this release reads {FORMAT}; "
            "run: safenet-index build --replace"
        )
    return facts


def seconds(moment: datetime) -> int:
    """Return whole seconds since 1970, rounded down; a moment without a zone is UTC."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return math.floor(zoned.timestamp())


def row_of(image: StoredImage, descriptor_D: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return an image as a row of the collection; the descriptor has the server's type."""
    record = image.record
    details = image_values(image)
    moment = record.captured_at
    return {
        "slot": image.slot,
        "image_id": record.image_id,
        "descriptor": descriptor_D,
        "latitude": record.latitude,
        "longitude": record.longitude,
        "ground_m": -1.0 if record.ground_m is None else record.ground_m,
        "captured_s": NONE_S if moment is None else seconds(moment),
        "source": record.source,
        "flight_id": record.flight_id or "",
        "picture_sha256": image.picture_sha256,
        "details": json.dumps(details, ensure_ascii=False),
    }


def written_again(row: Mapping[str, Any], kind: type[np.floating[Any]]) -> dict[str, Any]:
    """Return a row that was read with every field as one that can be written."""
    return {**row, "descriptor": _numbers(row["descriptor"]).astype(kind)}


def known_in(row: Mapping[str, Any]) -> Known:
    """Return what shows whether a row's image must be read again."""
    details = json.loads(row["details"])
    return Known(
        source_id=int(details["source_id"]),
        fingerprint=details["fingerprint"],
        content_sha256=details["content_sha256"],
    )


def stored_in(row: Mapping[str, Any]) -> StoredImage:
    """Return a row's image with everything that is stored of it."""
    return stored_image(ImageRow(**json.loads(row["details"])))


def checksum_in(row: Mapping[str, Any]) -> int:
    """Return the CRC-32 of the descriptor, as it was stored."""
    return int(json.loads(row["details"])["descriptor_crc32"])


def record_in(row: Mapping[str, Any]) -> ImageRecord:
    """Return the metadata that a row keeps."""
    return record_of(ImageRow(**json.loads(row["details"])))


def descriptors_in(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    """Return the descriptors of rows: float32 [N, D], each number one of fp16."""
    return np.stack([_numbers(row["descriptor"]) for row in rows])


def _numbers(stored: Any) -> NDArray[np.float32]:
    if isinstance(stored, list) and len(stored) == 1 and isinstance(stored[0], bytes):
        stored = stored[0]
    if isinstance(stored, bytes):
        return np.frombuffer(stored, dtype=np.float16).astype(np.float32)
    return np.asarray(stored, dtype=np.float32)
