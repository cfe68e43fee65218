"""One drone photo that carries its own position, as a candidate."""

from pathlib import Path
from typing import cast

from indexer.errors import NoPositionError
from indexer.geo import square_corners
from indexer.records import ImageRecord, Position, View
from indexer.sources.candidate import Candidate, file_fingerprint, file_id
from indexer.sources.names import shown
from indexer.sources.photos.metadata import PhotoMetadata
from indexer.sources.reading import read_file

Corners = tuple[Position, Position, Position, Position]

_SHOWN = {1: (0, 1, 2, 3), 3: (2, 3, 0, 1), 6: (3, 0, 1, 2), 8: (1, 2, 3, 0)}
"""The sensor's corner at the shown picture's top left, top right, bottom right and bottom left, by
EXIF orientation; a mirrored picture (2, 4, 5, 7) shows no ground as it is."""


def photo_candidate(
    file: Path, root: Path, metadata: PhotoMetadata, view: View, prefix: str = ""
) -> Candidate:
    """Return a photo with its metadata; its subfolder below the root names the flight.

    Raises:
        NoPositionError: it has no usable position.
    """
    position = metadata.position
    if position is None:
        raise no_position(file)
    ground_m = metadata.ground_m
    folder = shown(file.parent.relative_to(root).as_posix())
    record = ImageRecord(
        image_id=file_id(file.relative_to(root), prefix),
        view=view,
        latitude=position[0],
        longitude=position[1],
        corners=_corners(metadata, position),
        gsd_m=None if ground_m is None else ground_m[0] / metadata.width_px,
        altitude_m=metadata.altitude_m,
        altitude_datum=metadata.altitude_datum,
        heading_deg=metadata.heading_deg,
        gimbal_pitch_deg=metadata.gimbal_pitch_deg,
        flight_id=shown(root.name) if folder == "." else folder,
        captured_at=metadata.captured_at,
        source=shown(root.name),
    )
    return Candidate(
        record=record,
        location=shown(file),
        fingerprint=file_fingerprint(file),
        read=lambda: read_file(file),
    )


def no_position(file: Path) -> NoPositionError:
    """Return the refusal of a photo without a usable position."""
    return NoPositionError(f"{shown(file.name)} has no GPS position; give a CSV with its position")


def _corners(metadata: PhotoMetadata, position: Position) -> Corners | None:
    """Return the ground's corners, clockwise from the top left of the picture as it is shown."""
    if metadata.ground_m is None or metadata.heading_deg is None:
        return None
    sensor = square_corners(*position, *metadata.ground_m, metadata.heading_deg)
    order = _SHOWN.get(metadata.orientation)
    return None if order is None else cast(Corners, tuple(sensor[index] for index in order))
