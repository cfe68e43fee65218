"""Group the matches of a flight archive into parts of flights, in order of capture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.gallery.interface import OpenGallery
from indexer.records import Filters, ImageRecord, Match
from model.descriptor_model import FusedQuery

MAX_FLIGHTS = 10
"""Our choice: most flights in one answer, those of the best matches."""

MAX_TRACK = 500
"""Our choice: most images of one flight; about 17 minutes at one every 2 s."""


@dataclass(frozen=True, kw_only=True)
class SubTrack:
    """One flight from its first to its last matched image, in order of capture."""

    flight_id: str
    images: list[ImageRecord]
    matched_ids: list[str]
    truncated: bool


def sub_tracks(
    gallery: OpenGallery,
    query: FusedQuery,
    matches: Sequence[Match],
    filters: Filters | None,
) -> list[SubTrack]:
    """Return the flights of the matches, best match first.

    Images between two matched ones belong to the track even if they match less well: without
    them the way between would be missing.

    Args:
        gallery: the flight archive.
        query: the embedded query.
        matches: the matches returned to the client.
        filters: the request's conditions; they hold for the track as well.
    """
    flights = dict.fromkeys(m.record.flight_id for m in matches if m.record.flight_id is not None)
    tracks = []
    for flight_id in list(flights)[:MAX_FLIGHTS]:
        wanted = replace(filters or Filters(), flight_id=flight_id)
        found = gallery.search(query, top_k=MAX_TRACK, filters=wanted, verify=False)
        matched = [m.record for m in matches if m.record.flight_id == flight_id]
        tracks.append(_track(flight_id, [m.record for m in found], matched))
    return tracks


def _track(flight_id: str, found: list[ImageRecord], matched: list[ImageRecord]) -> SubTrack:
    by_id = {record.image_id: record for record in (*found, *matched)}
    ordered = sorted(by_id.values(), key=_moment)
    wanted = {record.image_id for record in matched}
    places = [place for place, record in enumerate(ordered) if record.image_id in wanted]
    part = ordered[places[0] : places[-1] + 1]
    return SubTrack(
        flight_id=flight_id,
        images=part,
        matched_ids=[record.image_id for record in part if record.image_id in wanted],
        truncated=len(found) >= MAX_TRACK,
    )


def _moment(record: ImageRecord) -> tuple[float, str]:
    """Return the sort key: time of capture, or the id where no time is known."""
    taken = record.captured_at
    return (float("-inf") if taken is None else taken.timestamp(), record.image_id)
