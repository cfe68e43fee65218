"""A folder of drone photos: each one carries its own position."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from indexer.errors import SourceError
from indexer.geo import square_corners
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import (
    Candidate,
    Source,
    SourceOptions,
    broken,
    file_fingerprint,
    file_id,
    image_files,
)
from indexer.sources.photo_metadata import PhotoMetadata, read_photo_metadata
from indexer.sources.reading import read_file

Corners = tuple[Position, Position, Position, Position]

_SHOWN = {1: (0, 1, 2, 3), 3: (2, 3, 0, 1), 6: (3, 0, 1, 2), 8: (1, 2, 3, 0)}
"""The sensor's corner at the shown picture's top left, top right, bottom right and bottom left, by
EXIF orientation; a mirrored picture (2, 4, 5, 7) shows no ground as it is."""


class PhotoSource(Source):
    """Photos with EXIF or drone-dji positions; the subfolder names the flight."""

    kind = "folder of drone photos"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__(path, options)
        self.view: View = options.view or "drone"

    def candidates(self) -> Iterator[Candidate]:
        """Every photo of the wanted area; those without a position are counted as failed."""
        for file in image_files(self.path):
            image_id = file_id(file.relative_to(self.path), self.options.id_prefix)
            try:
                metadata = read_photo_metadata(file)
            except SourceError as error:
                yield broken(file, image_id, self.view, error)
                continue
            if metadata.position is None:
                yield broken(file, image_id, self.view, _no_position(file))
            elif self.options.hold(*metadata.position):
                yield self._candidate(file, image_id, metadata, metadata.position)

    def everything(self) -> Iterator[Candidate]:
        """The same: a photo without a position lies in no area."""
        return self.candidates()

    def _candidate(
        self, file: Path, image_id: str, metadata: PhotoMetadata, position: Position
    ) -> Candidate:
        ground_m = metadata.ground_m
        folder = file.parent.relative_to(self.path).as_posix()
        record = ImageRecord(
            image_id=image_id,
            view=self.view,
            latitude=position[0],
            longitude=position[1],
            corners=_corners(metadata, position),
            gsd_m=None if ground_m is None else ground_m[0] / metadata.width_px,
            altitude_m=metadata.altitude_m,
            altitude_datum=metadata.altitude_datum,
            heading_deg=metadata.heading_deg,
            gimbal_pitch_deg=metadata.gimbal_pitch_deg,
            flight_id=self.path.name if folder == "." else folder,
            captured_at=metadata.captured_at,
            source=self.path.name,
        )
        return Candidate(
            record=record,
            location=str(file),
            fingerprint=file_fingerprint(file),
            read=lambda: read_file(file),
        )


def _no_position(file: Path) -> SourceError:
    return SourceError(f"{file.name} has no GPS position; give a CSV with its position")


def _corners(metadata: PhotoMetadata, position: Position) -> Corners | None:
    """The ground's corners, clockwise from the top left of the picture as it is shown."""
    if metadata.ground_m is None or metadata.heading_deg is None:
        return None
    sensor = square_corners(*position, *metadata.ground_m, metadata.heading_deg)
    shown = _SHOWN.get(metadata.orientation)
    return None if shown is None else cast(Corners, tuple(sensor[index] for index in shown))


def looks_like_photos(folder: Path) -> bool:
    """Whether one of a folder's first images carries a position."""
    for count, file in enumerate(image_files(folder)):
        try:
            if read_photo_metadata(file).position is not None:
                return True
        except SourceError:
            pass
        if count >= 20:
            return False
    return False
