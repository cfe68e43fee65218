"""Query files with known positions: evidence for a calibration and errors in metres."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from indexer.errors import EmptySourceError
from indexer.gallery.interface import OpenGallery
from indexer.geo import bounds_around, distance_m
from indexer.localization.answer import Answer
from indexer.localization.calibration import Sample, sample
from indexer.localization.estimate import reach_m
from indexer.localization.localize import Search, embed_photos, localize_embeddings
from indexer.polygons import join_holes
from indexer.records import Bounds, Filters, Position, Ring
from indexer.sources.listing import image_files
from indexer.sources.tables.table import read_positions
from model.descriptor_model import DescriptorModel

_EDGE_DEG = 1e-4


def query_files(images: Sequence[Path]) -> list[Path]:
    """Return the image files of the given paths; folders give all below them, sorted.

    Raises:
        EmptySourceError: there is none.
    """
    files: list[Path] = []
    for path in images:
        if path.is_dir():
            files += image_files(path)
        elif path.is_file():
            files.append(path)
        else:
            raise EmptySourceError(f"{path} does not exist; check the path")
    if not files:
        raise EmptySourceError(f"{images[0]} holds no image; check the path")
    return files


def read_truth(table: Path, files: Sequence[Path]) -> dict[Path, tuple[float, float]]:
    """Return the true positions of the files that the table names, by path or file name.

    Raises:
        BadTableError: the table is wrong.
        EmptySourceError: it names none of the files.
    """
    by_path, by_name = read_positions(table)
    found = {
        file: by_path.get(file.resolve()) or by_name.get(file.name)
        for file in files
        if file.resolve() in by_path or file.name in by_name
    }
    if not found:
        raise EmptySourceError(f"{table.name} names none of the queries; check its file column")
    return {file: place for file, place in found.items() if place is not None}


def samples(
    gallery: OpenGallery,
    embedder: DescriptorModel,
    files: Sequence[Path],
    positions: Mapping[Path, Position],
    *,
    remove_m: float | None = None,
) -> Iterator[Sample]:
    """Yield one sample per query with known position, to fit a confidence.

    A query is in the map where its true position lies within some gallery image's reach.

    Args:
        gallery: where to search; its name becomes the samples' source.
        embedder: the weights that the gallery was built with.
        files: the queries.
        positions: their true positions.
        remove_m: where given, every query in the map is asked a second time, without the images
            whose centre lies less than so many metres north, south, east or west of the truth.

    Raises:
        EmptySourceError: the gallery holds no image.
    """
    if not gallery.size:
        raise EmptySourceError(f"gallery {gallery.name!r} is empty; add images to it first")
    for file in files:
        if file not in positions:
            continue
        truth = positions[file]
        embedded, photo = embed_photos([file], embedder)
        search = Search(top_k=1, photo_aspect=photo.aspect)
        answer = localize_embeddings(embedded, gallery, embedder, search)
        near_m = reach_m(answer.matches[0])
        in_map = any(
            distance_m(*truth, record.latitude, record.longitude) <= near_m
            for record in gallery.records(within=bounds_around(*truth, near_m))
        )
        yield sample(answer, truth, in_map, gallery.name)
        if in_map and remove_m is not None:
            elsewhere = replace(search, filters=Filters(polygon=_all_but(gallery, truth, remove_m)))
            answer = localize_embeddings(embedded, gallery, embedder, elsewhere)
            if answer.matches:
                yield sample(answer, truth, False, gallery.name)


def _all_but(gallery: OpenGallery, truth: Position, away_m: float) -> Ring:
    """Return a ring around all images of a gallery, with a hole about a place."""
    extent = gallery.extent()
    assert extent is not None
    west, south, east, north = extent
    outer = (west - _EDGE_DEG, south - _EDGE_DEG, east + _EDGE_DEG, north + _EDGE_DEG)
    return join_holes(_box(outer), [_box(bounds_around(*truth, away_m))])


def _box(bounds: Bounds) -> Ring:
    west, south, east, north = bounds
    return ((south, west), (south, east), (north, east), (north, west))


def errors_m(truth: Position, answer: Answer) -> tuple[float, float | None]:
    """Return metres from the truth to the best match and to the estimate (None: no estimate)."""
    if not answer.matches:
        return math.inf, None
    best, estimate = answer.matches[0].record, answer.estimate
    return (
        distance_m(*truth, best.latitude, best.longitude),
        None if estimate is None else distance_m(*truth, estimate.latitude, estimate.longitude),
    )


def summary(errors: Sequence[tuple[float, float | None]]) -> str:
    """Return R@1 within 50 and 100 m and the median error, of the best match and the estimate."""
    first = [error for error, _ in errors]
    fused = [error for _, error in errors if error is not None]
    text = (
        f"{len(first)} queries: R@1 within 50 m {_share(first, 50):.1f} %, "
        f"within 100 m {_share(first, 100):.1f} %, median error {statistics.median(first):.1f} m"
    )
    if fused:
        text += (
            f"; {len(fused)} answered: fused position within 50 m {_share(fused, 50):.1f} %, "
            f"within 100 m {_share(fused, 100):.1f} %, "
            f"median error {statistics.median(fused):.1f} m"
        )
    return text


def _share(errors: Sequence[float], within_m: float) -> float:
    return 100 * sum(error <= within_m for error in errors) / len(errors)
