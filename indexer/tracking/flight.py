"""A flight's frames in order of time: a folder of photos, a list of them, or a video."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from PIL import Image

from indexer.errors import EmptySourceError, SourceError
from indexer.localization.localize import DecodedPhoto
from indexer.sources.listing import image_files
from indexer.sources.photos.metadata import read_photo_metadata
from indexer.tracking import video
from indexer.tracking.clock import counted_on, since_first, spread
from indexer.tracking.flight_table import read_table

LIST_SUFFIXES = (".txt", ".csv")
"""A list of photos: a path in every line, or a table with the column file and perhaps time."""

DEFAULT_EVERY_S = 1.0
"""Seconds between two frames of a video, and of photos without a time."""


@dataclass(frozen=True, kw_only=True)
class FlightFrame:
    """One frame: its name, its time in seconds, and the photo or the decoded picture."""

    name: str
    time_s: float
    photo: Path | Image.Image | DecodedPhoto


@dataclass(frozen=True, kw_only=True)
class Flight:
    """Frames in order of time. `frames()` reads them one by one.

    `start` is the moment that seconds count from; None where no frame has a date. `notes` are
    sentences about what was assumed.
    """

    path: Path
    count: int
    start: datetime | None = None
    notes: tuple[str, ...] = ()
    photos: tuple[tuple[Path, float], ...] = ()
    every_s: float = DEFAULT_EVERY_S

    def frames(self) -> Iterator[FlightFrame]:
        """Yield the frames; photos are not decoded yet.

        Raises:
            SourceError: the video breaks off.
        """
        for photo, time_s in self.photos:
            yield FlightFrame(name=self._name(photo), time_s=time_s, photo=photo)
        if not self.photos:
            for time_s, image in video.frames(self.path, self.every_s):
                name = f"{self.path.name}#t={time_s:.3f}"
                yield FlightFrame(name=name, time_s=time_s, photo=image)

    def _name(self, photo: Path) -> str:
        """Return the photo's path below the flight's folder, or its name."""
        folder = self.path if self.path.is_dir() else self.path.parent
        return str(photo.relative_to(folder)) if photo.is_relative_to(folder) else photo.name


def open_flight(path: Path, *, every_s: float = DEFAULT_EVERY_S) -> Flight:
    """Return the flight in a folder of photos, a list (.txt, .csv) or a video.

    Photos are ordered by their EXIF times where all have one, else as the list has them, else by
    name with `every_s` between them. A clock that jumps back is counted on.

    Args:
        path: folder, list or video.
        every_s: seconds between frames of a video, or of photos without a time.

    Raises:
        EmptySourceError: there is no frame.
        BadTableError: the list has a wrong line.
        SourceError: it is no video that can be read, or the reader of videos is not installed.
    """
    if path.is_dir():
        return _of_photos(path, sorted(image_files(path), key=_natural), every_s)
    if not path.exists():
        raise EmptySourceError(f"{path} does not exist; check the path")
    if path.suffix.lower() in LIST_SUFFIXES:
        return _of_list(path, every_s)
    return Flight(path=path, count=video.count(path, every_s), every_s=every_s)


def _of_list(path: Path, every_s: float) -> Flight:
    if path.suffix.lower() == ".txt":
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        files = [path.parent / line.strip() for line in lines if line.strip()]
        return _of_photos(path, files, every_s)
    table = read_table(path)
    if table.seconds is None:
        return _of_photos(path, table.files, every_s)
    return _timed(path, table.files, table.seconds, every_s, start=table.start)


def _of_photos(path: Path, files: Sequence[Path], every_s: float) -> Flight:
    if not files:
        raise EmptySourceError(f"{path} names no photo; check what it holds")
    headers = [_header(file) for file in files]
    known = [moment for moment, _ in headers if moment is not None]
    cameras = Counter(camera for _, camera in headers if camera is not None)
    notes = []
    if len(cameras) > 1:
        named = ", ".join(f"{name} ({count})" for name, count in cameras.most_common())
        notes.append(f"photos of {len(cameras)} cameras are one flight here: {named}")
    if len(known) < len(files):
        if len(files) > 1:
            notes.append(
                f"{len(files) - len(known)} of {len(files)} photos have no time: "
                f"all are taken as they are listed, {every_s:g} s apart"
            )
        seconds = [every_s * number for number in range(len(files))]
        return _ordered(path, files, seconds, None, notes)
    seconds = since_first(known)
    if len(cameras) > 1:
        return _ordered(path, files, seconds, min(known), [*notes, *_order_notes(seconds)])
    return _timed(path, files, seconds, every_s, start=min(known), notes=notes)


def _timed(
    path: Path,
    files: Sequence[Path],
    seconds: Sequence[float],
    every_s: float,
    *,
    start: datetime | None = None,
    notes: Sequence[str] = (),
) -> Flight:
    """Return the flight of photos that one clock timed, as they are listed."""
    if len(files) > 1 and len(set(seconds)) == 1:
        note = f"all photos have one time: they are taken as they are listed, {every_s:g} s apart"
        seconds = [every_s * number for number in range(len(files))]
        return _ordered(path, files, seconds, None, [*notes, note])
    seconds, jumps = counted_on(seconds)
    more = _order_notes(seconds)
    if jumps:
        times = "time" if len(jumps) == 1 else "times"
        more = [
            f"the clock jumps back {len(jumps)} {times}, first at {files[jumps[0]].name}: "
            "it is counted on from there"
        ]
    flight = _ordered(path, files, seconds, start, [*notes, *more])
    spread_s = spread([time_s for _, time_s in flight.photos])
    photos = [photo for photo, _ in flight.photos]
    return replace(flight, photos=tuple(zip(photos, spread_s, strict=True)))


def _order_notes(seconds: Sequence[float]) -> list[str]:
    if all(a <= b for a, b in pairwise(seconds)):
        return []
    return ["names and times are in different orders: the times count"]


def _ordered(
    path: Path,
    files: Sequence[Path],
    seconds: Sequence[float],
    start: datetime | None,
    notes: Sequence[str],
) -> Flight:
    photos = tuple(sorted(zip(files, seconds, strict=True), key=lambda one: one[1]))
    return Flight(path=path, count=len(photos), start=start, notes=tuple(notes), photos=photos)


def _header(file: Path) -> tuple[datetime | None, str | None]:
    """Return when and by which camera a photo was taken, as far as it says so."""
    try:
        metadata = read_photo_metadata(file)
    except (SourceError, OSError):
        return None, None
    moment = metadata.captured_at
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment, metadata.camera


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Return the sort key that puts photo_9 before photo_10."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]
