"""Ordered images of one view, with their places, positions and heights, for an evaluation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.network import View
from training.data.places import images_by_id

Position = tuple[float, float]
"""Latitude, longitude; degrees WGS 84."""


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images in order, the place of each and, where the source has them, positions."""

    role: str
    view: View
    files: tuple[Path, ...]
    places: tuple[str, ...]
    positions: tuple[Position, ...] | None = None
    """Ground point at the middle of each image."""
    heights_m: tuple[float, ...] | None = None
    """Height of each camera above ground."""

    @classmethod
    def read(cls, folder: Path, view: View) -> "ImageSet":
        """Return the images of `<folder>/<id>/<image>`.

        Raises:
            DataError: the folder is missing or empty.
        """
        return cls.of(folder.name, view, images_by_id(folder))

    @classmethod
    def of(cls, role: str, view: View, by_id: dict[str, list[Path]]) -> "ImageSet":
        """Return images by place id, in the order given."""
        files = tuple(file for group in by_id.values() for file in group)
        places = tuple(place for place, group in by_id.items() for _ in group)
        return cls(role=role, view=view, files=files, places=places)

    def __len__(self) -> int:
        return len(self.files)

    def pick(self, rows: Sequence[int]) -> "ImageSet":
        """Return the images at these indices."""
        return ImageSet(
            role=self.role,
            view=self.view,
            files=tuple(self.files[row] for row in rows),
            places=tuple(self.places[row] for row in rows),
            positions=self.positions and tuple(self.positions[row] for row in rows),
            heights_m=self.heights_m and tuple(self.heights_m[row] for row in rows),
        )

    def rows_by_place(self) -> dict[str, list[int]]:
        """Return the indices of each place's images, in order."""
        groups: dict[str, list[int]] = {}
        for row, place in enumerate(self.places):
            groups.setdefault(place, []).append(row)
        return groups

    def most_images(self) -> int:
        """Return the number of images of the place that has most."""
        return max(Counter(self.places).values(), default=0)


@dataclass(frozen=True, kw_only=True)
class Direction:
    """One retrieval task: queries against a gallery."""

    name: str
    query: ImageSet
    gallery: ImageSet


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A data set's test split."""

    layout: str
    directions: tuple[Direction, ...]
    has_places: bool = True
    """Whether queries and gallery share place ids, so that recall can be computed."""
    degrees_metric: bool = False
    """Whether DenseUAV's metrics are computed: SDM@K on degrees, and MA@m."""
