"""`track`: a folder of photos or a video in, a track out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from indexer.errors import EmptySourceError, SourceError
from indexer.gallery.interface import OpenGallery
from indexer.records import Filters, Prior
from indexer.tracking.candidates import Sighting
from indexer.tracking.fixes import Track
from indexer.tracking.flight import DEFAULT_EVERY_S, open_flight
from indexer.tracking.localizing import Where, origin_of, searched_again, sightings
from indexer.tracking.motion import motion_of
from indexer.tracking.second_search import doubtful
from indexer.tracking.track import track_of
from indexer.tracking.weighing import weighed
from model.descriptor_model import DescriptorModel

DEFAULT_MAX_SPEED_M_S = 25.0
"""Speed bound, m/s: few multicopters fly faster. Our choice."""


Item = TypeVar("Item")


class Watch(Protocol):
    """Shows progress: yields the items that it is given, of which there are about `total`."""

    def __call__(self, items: Iterable[Item], total: int, /) -> Iterable[Item]:
        """Return the items."""


def track(
    flight: str | Path,
    gallery: OpenGallery,
    embedder: DescriptorModel,
    *,
    every_s: float = DEFAULT_EVERY_S,
    max_speed_m_s: float = DEFAULT_MAX_SPEED_M_S,
    prior: Prior | None = None,
    filters: Filters | None = None,
    fov_deg: float | None = None,
    work: Path | None = None,
    watch: Watch | None = None,
) -> Track:
    """Find the track of a flight; GPS in its files is ignored, their times are used.

    Args:
        flight: a folder of photos, a list of them (.txt, .csv) or a video.
        gallery: where to search.
        embedder: the weights that the gallery was built with.
        every_s: seconds between frames of a video, or of photos without a time.
        max_speed_m_s: how fast the drone may fly.
        prior: a circle that the whole flight lies in.
        filters: other conditions on the places.
        fov_deg: angle of view across the frames' width, degrees, for the camera's track; None: what
            EXIF or XMP says, if anything.
        work: file of what was found in each frame; a run that was cut off goes on from it.
        watch: shows progress.

    Raises:
        EmptySourceError: there is no frame, or the gallery is empty.
        BadTableError: a list has a wrong line.
        SourceError: a video cannot be read.
        BadFieldOfViewError: `fov_deg` is out of its range.
        BadFilterError: the prior, a filter or the speed is out of its range.
        GalleryMismatchError: the gallery was built with other weights.
    """
    gallery.require_weights(embedder)
    opened = open_flight(Path(flight), every_s=every_s)
    extent, origin = gallery.extent(), origin_of(gallery)
    assert extent is not None
    motion = motion_of(extent, max_speed_m_s)
    notes = list(opened.notes)
    where = Where(prior=prior, filters=filters, fov_deg=fov_deg)
    coming: Iterable[Sighting] = _until_damage(
        sightings(opened, gallery, embedder, where, work), notes
    )
    found = list(watch(coming, opened.count) if watch is not None else coming)
    if not found:
        raise EmptySourceError(f"{opened.path} holds no frame; check what it holds")
    arounds = doubtful(found, motion, origin)
    again: Iterable[tuple[int, Sighting]] = searched_again(
        opened, found, arounds, gallery, embedder, where, work
    )
    nearby = dict(watch(again, len(arounds)) if watch is not None and arounds else again)
    outcome = track_of(weighed(found, nearby, arounds, motion, origin), motion, origin)
    return replace(outcome, start=opened.start, notes=(*notes, *outcome.notes))


def _until_damage(coming: Iterator[Sighting], notes: list[str]) -> Iterator[Sighting]:
    """Yield up to where a video breaks off, which becomes a note; at once it is an error."""
    any_yet = False
    try:
        for each in coming:
            any_yet = True
            yield each
    except SourceError as error:
        if not any_yet:
            raise
        notes.append(str(error))
