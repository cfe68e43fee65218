"""A test on overhead images: queries are warped like drone views, the gallery is all places.

`index.csv` (file, pair_id, date, lat, lon), where there is one, lists the images of one place in
different years; without years every warped image must find its own original.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.data.image_sets import Benchmark, ImageSet, Position
from training.data.overhead_index import read_index
from training.data.places import SUFFIXES
from training.errors import DataError
from training.evaluation.embedding import ImageSetEmbedder, Perturbation
from training.evaluation.evaluation import (
    EmbeddedGallery,
    EmbeddedQueries,
    Rules,
    Score,
    embedded_queries,
    score,
)
from training.learning.augmentation import jitter_colour
from training.learning.warps import FLAT_AS_FLOWN, WarpRange, random_homography, warp

DECODED_PX = 256
"""Images are warped from this size, as in training, so that a close view is not a blur."""


@dataclass(frozen=True, kw_only=True)
class OverheadTest:
    """Selection of query and gallery images, and the change of the queries."""

    include: tuple[str, ...] = ()
    """Only images whose relative path contains one of these words are used; empty: all."""
    gallery_year: str | None = None
    query_year: str | None = None
    views: int = 1
    """Number of differently warped views of every query image, each a query of its own."""
    seed: int = 0
    warps: WarpRange = FLAT_AS_FLOWN
    colour: float = 0.0
    """Strength of random colour, light and haze: 1 as in training, 0 for none."""


def as_flown(side: int, test: OverheadTest, view: int) -> Perturbation:
    """Return a perturbation by random warps, then colours; edges are mirrored."""
    seed = test.seed * 1009 + view

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        own = torch.Generator().manual_seed(seed * 1_000_003 + generator.initial_seed())
        matrix_N33 = random_homography(len(images_N3SS), test.warps, own)
        warped = warp(images_N3SS, matrix_N33, side, "reflection")
        return jitter_colour(warped, test.colour, own) if test.colour else warped

    name = f"as flown, seed {seed}, {test.warps}, colour {test.colour}"
    return Perturbation(name, apply, decoded_px=DECODED_PX)


def evaluate_overhead(
    root: Path, test: OverheadTest, embedder: ImageSetEmbedder, rules: Rules
) -> Score:
    """Return recall, average precision and, where positions are known, metres.

    Raises:
        DataError: no image matches, or no place is in both years.
    """
    query, gallery = read_sides(root, test)
    side = embedder.config.input_size
    by_view = [
        embedded_queries(query, embedder, as_flown(side, test, view)) for view in range(test.views)
    ]
    repeated = query.pick([row for _ in by_view for row in range(len(query))])
    return score(
        EmbeddedQueries(
            images=repeated,
            queries=[one for view in by_view for one in view.queries],
            sources=[one for view in by_view for one in view.sources],
        ),
        EmbeddedGallery(images=gallery, rows=embedder.gallery(gallery), matcher=embedder.matcher),
        Benchmark(layout="overhead", directions=()),
        rules,
    )


def read_sides(root: Path, test: OverheadTest) -> tuple[ImageSet, ImageSet]:
    """Return the query images and the gallery images.

    Raises:
        DataError: no image matches, or no place is in both years.
    """
    images = [image for image in _images(root) if _included(image.file, root, test.include)]
    gallery = _of_year(images, test.gallery_year)
    gallery_places = {image.place for image in gallery}
    query = [image for image in _of_year(images, test.query_year) if image.place in gallery_places]
    if not query:
        words = " or ".join(test.include) or "anything"
        raise DataError(
            f"{root} holds no place named {words} in both {test.query_year or 'any year'} and "
            f"{test.gallery_year or 'any year'}; see the dates in index.csv"
        )
    return _image_set("query_flown", query), _image_set("gallery_overhead", gallery)


@dataclass(frozen=True, kw_only=True)
class _Image:
    file: Path
    place: str
    year: str
    position: Position | None


def _images(root: Path) -> list[_Image]:
    if not root.is_dir():
        raise DataError(f"data {root} is not a folder; expected overhead images")
    index = read_index(root)
    if not index:
        files = sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES)
        return [_Image(file=file, place=str(file), year="", position=None) for file in files]
    return [
        _Image(
            file=root / image.file,
            place=image.pair_id or image.file,
            year=image.date[:4],
            position=image.position,
        )
        for image in index.values()
    ]


def _included(file: Path, root: Path, include: Iterable[str]) -> bool:
    words = tuple(include)
    return not words or any(word in file.relative_to(root).as_posix() for word in words)


def _of_year(images: list[_Image], year: str | None) -> list[_Image]:
    return images if year is None else [image for image in images if image.year == year]


def _image_set(role: str, images: list[_Image]) -> ImageSet:
    positions = tuple(image.position for image in images if image.position is not None)
    return ImageSet(
        role=role,
        view="drone" if role.startswith("query") else "satellite",
        files=tuple(image.file for image in images),
        places=tuple(image.place for image in images),
        positions=positions if len(positions) == len(images) else None,
    )
