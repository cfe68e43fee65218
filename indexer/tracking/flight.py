"""A flight's frames in order of time: a folder of photos, a list of them, or a video."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from PIL import Image

from indexer.errors import BadTableError, EmptySourceError, SourceError
from indexer.localization.localize import DecodedPhoto
from indexer.sources.listing import image_files
from indexer.sources.photos.metadata import read_photo_metadata
from indexer.tracking import video

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
    name with `every_s` between them.

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
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or "file" not in rows[0]:
        raise BadTableError(f"{path.name}: lacks the column file; name each photo in one")
    files = [path.parent / (row["file"] or "").strip() for row in rows]
    if "time" not in rows[0]:
        return _of_photos(path, files, every_s)
    seconds_or_moments = [
        _time(row["time"], f"{path.name}, line {number}") for number, row in enumerate(rows, 2)
    ]
    moments = [each for each in seconds_or_moments if isinstance(each, datetime)]
    if not moments:
        seconds = [each for each in seconds_or_moments if isinstance(each, float)]
        return _ordered(path, list(zip(files, seconds, strict=True)), None, ())
    if len(moments) < len(files):
        raise BadTableError(f"{path.name}: some times are seconds, others moments; write one kind")
    return _ordered(path, _since_first(files, moments), min(moments), ())


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
        if known:
            notes.append(
                f"{len(files) - len(known)} of {len(files)} photos have no time: "
                f"all are taken in order of their names, {every_s:g} s apart"
            )
        timed = [(file, every_s * number) for number, file in enumerate(files)]
        return _ordered(path, timed, None, notes)
    timed = _since_first(files, known)
    if any(b < a for (_, a), (_, b) in pairwise(timed)):
        notes.append("names and times are in different orders: the times count")
    return _ordered(path, timed, min(known), notes)


def _since_first(files: Sequence[Path], moments: Sequence[datetime]) -> list[tuple[Path, float]]:
    start = min(moments)
    return [
        (file, (moment - start).total_seconds())
        for file, moment in zip(files, moments, strict=True)
    ]


def _ordered(
    path: Path,
    timed: Sequence[tuple[Path, float]],
    start: datetime | None,
    notes: Sequence[str],
) -> Flight:
    photos = tuple(sorted(timed, key=lambda one: one[1]))
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


def _time(text: str | None, where: str) -> float | datetime:
    """Return a number of seconds or an ISO moment; without a zone it is UTC.

    Raises:
        BadTableError: it is neither.
    """
    try:
        seconds = float(text or "")
    except ValueError:
        pass
    else:
        if math.isfinite(seconds):
            return seconds
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise BadTableError(
            f"{where}: time {text!r} is no number of seconds or ISO time"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
