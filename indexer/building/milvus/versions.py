"""Versions of a gallery in a Milvus store: a new collection beside the published one, its alias.

A collection with a higher revision than the published one is an unfinished run's. The same command
finds it by its facts and goes on; another command is refused, or starts over.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime

from indexer.errors import GalleryExistsError, GalleryMismatchError, StoreUnavailableError
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import (
    STORED,
    Facts,
    alias_of,
    collection_of,
    create_collection,
    read_facts,
    version_of,
    write_facts,
    written_again,
)
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.server import LOAD_S
from indexer.gallery.milvus.store import MilvusStore
from indexer.polygons import box_around
from indexer.sources.names import shown

WRITE_S = 120.0
"""Longest wait for a batch to be written, seconds. Our choice."""

INDEX_S = 24 * 3600.0
"""Longest wait for the server to finish an index, seconds. Our choice: a day."""

COPIES = ("remove", "rebuild")
"""Changes that only copy rows: what an interrupted one wrote is dropped."""

COPIED = 200
"""Number of rows that are copied in one request. Our choice: 1 MB of 2560-d fp16."""


def start_version(store: MilvusStore, wanted: Facts, *, start_over: bool) -> str:
    """Return the loaded collection to fill: an interrupted run's with the same aim, or a new one.

    An interrupted run's gets the wanted index type, if it has another one.

    Raises:
        GalleryMismatchError: the unfinished run had other weights.
        GalleryExistsError: it had another aim.
    """
    current = store.published(wanted.gallery)
    for collection in unfinished(store, wanted.gallery):
        found = read_facts(store.describe(collection))
        if found.change not in COPIES:
            if _aim(found) == _aim(wanted) and found.weights_sha256 == wanted.weights_sha256:
                _take_index(store, collection, found, wanted.index_type)
                load(store, collection)
                return collection
            if not start_over:
                raise _other(found, wanted)
        drop(store, collection)
    revision = 1 if current is None else int(version_of(current)) + 1
    collection = collection_of(wanted.gallery, revision)
    create_collection(store.server, collection, wanted)
    index = index_types.by_type(wanted.index_type)
    index_types.create_index(store.server, collection, index)
    load(store, collection)
    return collection


def unfinished(store: MilvusStore, name: str) -> list[str]:
    """Return the collections of runs that did not publish, oldest first."""
    current = store.published(name)
    return [each for each in store.collections(name) if current is None or each > current]


def copy_rows(store: MilvusStore, before: MilvusGallery, after: str, *, without: set[int]) -> None:
    """Copy the rows of a version into a collection, except those of the given slots."""
    kind, batch = store.server.descriptor_type, []
    for row in before.rows("", list(STORED[1:])):
        if row["slot"] not in without:
            batch.append(written_again(row, kind))
        if len(batch) == COPIED:
            write_rows(store, after, batch)
            batch = []
    write_rows(store, after, batch)


def write_rows(store: MilvusStore, collection: str, rows: list[dict[str, object]]) -> None:
    """Write rows in one request; those with the same slot are replaced."""
    if rows:
        with store.server.client() as client:
            client.upsert(collection, rows, timeout=WRITE_S)


def load(store: MilvusStore, collection: str) -> None:
    """Let the server hold a collection ready for searches."""
    with store.server.client() as client:
        client.load_collection(collection, timeout=LOAD_S)


def drop(store: MilvusStore, collection: str) -> None:
    """Delete a collection."""
    with store.server.client() as client:
        client.drop_collection(collection, timeout=WRITE_S)


def publish(store: MilvusStore, collection: str, keep: int) -> Facts:
    """Wait for the index, check its type, and let the alias name the collection.

    Raises:
        BadStoreError: the server built another index type.
        StoreUnavailableError: it does not answer, or does not finish the index.
    """
    facts = read_facts(store.describe(collection))
    with store.server.client() as client:
        client.flush(collection, timeout=LOAD_S)
    _wait_for_index(store, collection)
    index_types.refuse_other_type(store.server, collection, facts.index_type)
    load(store, collection)
    rows = MilvusGallery(store.server, collection, facts, 0).rows("", ["latitude", "longitude"])
    extent = box_around([(row["latitude"], row["longitude"]) for row in rows])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts = replace(facts, extent=extent, created_at=now)
    write_facts(store.server, collection, facts)
    before = store.published(facts.gallery)
    with store.server.client() as client:
        change = client.create_alias if before is None else client.alter_alias
        change(collection, alias_of(facts.gallery), timeout=WRITE_S)
    for old in store.collections(facts.gallery)[: -max(1, keep)]:
        drop(store, old)
    return facts


def _take_index(store: MilvusStore, collection: str, found: Facts, index_type: str) -> None:
    if found.index_type != index_type:
        index_types.change_index(store.server, collection, index_types.by_type(index_type))
        write_facts(store.server, collection, replace(found, index_type=index_type))


def _aim(facts: Facts) -> tuple[object, ...]:
    return facts.change, facts.sources, facts.view


def _other(found: Facts, wanted: Facts) -> Exception:
    name = found.gallery
    if _aim(found) == _aim(wanted):
        return GalleryMismatchError(
            f"gallery {name!r} is half built with weights {found.weights_name} "
            f"({found.weights_sha256[:8]}), these are {wanted.weights_name} "
            f"({wanted.weights_sha256[:8]}); use those, or: safenet-index build --replace"
        )
    place, options = found.sources[-1]
    return GalleryExistsError(
        f"an earlier {found.change} of {shown(place)} (cut as {options}) to gallery {name!r} is "
        "unfinished; finish that, or start over with: safenet-index build --replace"
    )


def _wait_for_index(store: MilvusStore, collection: str) -> None:
    until = time.monotonic() + INDEX_S
    while time.monotonic() < until:
        found = index_types.built(store.server, collection)
        if not int(found.get("pending_index_rows", 0)) and found.get("state") == "Finished":
            return
        time.sleep(0.2)
    raise StoreUnavailableError(
        f"the server did not finish the index of {collection} in {INDEX_S / 3600:.0f} hours; "
        "run the same command again"
    )
