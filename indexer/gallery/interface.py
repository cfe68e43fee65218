"""What localization, tracking, the service and the commands need of an opened gallery."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.records import Bounds, Filters, ImageRecord, Match, Position, Prior, View
from model.descriptor_model import DescriptorModel, FusedQuery
from model.matching.interface import Matcher


class OpenGallery(Protocol):
    """One version of a gallery, wherever it is stored; safe to read from several threads.

    Whatever the store, scores are inner products of the query with the fp16 descriptors, re-ranked
    by local features where query and gallery have them.
    """

    @property
    def name(self) -> str:
        """Name of the gallery."""

    @property
    def view(self) -> View:
        """View of its images."""

    @property
    def version(self) -> str:
        """Name of the opened version."""

    @property
    def created_at(self) -> str:
        """When the version was published, ISO 8601 in UTC."""

    @property
    def size(self) -> int:
        """Number of images."""

    @property
    def descriptor_dim(self) -> int:
        """Length D of a descriptor."""

    @property
    def local_bytes(self) -> int:
        """Size of an image's local features; 0: there are none."""

    @property
    def weights_sha256(self) -> str:
        """Identity of the weights that made the gallery."""

    def search(
        self,
        query: FusedQuery,
        *,
        top_k: int,
        prior: Prior | None = None,
        filters: Filters | None = None,
        verify: bool = True,
    ) -> list[Match]:
        """Return the top_k most similar images, best first; fewer where fewer fit the filters."""

    def require_weights(self, embedder: DescriptorModel) -> None:
        """Raise GalleryMismatchError unless the gallery was built with these weights."""

    def record(self, image_id: str) -> ImageRecord:
        """Return one image's metadata."""

    def picture(self, image_id: str) -> bytes:
        """Return the stored picture as JPEG bytes."""

    def matcher_rows(
        self, image_ids: Sequence[str], matcher: Matcher, side: int
    ) -> NDArray[np.int8]:
        """Return what a matcher needs of images: int8 [K, B]; `side` is of the input, px."""

    def records(
        self, *, within: Bounds | None = None, limit: int | None = None
    ) -> Iterator[ImageRecord]:
        """Yield the metadata of all images, or of those with their centre in the bounds."""

    def heights(
        self, origin: Position, places_N2: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return the surface model's heights of places, m; None where there is no model.

        `places_N2` are metres east and north of the origin.
        """

    def extent(self) -> Bounds | None:
        """Return (west, south, east, north) of all image centres; None for an empty gallery."""

    def source_names(self) -> list[str]:
        """Return the names of the images' sources, sorted."""

    def empty_conditions(self, filters: Filters, prior: Prior | None) -> tuple[str, ...]:
        """Return the conditions that no image satisfies alone: fields of `Filters` or "prior"."""

    def damage(self, error: Exception) -> str | None:
        """Return what an error while reading says about the gallery; None if it is whole."""

    def close(self) -> None:
        """Free what the gallery holds; no search may run or follow."""
