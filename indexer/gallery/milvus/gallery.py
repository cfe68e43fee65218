"""A published gallery in a Milvus server, opened for reading.

Legend: N candidates, S scales of a query, D descriptor length, K images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from indexer.errors import (
    GalleryMismatchError,
    UnknownImageError,
)
from indexer.gallery.matcher_rows import MatcherRows
from indexer.gallery.milvus import filters as conditions
from indexer.gallery.milvus import index_types
from indexer.gallery.milvus.collection import (
    FIELDS,
    Facts,
    descriptors_in,
    record_in,
    slot_of,
    version_of,
)
from indexer.gallery.milvus.server import CALL_S, MilvusServer
from indexer.gallery.objects import ObjectStore
from indexer.gallery.ranking import ranked, wanted
from indexer.records import Bounds, Filters, ImageRecord, Match, Position, Prior, View
from model.descriptor_model import DescriptorModel, FusedQuery
from model.matching.interface import Matcher
from model.scoring import cosines

MOST_DEPTH = 16_384
"""Number of candidates that Milvus returns at most."""

PAGE = 1_000
"""Number of rows read at a time. Our choice."""

Row = dict[str, Any]


class MilvusGallery:
    """One version of a gallery; safe to read from several threads."""

    def __init__(
        self,
        server: MilvusServer,
        collection: str,
        facts: Facts,
        size: int,
        consistency: str = "Strong",
    ) -> None:
        """Open a loaded collection; readers use `MilvusStore.open`.

        Args:
            server: where it is.
            collection: its name.
            facts: what it keeps about its gallery.
            size: number of its images.
            consistency: how new the rows are that are found. "Strong" waits about 0.2 s for the
                last write; "Bounded" may miss those of the last 5 s, and does not wait.
        """
        self.name = facts.gallery
        self.view: View = cast(View, facts.view)
        self.version = version_of(collection)
        self.created_at = facts.created_at
        self.size = size
        self.descriptor_dim = facts.descriptor_dim
        self.local_bytes = facts.local_bytes
        self.weights_sha256 = facts.weights_sha256
        self.facts = facts
        self.collection = collection
        self._server, self._consistency = server, consistency
        self._objects = ObjectStore(facts.objects, facts.gallery)
        self._matcher_rows = MatcherRows(self._objects)
        self._index = index_types.by_type(facts.index_type)

    def search(
        self,
        query: FusedQuery,
        *,
        top_k: int,
        prior: Prior | None = None,
        filters: Filters | None = None,
        verify: bool = True,
    ) -> list[Match]:
        """Return the top_k most similar images, best first; fewer where fewer fit the filters.

        Args and scores as in `Gallery.search`.

        Raises:
            BadFilterError: a filter or the prior is out of its range.
            GalleryMismatchError: the descriptor has another length than the gallery's.
            StoreUnavailableError: the server does not answer.
        """
        if query.descriptors_SD.shape[1:] != (self.descriptor_dim,):
            raise GalleryMismatchError(
                f"gallery {self.name!r} holds {self.descriptor_dim}-d descriptors, the query is "
                f"{query.descriptors_SD.shape[1]}-d; use the weights the gallery was made with"
            )
        verify = verify and query.local_NSL is not None and self.local_bytes > 0
        rows = self._candidates(query, wanted(top_k, verify=verify), filters, prior)
        if not rows:
            return []
        scores_N = cosines(query.descriptors_SD[None], descriptors_in(rows))[0]

        def local_of(places: NDArray[np.intp]) -> NDArray[np.int8]:
            names = [rows[place]["picture_sha256"] for place in places.tolist()]
            return self._objects.local(names, self.weights_sha256, self.local_bytes)

        places, best, poses = ranked(query, scores_N, top_k, local_of if verify else None)
        found = zip(places.tolist(), best, poses, strict=True)
        return [
            Match(record=record_in(rows[place]), score=score, rank=rank, pose=pose)
            for rank, (place, score, pose) in enumerate(found, start=1)
        ]

    def _candidates(
        self, query: FusedQuery, count: int, filters: Filters | None, prior: Prior | None
    ) -> list[Row]:
        """Return distinct rows in the order of slots; the search is widened until enough hold."""
        text = conditions.expression(filters, prior)
        exact = conditions.is_exact(filters, prior)
        depth = min(max(self._index.depth, 2 * count), MOST_DEPTH)
        while True:
            rows = self._nearest(query.descriptors_SD, depth, text)
            kept = rows if exact else _holding(rows, filters, prior)
            if exact or len(kept) >= depth // 2 or len(rows) < depth or depth == MOST_DEPTH:
                return kept
            depth = min(4 * depth, MOST_DEPTH)

    def _nearest(self, descriptors_SD: NDArray[np.float32], depth: int, text: str) -> list[Row]:
        asked = [each_D.astype(self._server.descriptor_type) for each_D in descriptors_SD]
        found_S = self._server.ask(
            self.collection,
            lambda client: client.search(
                self.collection,
                data=asked,
                anns_field="descriptor",
                filter=text,
                limit=depth,
                search_params={"metric_type": "IP", "params": self._index.search},
                output_fields=[*FIELDS, "descriptor"],
                consistency_level=self._consistency,
                timeout=CALL_S,
            ),
        )
        rows = {hit["entity"]["slot"]: dict(hit["entity"]) for hits in found_S for hit in hits}
        return [rows[slot] for slot in sorted(rows)]

    def require_weights(self, embedder: DescriptorModel) -> None:
        """Check that the gallery was built with these weights.

        Raises:
            GalleryMismatchError: it was built with others.
        """
        facts = self.facts
        if embedder.sha256 != facts.weights_sha256:
            raise GalleryMismatchError(
                f"gallery {facts.gallery!r} was made with weights {facts.weights_name} "
                f"({facts.weights_sha256[:8]}, {facts.descriptor_dim}-d), these are "
                f"{embedder.name} ({embedder.sha256[:8]}, {embedder.descriptor_dim}-d); "
                "load those, or build the gallery again"
            )

    def record(self, image_id: str) -> ImageRecord:
        """Return one image's metadata.

        Raises:
            UnknownImageError: no such image.
        """
        return record_in(self._rows([image_id])[image_id])

    def picture(self, image_id: str) -> bytes:
        """Return the stored picture as JPEG bytes.

        Raises:
            UnknownImageError: no such image.
            GalleryMismatchError: its picture is missing.
        """
        row = self._rows([image_id])[image_id]
        try:
            return self._objects.read(row["picture_sha256"])
        except OSError as error:
            raise self._lacks(f"the picture of {image_id!r}") from error

    def matcher_rows(
        self, image_ids: Sequence[str], matcher: Matcher, side: int
    ) -> NDArray[np.int8]:
        """Return what a matcher needs of images: int8 [K, B]; as `Gallery.matcher_rows`."""
        rows = self._rows(image_ids)
        names = [rows[each]["picture_sha256"] for each in image_ids]
        try:
            return self._matcher_rows.read(names, matcher, side)
        except OSError as error:
            raise self._lacks("a picture") from error

    def records(
        self, *, within: Bounds | None = None, limit: int | None = None
    ) -> Iterator[ImageRecord]:
        """Yield the metadata of all images, or of those with their centre in the bounds.

        The order is that of the slots: fixed, and without a meaning.
        """
        text = "" if within is None else conditions.within(within)
        for row in self.rows(text, ["details"], limit):
            yield record_in(row)

    def rows(self, text: str, wanted_fields: list[str], limit: int | None = None) -> Iterator[Row]:
        """Yield the rows that satisfy an expression, in the order of slots, a page at a time."""
        last, left = -1, limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            after = f"slot > {last}" + (f" and ({text})" if text else "")
            page = self._page(after, ["slot", *wanted_fields], size)
            rows = sorted(page, key=lambda row: int(row["slot"]))
            yield from rows
            if len(rows) < size:
                return
            last = rows[-1]["slot"]
            left = None if left is None else left - size

    def heights(
        self, origin: Position, places_N2: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return None: a Milvus store keeps no surface model."""
        return None

    def extent(self) -> Bounds | None:
        """Return (west, south, east, north) of all image centres; None for an empty gallery."""
        return None if self.facts.extent is None else cast(Bounds, tuple(self.facts.extent))

    def source_names(self) -> list[str]:
        """Return the names of the images' sources, sorted."""
        return sorted({row["source"] for row in self.rows("", ["source"])})

    def empty_conditions(self, filters: Filters, prior: Prior | None) -> tuple[str, ...]:
        """Return the conditions that no image satisfies alone: fields of `Filters` or "prior"."""
        names = [item.name for item in fields(Filters) if getattr(filters, item.name) is not None]
        alone: dict[str, tuple[Filters | None, Prior | None]] = {
            name: (replace(Filters(), **{name: getattr(filters, name)}), None) for name in names
        }
        if prior is not None:
            alone["prior"] = (None, prior)
        return tuple(name for name, both in alone.items() if not self._any(*both))

    def damage(self, error: Exception) -> str | None:
        """Return what an error while reading says about the gallery: nothing, the server knows."""
        return None

    def close(self) -> None:
        """Free nothing: the connection belongs to the store."""

    def _page(self, text: str, wanted_fields: list[str], size: int) -> list[Row]:
        page = self._server.ask(
            self.collection,
            lambda client: client.query(
                self.collection,
                filter=text,
                output_fields=wanted_fields,
                limit=size,
                consistency_level=self._consistency,
                timeout=CALL_S,
            ),
        )
        return [dict(row) for row in page]

    def _any(self, filters: Filters | None, prior: Prior | None) -> bool:
        found = self.rows(conditions.expression(filters, prior), ["latitude", "longitude"])
        return any(_holding([row], filters, prior) for row in found)

    def _rows(self, image_ids: Sequence[str]) -> dict[str, Row]:
        slots = ", ".join(str(slot_of(each)) for each in {*image_ids})
        found = self.rows(f"slot in [{slots}]", ["image_id", "picture_sha256", "details"])
        rows = {row["image_id"]: row for row in found}
        for each in image_ids:
            if each not in rows:
                raise UnknownImageError(
                    f"no image {each[:200]!r} is in gallery {self.name!r}; check the id"
                )
        return rows

    def _lacks(self, what: str) -> GalleryMismatchError:
        return GalleryMismatchError(
            f"{what} is missing from the objects of gallery {self.name!r}; "
            f"run: safenet-index rebuild {self.name}"
        )


def _holding(rows: list[Row], filters: Filters | None, prior: Prior | None) -> list[Row]:
    latitudes_N = np.array([row["latitude"] for row in rows], dtype=np.float64)
    longitudes_N = np.array([row["longitude"] for row in rows], dtype=np.float64)
    keep_N = conditions.holds(latitudes_N, longitudes_N, filters, prior)
    return [row for row, keep in zip(rows, keep_N.tolist(), strict=True) if keep]
