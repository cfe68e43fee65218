"""A flight sent to the service frame by frame."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import httpx

from service.client.answers import read
from service.client.questions import ImageFile, checked, multipart, query_string

TrackFormat = Literal["json", "geojson", "gpx", "kml", "csv"]


@dataclass(frozen=True, kw_only=True)
class CameraFix:
    """Where the drone's camera was; height above the map's ground."""

    latitude: float
    longitude: float
    height_m: float
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None


@dataclass(frozen=True, kw_only=True)
class Fix:
    """The fix of one frame: the ground in the middle of the photo, not the drone's position.

    Degrees WGS 84, metres; positions and radii are None for a frame that is `lost`. `located`: the
    frame shows the place; `bridged`: the motion between its neighbours gives it.
    """

    name: str
    time_s: float
    time: datetime | None
    status: str
    confidence: float
    latitude: float | None
    longitude: float | None
    accuracy_m_68: float | None
    accuracy_m_95: float | None
    heading_deg: float | None
    speed_m_s: float | None
    segment: int | None
    problem: str | None
    camera: CameraFix | None = None
    """None where the field of view is unknown or too few frames determine it."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What came back for a frame; `searched` is `nearby` or `everywhere`."""

    frame: int
    searched: str
    fix: Fix
    total_ms: float


class OpenTrack:
    """A track at the service; `Client.begin_track` opens it. Leaving the block deletes it."""

    def __init__(self, http: httpx.Client, opened: dict[str, Any]) -> None:
        """Take a track that was just opened.

        Args:
            http: connection to the service.
            opened: its answer.
        """
        self._http = http
        self.track_id: str = opened["track_id"]
        self.gallery: str = opened["gallery"]
        self._url = f"/tracks/{self.track_id}"

    def add(self, image: ImageFile, time: float | datetime | None = None) -> Frame:
        """Send the next frame and return its fix.

        Args:
            image: a path or encoded bytes.
            time: seconds, or a moment; None: the moment of arrival. Of one kind for all frames.

        Raises:
            ProblemError: the service refused.
        """
        response = self._http.post(
            f"{self._url}/frames", params=query_string({"time": time}), files=multipart(image)
        )
        return read(Frame, checked(response).json())

    def result(self, format: TrackFormat = "json") -> Any:
        """Return the track so far, smoothed: a dict (json, geojson) or text.

        Raises:
            ProblemError: the service refused.
        """
        response = checked(self._http.get(self._url, params={"format": format}))
        return response.json() if format in ("json", "geojson") else response.text

    def delete(self) -> None:
        """Drop the track.

        Raises:
            ProblemError: the service refused.
        """
        checked(self._http.delete(self._url))

    def fixes(
        self, images: Iterable[ImageFile], times: Iterable[float | datetime] | None = None
    ) -> Iterator[Fix]:
        """Send frames in order and yield the fix of each.

        Raises:
            ProblemError: the service refused one.
        """
        if times is None:
            for image in images:
                yield self.add(image).fix
        else:
            for image, time in zip(images, times, strict=True):
                yield self.add(image, time).fix

    def __enter__(self) -> "OpenTrack":
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()
