"""Stores of galleries: a folder, or a database of a Milvus server."""

from pathlib import Path
from typing import Protocol

from indexer.gallery.gallery import Gallery
from indexer.gallery.interface import OpenGallery
from indexer.gallery.layout import current_version, list_galleries
from indexer.gallery.milvus.address import MilvusAddress, is_milvus
from indexer.gallery.milvus.store import MilvusStore
from model.descriptor_model import DescriptorModel


class Store(Protocol):
    """Where published galleries are found by name."""

    def names(self) -> list[str]:
        """Return the names of the galleries with a published version, sorted."""

    def current_version(self, name: str) -> str:
        """Return the newest published version's name; UnknownGalleryError without one."""

    def open(self, name: str, *, embedder: DescriptorModel | None) -> OpenGallery:
        """Open the newest published version; embedder None: browse only."""

    def close(self) -> None:
        """Free what the store holds."""


class LocalStore:
    """Galleries in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def names(self) -> list[str]:
        """Return the names of the galleries with a published version, sorted."""
        return list_galleries(self.folder)

    def current_version(self, name: str) -> str:
        """Return the newest published version's name.

        Raises:
            UnknownGalleryError: nothing is published under that name.
            GalleryMismatchError: the file holds no version's name.
        """
        return current_version(self.folder, name)

    def open(self, name: str, *, embedder: DescriptorModel | None) -> Gallery:
        """Open the newest published version; raises as `Gallery.open`."""
        return Gallery.open(self.folder, name, embedder=embedder)

    def close(self) -> None:
        """Free nothing."""


def store_at(place: str | Path) -> Store:
    """Return the store at a folder, or at `milvus://host:port/database`.

    Raises:
        BadStoreError: it begins like the address of a server and is none.
    """
    if is_milvus(place):
        return MilvusStore(MilvusAddress.parse(str(place)))
    return LocalStore(Path(place))


def open_gallery(place: str | Path, name: str, *, embedder: DescriptorModel | None) -> OpenGallery:
    """Open the newest published version of a gallery, wherever the store is.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        GalleryMismatchError: the gallery's parts or the weights do not belong together.
        StoreUnavailableError: the store's server does not answer.
    """
    return store_at(place).open(name, embedder=embedder)
