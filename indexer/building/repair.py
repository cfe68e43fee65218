"""Finds inconsistencies in a gallery and repairs them from what is intact.

The database is the source of truth. A descriptor that does not match its check sum is computed
again from the stored picture, so is a matcher's row that is missing or that an earlier version
made, a missing picture is read from the source, the index is rebuilt.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.building.checks import refuse_unfinished, require
from indexer.building.progress import Progress, Silent
from indexer.building.publish import KEEP, publish
from indexer.building.work_folder import faults, restore_lost
from indexer.building.writer import Writer, open_writer
from indexer.errors import GalleryMismatchError
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.gallery import Gallery
from indexer.gallery.layout import current_version, gallery_folder
from indexer.gallery.manifest import read_manifest
from indexer.gallery.pictures import Pictures, PictureStore, encode
from indexer.gallery.rows import StoredImage
from indexer.sources.candidate import options_from_text
from indexer.sources.detect import open_source
from indexer.sources.names import path_of
from model.descriptor_model import DescriptorModel
from model.errors import SafeNetError
from model.files import file_sha256
from model.images import open_image


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One inconsistency with the database; `what` is the part, `detail` the finding."""

    what: str
    detail: str


def verify(store: Path, name: str) -> list[Drift]:
    """Compare all parts of the gallery, including the writer's files; [] means consistent.

    Raises:
        UnknownGalleryError: nothing is published under that name.
    """
    version = current_version(store, name)
    folder = gallery_folder(store, name)
    place = folder.version(version)
    try:
        manifest = read_manifest(place / "manifest.json")
        gallery = Gallery.open(store, name, embedder=None, check_again=True)
    except GalleryMismatchError as error:
        return [Drift(what="files", detail=str(error))]
    found = []
    try:
        if file_sha256(place / "descriptors.f16", manifest.descriptors_bytes) != (
            manifest.descriptors_sha256
        ):
            found.append(
                Drift(what="descriptors", detail="the file differs from the published one")
            )
        slots = gallery.database.slots()
        if not np.array_equal(np.sort(gallery.index_slots()), slots):
            found.append(Drift(what="index", detail="its rows differ from those of the database"))
        path = place / "descriptors.f16"
        rows = DescriptorFile(path, manifest.descriptor_dim, manifest.local_bytes)
        found += list(_check_images(gallery.database.stored(), rows, PictureStore(folder.pictures)))
        rows.close()
        found += [Drift(what="database", detail=text) for text in gallery.database.faults()]
        found += [Drift(what="writer", detail=text) for text in faults(folder, manifest)]
    finally:
        gallery.close()
    return found


