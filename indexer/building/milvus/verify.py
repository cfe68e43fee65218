"""Compares the parts of a gallery in a Milvus store: rows, index, pictures, local features."""

import zlib
from collections.abc import Iterator

import numpy as np

from indexer.building.milvus.versions import unfinished
from indexer.building.repair import Drift
from indexer.errors import GalleryMismatchError, StoreError
from indexer.gallery.milvus.collection import checksum_in, descriptors_in
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.store import MilvusStore
from indexer.gallery.objects import ObjectStore


def verify(store: MilvusStore, name: str) -> list[Drift]:
    """Compare all parts of the published version; [] means consistent.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        StoreUnavailableError: the server does not answer.
    """
    try:
        gallery = store.open(name, embedder=None)
    except GalleryMismatchError as error:
        return [Drift(what="collection", detail=str(error))]
    found = list(_check_rows(gallery))
    found += [
        Drift(what="collection", detail=f"{each} is of an unfinished build or change")
        for each in unfinished(store, name)
    ]
    return found


def _check_rows(gallery: MilvusGallery) -> Iterator[Drift]:
    objects = ObjectStore(gallery.facts.objects, gallery.name)
    rows = 0
    for row in gallery.rows("", ["image_id", "descriptor", "picture_sha256", "details"]):
        rows += 1
        image_id, name = row["image_id"], row["picture_sha256"]
        stored = descriptors_in([row])[0].astype(np.float16)
        if zlib.crc32(stored.tobytes()) != checksum_in(row):
            yield Drift(what="descriptor", detail=f"of {image_id!r} has another check sum")
        if not objects.sound(name):
            yield Drift(what="picture", detail=f"of {image_id!r} is missing or changed")
        if gallery.local_bytes:
            try:
                objects.local([name], gallery.weights_sha256, gallery.local_bytes)
            except StoreError:
                yield Drift(what="local features", detail=f"of {image_id!r} are missing")
    if rows != gallery.size:
        yield Drift(what="collection", detail=f"it gives {rows} of {gallery.size} rows")
