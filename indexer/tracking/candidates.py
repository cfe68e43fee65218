"""Candidate places of one frame: where its answer's matches put it, and how likely each is."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from indexer.geo import offset
from indexer.records import Position
from indexer.tracking.place_map import PlaceMap

NORMAL_68 = 1.515
"""Radius that holds 68 % of a circular normal distribution, in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A place that one frame may show.

    `north_m` and `east_m` count from the flight's origin to the ground in the middle of the photo,
    `sigma_m` is their standard deviation on each axis. `heading_deg` and `size_m`, the side of the
    ground in the photo, are None where unknown. `probability` is that of this place, without the
    other frames.
    """

    north_m: float
    east_m: float
    sigma_m: float
    probability: float
    heading_deg: float | None = None
    size_m: float | None = None
    is_expected: bool = False
    """Whether the other frames put it there, and not the photo itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraPlace:
    """Where the first candidate puts the camera, in the flight's metres, and where it looked.

    `sigma_m` is the standard deviation of the position on each axis; angles as `CameraEstimate`.
    """

    north_m: float
    east_m: float
    height_m: float
    sigma_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What one frame shows: its name, its time (s), its candidates, best first.

    `problem` is why there are none, where the frame cannot be read. `none` is the probability
    that no candidate is right, `area_m2` the area that was searched; None: the whole map. `maps`
    compare the photo with the ground around the places that other frames expect it at.
    """

    name: str
    time_s: float
    candidates: tuple[Candidate, ...] = ()
    none: float = 1.0
    problem: str | None = None
    area_m2: float | None = None
    camera: CameraPlace | None = None
    """None where the field of view is unknown, or the frame does not determine it."""
    shape: tuple[float, ...] | None = None
    """How the first candidate puts the photo on the ground, see `laid_photo.Shape`; None where it
    does not."""
    maps: tuple[PlaceMap, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return what `to_dict` gave."""
        candidates = tuple(Candidate(**each) for each in values["candidates"])
        camera = values.get("camera")
        shape = values.get("shape")
        others = {
            "candidates": candidates,
            "camera": None if camera is None else CameraPlace(**camera),
            "shape": None if shape is None else tuple(shape),
            "maps": tuple(PlaceMap(**each) for each in values.get("maps", ())),
        }
        return cls(**{**values, **others})


def position(origin: Position, north_m: float, east_m: float) -> Position:
    """Return the latitude and longitude of a place in the flight's metres."""
    return offset(*origin, north_m, east_m)
