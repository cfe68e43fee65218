"""Localizes the frames of a flight; what is found is kept in a file, so that a run can go on."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from indexer.errors import EmptySourceError
from indexer.gallery.interface import OpenGallery
from indexer.localization.answer import Answer
from indexer.localization.confidence import calibration_of
from indexer.localization.localize import JUDGED, decode_photo, localize
from indexer.records import Filters, Position, Prior
from indexer.tracking.candidates import Sighting
from indexer.tracking.flight import Flight, FlightFrame
from indexer.tracking.laid_photo import LaidPhoto
from indexer.tracking.place_map import PlaceMap
from indexer.tracking.second_search import Around
from indexer.tracking.sighting import nearby_sighting, sighting
from indexer.tracking.work_file import WorkFile
from model.descriptor_model import DescriptorModel
from model.errors import ImageError

WORK_FORMAT = "3"
"""What a work file keeps of a frame; files of another format are begun anew."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where a flight's frames are searched for.

    `fov_deg` is the angle of view across their width, degrees, for the camera; None: what their
    EXIF or XMP says, if anything.
    """

    prior: Prior | None = None
    filters: Filters | None = None
    fov_deg: float | None = None


def origin_of(gallery: OpenGallery) -> Position:
    """Return the middle of a gallery: latitude and longitude that a flight's metres count from.

    Raises:
        EmptySourceError: the gallery holds no image.
    """
    extent = gallery.extent()
    if extent is None:
        raise EmptySourceError(f"gallery {gallery.name!r} is empty; add images to it first")
    west, south, east, north = extent
    width = east - west if east >= west else east - west + 360.0
    return (south + north) / 2, (west + width / 2 + 180.0) % 360.0 - 180.0


def sightings(
    flight: Flight,
    gallery: OpenGallery,
    embedder: DescriptorModel,
    where: Where,
    work: Path | None = None,
) -> Iterator[Sighting]:
    """Yield what each frame shows, in order of time. A frame that cannot be read shows nothing.

    Args:
        flight: the frames.
        gallery: where to search.
        embedder: the weights that the gallery was built with.
        where: a circle or other conditions on the places.
        work: file of what was found; frames that stand there are not searched for again.

    Raises:
        EmptySourceError: the gallery holds no image.
        SourceError: a video breaks off.
    """
    origin = origin_of(gallery)
    done = WorkFile(work, _key(flight, gallery, embedder, where))
    try:
        for frame in _decoded_ahead(flight.frames(), embedder.input_size):
            yield done.take(frame) or done.keep(_found(frame, gallery, embedder, where, origin))
    finally:
        done.close()


def searched_again(
    flight: Flight,
    found: Sequence[Sighting],
    arounds: Mapping[int, Around],
    gallery: OpenGallery,
    embedder: DescriptorModel,
    where: Where,
    work: Path | None = None,
) -> Iterator[tuple[int, Sighting]]:
    """Yield, by row, what frames show around their place on the track, in order of time.

    Args:
        flight: the frames.
        found: what they showed at first.
        arounds: where to search, by row.
        gallery: where to search.
        embedder: the weights that the gallery was built with.
        where: other conditions on the places.
        work: file of what was found; frames that stand there are not searched for again.
    """
    origin = origin_of(gallery)
    calibration = calibration_of((embedder.matcher or embedder).calibration)
    wanted = (
        frame
        for row, frame in enumerate(islice(flight.frames(), max(arounds, default=-1) + 1))
        if row in arounds
    )
    done = WorkFile(work, _key(flight, gallery, embedder, where))
    try:
        for row, frame in zip(
            sorted(arounds), _decoded_ahead(wanted, embedder.input_size), strict=True
        ):
            before = done.take(frame, nearby=True)
            if before is not None:
                yield row, before
                continue
            answer = _answer(frame, gallery, embedder, replace(where, prior=arounds[row].circle))
            again = nearby_sighting(found[row], answer, calibration, origin, arounds[row].area_m2)
            maps = _maps(frame, arounds[row], answer, gallery, embedder, origin)
            yield row, done.keep(replace(again, maps=maps))
    finally:
        done.close()


def _maps(
    frame: FlightFrame,
    around: Around,
    answer: Answer,
    gallery: OpenGallery,
    embedder: DescriptorModel,
    origin: Position,
) -> tuple[PlaceMap, ...]:
    """Return how well a frame fits the ground around the places that it is expected at."""
    if around.shape is None or embedder.matcher is None or not answer.matches:
        return ()
    photo = decode_photo(frame.photo, embedder.input_size).image
    compared = LaidPhoto(photo, around.shape, embedder.matcher.fine)
    tiles = [match.record for match in answer.matches]
    return tuple(
        compared.place_map(guess, tiles, gallery, origin)
        for guess in around.guesses
        if guess.headings_deg
    )


def _decoded_ahead(frames: Iterator[FlightFrame], input_size: int) -> Iterator[FlightFrame]:
    """Yield the frames, decoded in a thread while the one before is searched for.

    A photo that cannot be decoded keeps its path: searching for it gives the error.
    """

    def decoded() -> FlightFrame | None:
        frame = next(frames, None)
        if frame is None or not isinstance(frame.photo, Path):
            return frame
        try:
            return replace(frame, photo=decode_photo(frame.photo, input_size))
        except ImageError:
            return frame

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(decoded)
        while (frame := coming.result()) is not None:
            coming = pool.submit(decoded)
            yield frame


def _found(
    frame: FlightFrame,
    gallery: OpenGallery,
    embedder: DescriptorModel,
    where: Where,
    origin: Position,
) -> Sighting:
    try:
        answer = _answer(frame, gallery, embedder, where)
    except ImageError as error:
        return Sighting(name=frame.name, time_s=frame.time_s, problem=str(error))
    used = embedder.matcher or embedder
    return sighting(frame.name, frame.time_s, answer, calibration_of(used.calibration), origin)


def _answer(
    frame: FlightFrame, gallery: OpenGallery, embedder: DescriptorModel, where: Where
) -> Answer:
    return localize(
        frame.photo,
        gallery,
        embedder,
        top_k=JUDGED,
        prior=where.prior,
        filters=where.filters,
        fov_deg=where.fov_deg,
    )


def _key(flight: Flight, gallery: OpenGallery, embedder: DescriptorModel, where: Where) -> str:
    parts = (
        WORK_FORMAT,
        str(flight.path.resolve()),
        gallery.name,
        gallery.version,
        embedder.sha256,
        "none" if embedder.matcher is None else embedder.matcher.name,
        json.dumps(asdict(where), default=str, sort_keys=True),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
