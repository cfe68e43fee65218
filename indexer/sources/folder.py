"""A folder of maps, of photos that carry their own position, or of both, decided file by file."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from indexer.errors import SourceError
from indexer.records import View
from indexer.sources.candidate import Candidate, Source, SourceOptions, broken, file_id
from indexer.sources.count import Count
from indexer.sources.cutting.cut_into_tiles import CutSource
from indexer.sources.listing import RASTER_SUFFIXES, image_files, may_be_map
from indexer.sources.names import shown
from indexer.sources.photos.metadata import PhotoMetadata, read_photo_metadata
from indexer.sources.photos.photo import no_position, photo_candidate
from indexer.sources.rasters.geotiff import RasterGrid
from indexer.sources.rasters.opening import is_georeferenced

Kind = Literal["map", "photo", "neither"]

_PREFERRED = (".jpg", ".jpeg", ".mpo", ".heic", ".heif", ".png", ".webp", ".avif", ".tif", ".tiff")
"""Which of several pictures of one name is taken; others come last."""


class FolderSource(Source):
    """The maps of a folder, each cut on its own, or its photos.

    A gallery holds one view, so in a folder of both the other kind is left aside, counted and
    named; so is a second picture of the same name, such as the TIFF beside a JPEG.
    """

    def __init__(self, path: Path, options: SourceOptions, wanted: Kind) -> None:
        super().__init__(path, options)
        self._wanted = wanted
        self.view: View = options.view or ("satellite" if wanted == "map" else "drone")
        self.kind = "folder of GeoTIFFs" if wanted == "map" else "folder of drone photos"

    def everything(self) -> Iterator[Candidate]:
        """Yield every tile of every map, or every photo, in the order of the names."""
        self.left_aside.clear()
        files = image_files(self.path, self.left_aside)
        groups: dict[Path, list[Path]] = {}
        for file in files:
            groups.setdefault(file.with_suffix(""), []).append(file)
        for group in groups.values():
            yield from self._named_alike(sorted(group, key=_preference))

    def count(self, budget_s: float = 1.0) -> Count:
        """Return how many candidates will come; estimated from a part of many files."""
        ends, number, files = time.monotonic() + budget_s, 0, list(image_files(self.path))
        for done, file in enumerate(files, start=1):
            number += self._number_of(file)
            if time.monotonic() > ends and done < len(files):
                return Count(number=round(number * len(files) / done), exact=False)
        return Count(number=number, exact=True)

    def _number_of(self, file: Path) -> int:
        if self._wanted == "photo":
            return 1
        if not is_georeferenced(file):
            return int(may_be_map(file))
        try:
            return self._cut(file).count().number
        except SourceError:
            return 1

    def _named_alike(self, files: Sequence[Path]) -> Iterator[Candidate]:
        """Yield the candidates of the first wanted one of the files that share a name."""
        kinds = {file: kind_of(file) for file in files}
        chosen = next((file for file in files if kinds[file] == self._wanted), None)
        if chosen is None:
            chosen = next((file for file in files if self._fails(file, kinds[file])), None)
        for file in files:
            if file == chosen:
                yield from self._candidates_of(file)
            elif chosen is not None and kinds[file] in (self._wanted, "neither"):
                self.left_aside[f"{file.suffix.lower()} beside a picture of the same name"] += 1
            else:
                self.left_aside[_why_aside(kinds[file])] += 1

    def _fails(self, file: Path, kind: Kind) -> bool:
        """Return whether a file should have been usable here, so that it counts as failed."""
        if kind != "neither":
            return False
        return self._wanted == "photo" or file.suffix.lower() in RASTER_SUFFIXES

    def _candidates_of(self, file: Path) -> Iterator[Candidate]:
        try:
            if self._wanted == "map":
                source = self._cut(file)
                source.check()
                yield from source.candidates()
            else:
                yield self._photo(file)
        except SourceError as error:
            image_id = file_id(file.relative_to(self.path), self.options.id_prefix)
            yield broken(file, image_id, self.view, error)

    def _photo(self, file: Path) -> Candidate:
        metadata = read_photo_metadata(file)
        if metadata.position is None:
            raise no_position(file)
        return photo_candidate(file, self.path, metadata, self.view, self.options.id_prefix)

    def _cut(self, file: Path) -> CutSource:
        label = file_id(file.relative_to(self.path))
        return CutSource(RasterGrid(file), self.options, label)


def open_folder(path: Path, options: SourceOptions) -> FolderSource | None:
    """Return a folder's maps or photos, whichever the view is of; None without any.

    Without a view, maps count before photos.
    """
    order: tuple[Kind, Kind] = ("photo", "map") if options.view == "drone" else ("map", "photo")
    for wanted in order:
        if any(_may_be(file, wanted) and kind_of(file) == wanted for file in image_files(path)):
            return FolderSource(path, options, wanted)
    return None


def kind_of(file: Path) -> Kind:
    """Return what places an image: a map's reference system, a photo's position, or nothing."""
    if may_be_map(file) and is_georeferenced(file):
        return "map"
    try:
        metadata: PhotoMetadata = read_photo_metadata(file)
    except (SourceError, OSError):
        return "neither"
    return "photo" if metadata.position is not None else "neither"


def _may_be(file: Path, wanted: Kind) -> bool:
    return wanted == "photo" or may_be_map(file)


def _why_aside(kind: Kind) -> str:
    return {
        "map": "map (index it with --view satellite)",
        "photo": "photo with a position (index it with --view drone)",
        "neither": "picture that nothing places",
    }[kind]


def _preference(file: Path) -> tuple[int, str]:
    suffix = file.suffix.lower()
    place = _PREFERRED.index(suffix) if suffix in _PREFERRED else len(_PREFERRED)
    return place, shown(file.name)
