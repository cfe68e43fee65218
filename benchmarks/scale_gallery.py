"""A real gallery of synthetic descriptors and records, as large as wanted.

Descriptors are clustered like a real gallery's, see clustered.py: places of 5 overlapping tiles.
Records are a grid of 150 m tiles at quarter steps. There are no pictures: neither a search nor the
opening of a gallery reads one.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clustered import OVERLAP_COSINE, Rows, Spread

from indexer.building.progress import Silent
from indexer.building.writer import Writer, open_writer
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.layout import current_version, gallery_folder
from indexer.gallery.rows import StoredImage
from indexer.gallery.schema import RUNNING, GalleryRow, SourceRow
from indexer.geo import offset, square_corners
from indexer.records import ImageRecord
from model.descriptor_model import GalleryRows

TILES, CHUNK, TILE_M, STEP_M = 5, 5_000, 150.0, 37.5


@dataclass(frozen=True, kw_only=True)
class Built:
    """Seconds of a build once everything is embedded: rows to disk, then index and publishing.

    `publish_cpu_s` adds the seconds of every core; on a busy machine it says more.
    """

    store_s: float
    publish_s: float
    publish_cpu_s: float


def build_gallery(store: Path, size: int, kind: str, spread: Spread) -> Built:
    """Build and publish the gallery `n<size>` of `size` rows."""
    dim = len(spread.mean_D)
    row = GalleryRow(
        id=1, name=f"n{size}", view="satellite", weights_name="synthetic", weights_sha256="0" * 64,
        descriptor_dim=dim, local_bytes=0, index_kind=kind, next_slot=0, generation=0, revision=0,
    )  # fmt: skip
    source = SourceRow(location="synthetic", options="{}", kind="synthetic", state=RUNNING)
    with open_writer(store, f"n{size}", Silent()) as writer:
        writer.database.begin(row, source)
        store_s = _fill(writer, size, spread)
        started, used = time.perf_counter(), time.process_time()
        writer.publish(keep=1)
        return Built(
            store_s=store_s,
            publish_s=time.perf_counter() - started,
            publish_cpu_s=time.process_time() - used,
        )


def rows_of(store: Path, size: int, dim: int) -> DescriptorFile:
    """Return the descriptors of a built gallery."""
    place = gallery_folder(store, f"n{size}").version(current_version(store, f"n{size}"))
    return DescriptorFile(place / "descriptors.f16", dim, 0)


def synthetic(size: int, spread: Spread) -> Iterator[tuple[int, Rows, list[ImageRecord]]]:
    """Yield the first slot, the descriptors and the records of each part of a gallery."""
    noise, columns = np.random.default_rng(0), columns_of(size)
    for start in range(0, size, CHUNK):
        count = min(CHUNK, size - start)
        places_ND = spread.places(-(-count // TILES), noise).repeat(TILES, axis=0)[:count]
        records = [record(slot, columns) for slot in range(start, start + count)]
        yield start, spread.near(places_ND, OVERLAP_COSINE, noise), records


def _fill(writer: Writer, size: int, spread: Spread) -> float:
    """Write descriptors and records; return the seconds without the making of the numbers."""
    (info,) = writer.database.sources()
    dim, seconds = len(spread.mean_D), 0.0
    path = writer.folder.descriptors(writer.row.generation)
    with closing(DescriptorFile(path, dim, 0, writable=True)) as file:
        for start, tiles_ND, records in synthetic(size, spread):
            started = time.perf_counter()
            crcs = file.write(start, GalleryRows(tiles_ND, np.empty((len(records), 0), np.int8)))
            images = [
                stored(each, start + place, info.id, crc)
                for place, (each, crc) in enumerate(zip(records, crcs, strict=True))
            ]
            writer.database.commit_batch(info.id, images, [])
            seconds += time.perf_counter() - started
    return seconds


def columns_of(size: int) -> int:
    """Return the number of columns of the grid of that many tiles."""
    return int(np.ceil(np.sqrt(size)))


def record(slot: int, columns: int) -> ImageRecord:
    """Return the record of a slot in a grid of that many columns."""
    down, along = divmod(slot, columns)
    latitude, longitude = offset(50.0, 14.0, -down * STEP_M, along * STEP_M)
    corners = square_corners(latitude, longitude, TILE_M, TILE_M, 0.0)
    image_id = f"ortho-150m-r{down * 125}-c{along * 125}"
    content = hashlib.sha256(image_id.encode()).hexdigest()
    return ImageRecord(
        image_id=image_id, view="satellite", latitude=latitude, longitude=longitude,
        corners=tuple(corners), gsd_m=0.3, source="ortho.tif", content_sha256=content,
    )  # fmt: skip


def stored(record: ImageRecord, slot: int, source_id: int, crc: int) -> StoredImage:
    """Return an image as it is stored, without a picture of its own."""
    return StoredImage(
        record=record, slot=slot, source_id=source_id, fingerprint="0-0",
        picture_sha256=record.content_sha256, descriptor_crc32=crc,
    )  # fmt: skip
