"""`rebuild` of a gallery in a Milvus store: repairs what `verify` finds, into a new collection.

What is wrong is made again from what is intact: a descriptor, local features and the matcher's row
from the picture, a missing picture from its source.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from indexer.building.milvus.versions import COPIED, publish, start_version, write_rows
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP
from indexer.building.repair import Repair, complete_matcher_row, picture_again
from indexer.errors import StoreError
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import (
    STORED,
    Facts,
    descriptors_in,
    known_in,
    stored_in,
    version_of,
    written_again,
)
from indexer.gallery.milvus.store import MilvusStore
from indexer.gallery.objects import ObjectStore
from model.descriptor_model import DescriptorModel
from model.images import open_image


def rebuild(
    store: MilvusStore,
    name: str,
    embedder: DescriptorModel,
    *,
    index_kind: str | None = None,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Repair:
    """Repair every inconsistency and publish; the index is always built again.

    Raises:
        UnknownGalleryError: there is no such gallery.
        GalleryMismatchError: the weights are not the gallery's.
        GalleryExistsError: another change of it is unfinished.
        BadStoreError: the server does not know the index type, or built another one.
        StoreUnavailableError: the server does not answer; the published version stays.
    """
    progress = progress or Silent()
    before = store.open(name, embedder=embedder)
    index_type = before.facts.index_type
    if index_kind is not None:
        index_type = index_types.choose(index_kind, before.size, store.server).type
    wanted = replace(before.facts, change="rebuild", index_type=index_type, extent=None)
    collection = start_version(store, wanted, start_over=False)
    work = _Repairs(wanted, embedder)
    progress.start(before.size)
    batch: list[dict[str, object]] = []
    for row in before.rows("", list(STORED[1:])):
        progress.advance(added=0, skipped=0, failed=0, unchanged=1)
        if work.repair(row):
            batch.append(written_again(row, store.server.descriptor_type))
        if len(batch) == COPIED:
            write_rows(store, collection, batch)
            batch = []
    write_rows(store, collection, batch)
    progress.stop()
    publish(store, collection, keep)
    return Repair(
        descriptors=work.descriptors,
        pictures=work.pictures,
        matcher_rows=work.matcher_rows,
        lost=tuple(work.lost),
        version=version_of(collection),
        size=store.count(collection),
    )


class _Repairs:
    """Repairs rows one by one, and counts."""

    def __init__(self, facts: Facts, embedder: DescriptorModel) -> None:
        self._facts, self._embedder = facts, embedder
        self._objects = ObjectStore(facts.objects, facts.gallery)
        self.descriptors, self.pictures, self.matcher_rows = 0, 0, 0
        self.lost = list[str]()

    def repair(self, row: dict[str, Any]) -> bool:
        """Make a row whole; return whether it is."""
        if not self._objects.sound(row["picture_sha256"]) and not self._read_again(row):
            self.lost.append(row["image_id"])
            return False
        if not (self._has_descriptor(row) and self._has_local(row)):
            self._embed_again(row)
        sha256 = row["picture_sha256"]
        self.matcher_rows += complete_matcher_row(self._embedder, self._objects, sha256)
        return True

    def _read_again(self, row: Mapping[str, Any]) -> bool:
        location, options = self._facts.sources[known_in(row).source_id - 1]
        jpeg = picture_again(location, options, row["image_id"])
        if jpeg is None or self._objects.add(jpeg, repair=True) != row["picture_sha256"]:
            return False
        self.pictures += 1
        return True

    @staticmethod
    def _has_descriptor(row: Mapping[str, Any]) -> bool:
        half_D = descriptors_in([row])[0].astype(np.float16)
        return zlib.crc32(half_D.tobytes()) == stored_in(row).descriptor_crc32

    def _has_local(self, row: Mapping[str, Any]) -> bool:
        facts, name = self._facts, row["picture_sha256"]
        if not facts.local_bytes:
            return True
        try:
            self._objects.local([name], facts.weights_sha256, facts.local_bytes)
        except StoreError:
            return False
        return True

    def _embed_again(self, row: dict[str, Any]) -> None:
        picture = open_image(self._objects.read(row["picture_sha256"]))
        rows = self._embedder.embed_gallery_pixels(self._embedder.preprocess(picture)[None])
        half_D = rows.descriptors_ND[0].astype(np.float16)
        details = json.loads(row["details"])
        details["descriptor_crc32"] = zlib.crc32(half_D.tobytes())
        row.update(descriptor=half_D, details=json.dumps(details, ensure_ascii=False))
        if self._facts.local_bytes:
            weights = self._facts.weights_sha256
            self._objects.add_local(row["picture_sha256"], weights, rows.local_NL[0])
        self.descriptors += 1