def _check_images(
    images: Iterator[StoredImage], rows: DescriptorFile, pictures: PictureStore
) -> Iterator[Drift]:
    for image in images:
        image_id = image.record.image_id
        if not rows.sound(image.slot, image.descriptor_crc32):
            yield Drift(what="descriptor", detail=f"of {image_id!r} has another check sum")
        if not pictures.sound(image.picture_sha256):
            yield Drift(what="picture", detail=f"of {image_id!r} is missing or changed")


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Result of a rebuild; `lost` are the ids of images that had to be dropped."""

    descriptors: int
    pictures: int
    matcher_rows: int
    lost: tuple[str, ...]
    version: str
    size: int


def rebuild(
    store: Path,
    name: str,
    embedder: DescriptorModel,
    *,
    index_kind: str | None = None,
    keep: int = KEEP,
    progress: Progress | None = None,
) -> Repair:
    """Repair every inconsistency and publish; the index is always rebuilt.

    Raises:
        GalleryMismatchError: the weights are not the gallery's.
        UnknownGalleryError: there is no such gallery.
        GalleryBusyError: a replacing build waits to be finished.
    """
    require(store, name)
    with open_writer(store, name, progress or Silent(), prepare=restore_lost) as writer:
        refuse_unfinished(writer)
        row = writer.row
        if row.weights_sha256 != embedder.sha256:
            raise GalleryMismatchError(
                f"gallery {name!r} was made with weights {row.weights_name}, these are "
                f"{embedder.name}; use those"
            )
        descriptors, pictures, matcher_rows, lost = _repair_images(writer, embedder)
        writer.database.delete_lost(lost)
        writer.database.place_again()
        writer.database.set_index_kind(index_kind or row.index_kind)
        version = publish(writer.folder, writer.database, writer.row, keep)
        return Repair(
            descriptors=descriptors,
            pictures=pictures,
            matcher_rows=matcher_rows,
            lost=tuple(lost),
            version=version,
            size=writer.database.count(),
        )


def _repair_images(writer: Writer, embedder: DescriptorModel) -> tuple[int, int, int, list[str]]:
    row = writer.row
    writer.progress.start(writer.database.count())
    path = writer.folder.descriptors(row.generation)
    rows = DescriptorFile(path, row.descriptor_dim, row.local_bytes, writable=True)
    pictures, lost = _repair_pictures(writer)
    descriptors = matcher_rows = 0
    for image in writer.database.stored():
        writer.progress.advance(added=0, skipped=0, failed=0, unchanged=1)
        if image.record.image_id in lost:
            continue
        matcher_rows += complete_matcher_row(embedder, writer.pictures, image.picture_sha256)
        if rows.sound(image.slot, image.descriptor_crc32):
            continue
        picture = open_image(writer.pictures.read(image.picture_sha256))
        pixels_1 = embedder.preprocess(picture)[None]
        crc = rows.write(image.slot, embedder.embed_gallery_pixels(pixels_1))[0]
        writer.database.set_crc(image.slot, crc)
        descriptors += 1
    rows.reach(row.next_slot)
    rows.close()
    writer.progress.stop()
    return descriptors, pictures, matcher_rows, lost


def complete_matcher_row(embedder: DescriptorModel, pictures: Pictures, sha256: str) -> bool:
    """Make the row of a picture that has none for the model's matcher; return whether it did.

    Args:
        embedder: with its matcher; without one there is nothing to make.
        pictures: where the picture lies, and the row beside it.
        sha256: of a sound picture.
    """
    matcher = embedder.matcher
    if matcher is None or pictures.matcher_rows([sha256], matcher.row_format, matcher.row_bytes):
        return False
    pixels_3SS = embedder.preprocess(open_image(pictures.read(sha256)))
    pictures.add_row(sha256, matcher.row_format, matcher.describe(pixels_3SS[None])[0])
    return True


def _repair_pictures(writer: Writer) -> tuple[int, list[str]]:
    """Return the number of restored pictures and the ids of images whose picture is lost.

    Images may share a picture, so it is lost only after the sources of all of them were tried.
    """
    repaired, bad = 0, []
    for image in writer.database.stored():
        if not writer.pictures.sound(image.picture_sha256):
            if _read_again(writer, image):
                repaired += 1
            else:
                bad.append(image)
    lost = [
        image.record.image_id for image in bad if not writer.pictures.sound(image.picture_sha256)
    ]
    return repaired, lost


def _read_again(writer: Writer, image: StoredImage) -> bool:
    info = next(info for info in writer.database.sources() if info.id == image.source_id)
    jpeg = picture_again(info.location, info.options, image.record.image_id)
    return jpeg is not None and writer.pictures.add(jpeg, repair=True) == image.picture_sha256


def picture_again(location: str, options: str, image_id: str) -> bytes | None:
    """Return an image's picture read from its source; None where it cannot be read."""
    try:
        source = open_source(path_of(location), options_from_text(options))
        candidate = next(c for c in source.candidates() if c.record.image_id == image_id)
        raw = candidate.read()
    except (SafeNetError, OSError, StopIteration):
        return None
    return raw.jpeg or encode(raw.image)
