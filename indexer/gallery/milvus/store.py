"""The galleries of one Milvus database: which there are, which version readers open.

The alias of a gallery names the collection of its published version; a collection with a higher
revision is a build that is not finished.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.errors import GalleryMismatchError, UnknownGalleryError
from indexer.gallery.layout import gallery_folder
from indexer.gallery.milvus.address import MilvusAddress
from indexer.gallery.milvus.collection import alias_of, gallery_of, read_facts, version_of
from indexer.gallery.milvus.gallery import MilvusGallery
from indexer.gallery.milvus.index_types import refuse_other_type
from indexer.gallery.milvus.server import CALL_S, LOAD_S, MilvusServer
from model.descriptor_model import DescriptorModel


class MilvusStore:
    """A store of galleries in a Milvus database; connects when it is first used."""

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address
        self.server = MilvusServer(address)

    def __str__(self) -> str:
        return str(self.address)

    def names(self) -> list[str]:
        """Return the names of the galleries with a published version, sorted."""
        found = {gallery_of(each) for each in self._collections()}
        return sorted(name for name in found if name and self.published(name) is not None)

    def collections(self, name: str) -> list[str]:
        """Return the collections of a gallery, oldest first, with unfinished ones."""
        return sorted(each for each in self._collections() if gallery_of(each) == name)

    def published(self, name: str) -> str | None:
        """Return the collection that readers open; None before the first.

        Raises:
            UnknownGalleryError: the name is not allowed for a gallery.
        """
        gallery_folder(Path(), name)  # the same names are allowed
        alias = alias_of(name)
        with self.server.client() as client:
            if not client.has_collection(alias, timeout=CALL_S):
                return None
            described = client.describe_collection(alias, timeout=CALL_S)
            return str(described["collection_name"])

    def describe(self, collection: str) -> Mapping[str, Any]:
        """Return what the server knows of a collection."""
        with self.server.client() as client:
            return dict(client.describe_collection(collection, timeout=CALL_S))

    def current_version(self, name: str) -> str:
        """Return the published version's name.

        Raises:
            UnknownGalleryError: nothing is published under that name.
        """
        return version_of(self._required(name))

    def open(self, name: str, *, embedder: DescriptorModel | None) -> MilvusGallery:
        """Open the newest published version; as `Gallery.open`.

        Raises:
            UnknownGalleryError: nothing is published under that name.
            GalleryMismatchError: collection and weights do not belong together.
            StoreUnavailableError: the server does not answer.
        """
        collection = self._required(name)
        described = self.describe(collection)
        facts = read_facts(described)
        refuse_other_length(described, facts.descriptor_dim)
        refuse_other_type(self.server, collection, facts.index_type)
        with self.server.client() as client:
            client.load_collection(collection, timeout=LOAD_S)
        # Counting waits for every row of the version; nothing is written to it any more.
        size = self.count(collection)
        gallery = MilvusGallery(self.server, collection, facts, size, consistency="Bounded")
        if embedder is not None:
            gallery.require_weights(embedder)
        return gallery

    def count(self, collection: str) -> int:
        """Return the number of images in a loaded collection."""
        with self.server.client() as client:
            (row,) = client.query(collection, filter="", output_fields=["count(*)"], timeout=CALL_S)
            return int(row["count(*)"])

    def close(self) -> None:
        """Close the connection."""
        self.server.close()

    def _required(self, name: str) -> str:
        found = self.published(name)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise UnknownGalleryError(
                f"no gallery {name!r} is published in {self.address} (there are: {known}); "
                "build it with: safenet-index build"
            )
        return found

    def _collections(self) -> list[str]:
        with self.server.client() as client:
            return list(client.list_collections(timeout=CALL_S))


def refuse_other_length(described: Mapping[str, Any], descriptor_dim: int) -> None:
    """Refuse a collection whose descriptors have another length than its facts say.

    Raises:
        GalleryMismatchError: they have.
    """
    lengths = [
        field["params"].get("dim") for field in described["fields"] if field["name"] == "descriptor"
    ]
    if [int(length or 0) for length in lengths] != [descriptor_dim]:
        raise GalleryMismatchError(
            f"the collection {described['collection_name']} holds descriptors of another length "
            f"than {descriptor_dim}; run: safenet-index build --replace"
        )
