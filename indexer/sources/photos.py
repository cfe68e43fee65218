"""A folder of drone photos: each one carries its own position."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from indexer.errors import SourceError
from indexer.geo import square_corners
from indexer.records import ImageRecord, View
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
            if self.options.hold(metadata.latitude, metadata.longitude):
                yield self._candidate(file, image_id, metadata)

    def everything(self) -> Iterator[Candidate]:
        """The same: a photo without a position lies in no area."""
        return self.candidates()

    def _candidate(self, file: Path, image_id: str, metadata: PhotoMetadata) -> Candidate:
        ground_m = metadata.ground_m
        corners = None
        if ground_m is not None:
            corners = square_corners(
                metadata.latitude, metadata.longitude, *ground_m, metadata.heading_deg or 0.0
            )
        folder = file.parent.relative_to(self.path).as_posix()
        record = ImageRecord(
            image_id=image_id,
            view=self.view,
            latitude=metadata.latitude,
            longitude=metadata.longitude,
            corners=cast(Any, corners),
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


def looks_like_photos(folder: Path) -> bool:
    """Whether one of a folder's first images carries a position."""
    for count, file in enumerate(image_files(folder)):
        try:
            read_photo_metadata(file)
        except SourceError:
            if count >= 20:
                return False
            continue
        return True
    return False
