"""A published gallery, opened for reading: search, metadata and pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.records import Bounds, Filters, ImageRecord, Match, Prior, View
from model.embedder import DescriptorModel


class Gallery:
    """One version of a gallery; immutable, and safe to read from several threads."""

    name: str
    view: View
    version: str
    size: int
    descriptor_dim: int
    weights_sha256: str

    @classmethod
    def open(cls, store: Path, name: str, *, embedder: DescriptorModel | None) -> "Gallery":
        """Open the newest published version.

        Args:
            store: folder that holds the galleries.
            name: the gallery's name.
            embedder: the weights that will make the queries; None: browse only.

        Raises:
            UnknownGalleryError: nothing is published under that name.
            GalleryMismatchError: index, database and weights do not belong together.
        """
        raise NotImplementedError

    def search(
        self,
        descriptor_D: NDArray[np.float32],
        *,
        top_k: int,
        prior: Prior | None = None,
        filters: Filters | None = None,
    ) -> list[Match]:
        """The top_k most alike images, best first; fewer where fewer satisfy the filters.

        Raises:
            BadFilterError: a filter or the prior is out of its range.
        """
        raise NotImplementedError

    def record(self, image_id: str) -> ImageRecord:
        """One image's metadata.

        Raises:
            UnknownImageError: no such image.
        """
        raise NotImplementedError

    def picture(self, image_id: str) -> bytes:
        """The stored picture as JPEG bytes.

        Raises:
            UnknownImageError: no such image.
        """
        raise NotImplementedError

    def records(
        self, *, within: Bounds | None = None, limit: int | None = None
    ) -> Iterator[ImageRecord]:
        """Metadata of all images, or of those whose centre lies within the bounds, by id."""
        raise NotImplementedError

    def extent(self) -> Bounds | None:
        """(west, south, east, north) of all images; None for an empty gallery."""
        raise NotImplementedError

    def close(self) -> None:
        """Free the index and the database; no search may run or follow."""
        raise NotImplementedError


def list_galleries(store: Path) -> list[str]:
    """Names of the galleries with a published version, sorted."""
    raise NotImplementedError


def current_version(store: Path, name: str) -> str:
    """The newest published version's name; one small file is read.

    Raises:
        UnknownGalleryError: nothing is published under that name.
    """
    raise NotImplementedError
