"""A published gallery, opened for reading: search, metadata and pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from indexer.errors import GalleryMismatchError, UnknownImageError
from indexer.gallery import metadata_search
from indexer.gallery.checked_files import is_checked, remember_checked
from indexer.gallery.database import Database
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.heights import heights_around
from indexer.gallery.layout import GalleryFolder, current_version, gallery_folder, list_galleries
from indexer.gallery.manifest import Manifest, read_manifest
from indexer.gallery.matcher_rows import MatcherRows
from indexer.gallery.pictures import PictureStore
from indexer.gallery.ranking import ranked, wanted
from indexer.gallery.soundness import damage, refuse_bad_rows, refuse_links
from indexer.gallery.vector_search import Searcher
from indexer.records import Bounds, Filters, ImageRecord, Match, Position, Prior, View
from model.descriptor_model import DescriptorModel, FusedQuery
from model.files import file_sha256
from model.matching.interface import Matcher
from model.scoring import cosines

EXACT_LIMIT = 10_000
"""Number of candidates up to which all are scored exactly; above it the index searches among them
first. Our choice: 51 MB are read at 2560-d without local features."""

RECORDS_KEPT = 20_000
"""Number of images whose metadata stays in memory between searches. Our choice."""

__all__ = ["Gallery", "current_version", "list_galleries"]


class Gallery:
    """One version of a gallery; immutable, and safe to read from several threads.

    Scores are inner products of the query with the stored fp16 descriptors, whatever the index
    type: the index finds candidates, the descriptors on disk rank them. Where query and gallery
    have local features, the best candidates are re-ranked by them before any is returned.
    """

    def __init__(self, folder: GalleryFolder, manifest: Manifest, *, gpu: bool = True) -> None:
        """Open a version's files; callers use `Gallery.open`."""
        place = folder.version(manifest.version)
        self.name = manifest.gallery
        self.view: View = cast(View, manifest.view)
        self.version = manifest.version
        self.created_at = manifest.created_at
        self.size = manifest.size
        self.descriptor_dim = manifest.descriptor_dim
        self.local_bytes = manifest.local_bytes
        self.weights_sha256 = manifest.weights_sha256
        self.manifest = manifest
        self._place = place
        self._heights = folder.heights
        self.database: Database = Database.open_snapshot(place / "gallery.sqlite")
        path = place / "descriptors.f16"
        self._descriptors = DescriptorFile(path, self.descriptor_dim, self.local_bytes)
        self._pictures = PictureStore(folder.pictures)
        self._matcher_rows = MatcherRows(self._pictures)
        self._index = Searcher(place / "index.faiss", manifest.index_kind, gpu=gpu)
        self._record_cache: dict[int, ImageRecord] = {}
        self._name_cache: dict[str, str] = {}
        self._extent: Bounds | None = None

    @classmethod
    def open(
        cls,
        store: str | Path,
        name: str,
        *,
        embedder: DescriptorModel | None,
        check_again: bool = False,
    ) -> "Gallery":
        """Open the newest published version.

        Args:
            store: folder that holds the galleries.
            name: the gallery's name.
            embedder: the weights that will make the queries; None: browse only.
            check_again: read every byte of the checked files again, whatever was checked before.

        Raises:
            UnknownGalleryError: nothing is published under that name.
            GalleryMismatchError: index, database and weights do not belong together.
        """
        store = Path(store)
        version = current_version(store, name)
        folder = gallery_folder(store, name)
        place = folder.version(version)
        refuse_links(store, place)
        # A folder may have been renamed or copied since the version was published.
        manifest = replace(read_manifest(place / "manifest.json"), gallery=name)
        _check_weights(manifest, embedder)
        checked = not check_again and is_checked(place)
        _check_files(place, manifest, hashes=not checked)
        gallery = cls(folder, manifest)
        try:
            if not checked:
                refuse_bad_rows(gallery.database, manifest)
                remember_checked(place)
        except GalleryMismatchError:
            gallery.close()
            raise
        if gallery._index.size != manifest.size:
            gallery.close()
            raise GalleryMismatchError(
                f"gallery {name!r}: the index has {gallery._index.size} rows, the database "
                f"{manifest.size}; run: safenet-index rebuild {name}"
            )
        return gallery

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

        Args:
            query: an embedded query; of its S scales the most similar one counts.
            top_k: number of matches.
            prior: a circle that the images lie in.
            filters: other conditions.
            verify: re-rank the best matches by their local features, where query and gallery have
                them; this is also what finds the poses.

        Raises:
            BadFilterError: a filter or the prior is out of its range.
            GalleryMismatchError: the descriptor has another length than the gallery's.
        """
        descriptors_SD = query.descriptors_SD
        if descriptors_SD.shape[1:] != (self.descriptor_dim,):
            raise GalleryMismatchError(
                f"gallery {self.name!r} holds {self.descriptor_dim}-d descriptors, the query is "
                f"{descriptors_SD.shape[1]}-d; use the weights the gallery was made with"
            )
        allowed = metadata_search.slots_within(self.database, filters, prior)
        verify = verify and query.local_NSL is not None and self.local_bytes > 0
        slots = self._candidates(descriptors_SD, wanted(top_k, verify=verify), allowed)
        scores = self._scores(descriptors_SD, slots)

        def local_of(places: NDArray[np.intp]) -> NDArray[np.int8]:
            return self._descriptors.local(slots[places])

        places, best, poses = ranked(query, scores, top_k, local_of if verify else None)
        chosen = slots[places].tolist()
        records = self._records(chosen)
        found = zip(chosen, best, poses, strict=True)
        return [
            Match(record=records[slot], score=score, rank=rank, pose=pose)
            for rank, (slot, score, pose) in enumerate(found, start=1)
        ]

    def require_weights(self, embedder: DescriptorModel) -> None:
        """Check that the gallery was built with these weights.

        Raises:
            GalleryMismatchError: it was built with others.
        """
        _check_weights(self.manifest, embedder)

    def _candidates(
        self, descriptors_SD: NDArray[np.float32], top_k: int, allowed: NDArray[np.int64] | None
    ) -> NDArray[np.int64]:
        if allowed is not None and (len(allowed) <= EXACT_LIMIT or self._index.on_gpu):
            return allowed
        depth = max(self._index.depth, 2 * top_k)
        return self._index.search(descriptors_SD, depth, allowed)

    def _scores(
        self, descriptors_SD: NDArray[np.float32], slots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        parts = [
            cosines(descriptors_SD[None], rows_nD)[0]
            for _, rows_nD in self._descriptors.chunks(slots)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def _records(self, slots: list[int]) -> dict[int, ImageRecord]:
        """Return metadata by slot, from memory where it was read before."""
        cache = self._record_cache
        found = {slot: cache[slot] for slot in slots if slot in cache}
        if len(found) < len(slots):
            read = metadata_search.records_at(
                self.database, [slot for slot in slots if slot not in found]
            )
            found |= read
            if len(cache) < RECORDS_KEPT:
                cache.update(read)
            else:
                self._record_cache = read
        return found

    def record(self, image_id: str) -> ImageRecord:
        """Return one image's metadata.

        Raises:
            UnknownImageError: no such image.
        """
        return self._find(image_id)[0]

    def picture(self, image_id: str) -> bytes:
        """Return the stored picture as JPEG bytes.

        Raises:
            UnknownImageError: no such image.
            GalleryMismatchError: its picture is missing on disk.
        """
        try:
            return self._pictures.read(self._find(image_id)[1])
        except OSError as error:
            raise GalleryMismatchError(
                f"the picture of {image_id!r} is missing from gallery {self.name!r}; "
                f"run: safenet-index rebuild {self.name}"
            ) from error

    def matcher_rows(
        self, image_ids: Sequence[str], matcher: Matcher, side: int
    ) -> NDArray[np.int8]:
        """Return what a matcher needs of images: int8 [K, B].

        Args:
            image_ids: which images.
            matcher: whose rows.
            side: of the embedder's input, px.

        Raises:
            UnknownImageError: there is no such image.
            GalleryMismatchError: a picture is missing on disk.
        """
        names = self._picture_names(image_ids)
        try:
            return self._matcher_rows.read(names, matcher, side)
        except OSError as error:
            raise GalleryMismatchError(
                f"a picture is missing from gallery {self.name!r}; "
                f"run: safenet-index rebuild {self.name}"
            ) from error

    def _picture_names(self, image_ids: Sequence[str]) -> list[str]:
        """Return the SHA-256 of images' pictures, from memory where it was read before."""
        cache = self._name_cache
        found = {each: cache[each] for each in image_ids if each in cache}
        unread = [each for each in image_ids if each not in found]
        if unread:
            read = metadata_search.picture_names(self.database, unread)
            found |= read
            if len(cache) < RECORDS_KEPT:
                cache.update(read)
            else:
                self._name_cache = read
        return [found[each] for each in image_ids]

    def heights(
        self, origin: Position, places_N2: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return the surface model's heights of places, m; see `heights_around`."""
        return heights_around(self._heights, origin, places_N2)

    def _find(self, image_id: str) -> tuple[ImageRecord, str]:
        found = metadata_search.find(self.database, image_id)
        if found is None:
            raise UnknownImageError(
                f"no image {image_id[:200]!r} is in gallery {self.name!r}; check the id"
            )
        return found

    def records(
        self, *, within: Bounds | None = None, limit: int | None = None
    ) -> Iterator[ImageRecord]:
        """Yield the metadata of all images, or of those with their centre in the bounds, by id."""
        return metadata_search.records(self.database, within, limit)

    def index_slots(self) -> NDArray[np.int64]:
        """Return the descriptor slots in the index: int64 [N]."""
        return self._index.slots()

    def extent(self) -> Bounds | None:
        """Return (west, south, east, north) of all image centres; None for an empty gallery."""
        if self._extent is None:
            self._extent = metadata_search.extent(self.database)
        return self._extent

    def source_names(self) -> list[str]:
        """Return the names of the images' sources, sorted."""
        return metadata_search.source_names(self.database)

    def empty_conditions(self, filters: Filters, prior: Prior | None) -> tuple[str, ...]:
        """Return the conditions that no image satisfies alone: fields of `Filters` or "prior"."""
        return metadata_search.empty_conditions(self.database, filters, prior)

    def damage(self, error: Exception) -> str | None:
        """Return what an error while reading says about the files; None if they are whole."""
        return damage(self._place, self.manifest, error)

    def close(self) -> None:
        """Free the index and the database; no search may run or follow."""
        self._index.close()
        self._descriptors.close()
        self.database.close()


def _check_weights(manifest: Manifest, embedder: DescriptorModel | None) -> None:
    if embedder is not None and embedder.sha256 != manifest.weights_sha256:
        raise GalleryMismatchError(
            f"gallery {manifest.gallery!r} was made with weights {manifest.weights_name} "
            f"({manifest.weights_sha256[:8]}, {manifest.descriptor_dim}-d), these are "
            f"{embedder.name} ({embedder.sha256[:8]}, {embedder.descriptor_dim}-d); "
            "load those, or build the gallery again"
        )


def _check_files(place: Path, manifest: Manifest, *, hashes: bool) -> None:
    wanted = {
        "gallery.sqlite": manifest.database_sha256,
        "index.faiss": manifest.index_sha256,
    }
    for file, sha256 in wanted.items():
        if not (place / file).is_file() or (hashes and file_sha256(place / file) != sha256):
            raise _drift(manifest, file)
    rows = place / "descriptors.f16"
    if not rows.is_file() or rows.stat().st_size < manifest.descriptors_bytes:
        raise _drift(manifest, rows.name)


def _drift(manifest: Manifest, file: str) -> GalleryMismatchError:
    return GalleryMismatchError(
        f"gallery {manifest.gallery!r}: {file} is not the one that version {manifest.version} "
        f"was published with; run: safenet-index rebuild {manifest.gallery}"
    )
