"""What every source gives: candidates, each with its metadata and a way to its pixels."""

import json
import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.errors import BadTableError, SourceError
from indexer.geo import inside_bounds
from indexer.polygons import box_around, inside_any, inside_polygon
from indexer.records import Bounds, ImageRecord, Position, Ring, View
from indexer.sources.count import Count
from indexer.sources.names import location_text, shown
from indexer.sources.reading import RawPicture


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that may enter a gallery.

    `location` names it to people; `fingerprint` is cheap and changes whenever the content may
    have changed; `read` decodes it and may raise SkippedImage, OSError or any SafeNetError.
    """

    record: ImageRecord
    location: str
    fingerprint: str
    read: Callable[[], RawPicture]


USUAL_OVERLAP = 0.75
"""Default overlap. Our choice: some tile is centred within an eighth of a side of any photo."""


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How a source is to be cut and filtered; lengths in metres, None: the source's own.

    Raises:
        SourceError: a value is out of its range.
    """

    view: View | None = None
    zoom: int | None = None
    tms: bool = False
    """The same as `rows="tms"`; kept for galleries that were made with it."""
    rows: Literal["xyz", "tms", "zyx"] | None = None
    tile_m: tuple[float, ...] = ()
    overlap: float = USUAL_OVERLAP
    gsd_m: float | None = None
    bounds: Bounds | None = None
    mask: tuple[Ring, ...] = ()
    min_opaque: float = 0.5
    id_prefix: str = ""
    captured_at: str = ""
    """Moment (ISO 8601 with its zone) of images that carry none."""

    def __post_init__(self) -> None:
        if self.view not in (None, "satellite", "drone"):
            raise SourceError(f"--view {self.view!r} is no view; say satellite or drone")
        if self.rows not in (None, "xyz", "tms", "zyx"):
            raise SourceError(
                f"--rows {self.rows!r} is unknown; say xyz (rows count from the north), "
                "tms (from the south) or zyx (rows before columns)"
            )
        if not 0.0 <= self.overlap <= 0.9:
            raise SourceError(
                f"--overlap {self.overlap} is outside 0..0.9; 0.75 steps by a quarter of a tile"
            )
        if any(not 1.0 <= side <= 100_000.0 for side in self.tile_m):
            sides = ",".join(f"{side:g}" for side in self.tile_m)
            raise SourceError(f"--tile-m {sides} is outside 1..100000 m; give sides such as 150")
        if self.gsd_m is not None and not 0.001 <= self.gsd_m <= 1000.0:
            raise SourceError(f"--gsd {self.gsd_m} is outside 0.001..1000 m per pixel")
        if not 0.0 <= self.min_opaque <= 1.0:
            raise SourceError(f"--min-opaque {self.min_opaque} is outside 0..1")
        if self.bounds is not None:
            west, south, east, north = self.bounds
            if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
                raise SourceError(
                    f"--bbox {','.join(map(str, self.bounds))} is no box; give "
                    "west,south,east,north in degrees with south < north"
                )

    @property
    def wanted_rows(self) -> str | None:
        """Row order that the user chose; None: the source decides."""
        return self.rows or ("tms" if self.tms else None)

    def hold(self, latitude: float, longitude: float) -> bool:
        """Return whether a position lies in the wanted area (bounds and mask)."""
        if self.bounds is not None and not inside_bounds(latitude, longitude, self.bounds):
            return False
        return not self.mask or any(inside_polygon(latitude, longitude, ring) for ring in self.mask)

    def hold_all(
        self, latitudes_N: NDArray[np.float64], longitudes_N: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return whether each position lies in the wanted area: bool [N]; as `hold`."""
        held_N = np.ones(len(latitudes_N), dtype=np.bool_)
        if self.bounds is not None:
            west, south, east, north = self.bounds
            held_N &= (south <= latitudes_N) & (latitudes_N <= north)
            after_west_N, before_east_N = west <= longitudes_N, longitudes_N <= east
            held_N &= after_west_N & before_east_N if west <= east else after_west_N | before_east_N
        if self.mask:
            held_N &= inside_any(latitudes_N, longitudes_N, self.mask)
        return held_N


class Source(ABC):
    """A place images come from.

    `kind` names it to people, `notes` is what it decided on its own and the user should know.
    `left_aside` counts by kind what lies there and gives no candidate; it is complete when the
    candidates have been walked through.
    """

    kind: str
    view: View
    ids_are_unique = False
    """Whether no two candidates can have one id, so that none need be compared."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.options = options
        self.notes: list[str] = []
        self.left_aside: Counter[str] = Counter()

    @abstractmethod
    def everything(self) -> Iterator[Candidate]:
        """Yield every candidate, always in the same order; no pixels are read."""

    def candidates(self) -> Iterator[Candidate]:
        """Yield every candidate whose centre lies in the wanted area."""
        for candidate in self.everything():
            record = candidate.record
            # A file that cannot be used lies nowhere, and is counted in any area.
            if math.isnan(record.latitude) or self.options.hold(record.latitude, record.longitude):
                yield self.dated(candidate)

    def count(self, budget_s: float = 1.0) -> Count:
        """Return how many candidates will come; at least so many where counting takes longer."""
        ends, number = time.monotonic() + budget_s, 0
        for number, _ in enumerate(self.candidates(), start=1):
            if number % 64 == 0 and time.monotonic() > ends:
                return Count(number=number, exact=False)
        return Count(number=number, exact=True)

    def spread(self, number: int, total: int) -> Iterator[Candidate]:
        """Yield about so many of `total` candidates, spread over all of them."""
        return islice(self.candidates(), 0, None, max(1, total // number))

    def extent(self, budget_s: float = 0.5) -> Bounds | None:
        """Return where the images lie, wanted or not; of those that can be read in the time."""
        ends = time.monotonic() + budget_s
        places: list[Position] = []
        for candidate in self.everything():
            record = candidate.record
            if not math.isnan(record.latitude):
                places += record.corners or ((record.latitude, record.longitude),)
            if time.monotonic() > ends:
                break
        return box_around(places)

    def dated(self, candidate: Candidate) -> Candidate:
        """Return a candidate with the date of the options, where it has none of its own."""
        if candidate.record.captured_at is not None or not self.options.captured_at:
            return candidate
        moment = datetime.fromisoformat(self.options.captured_at)
        return replace(candidate, record=replace(candidate.record, captured_at=moment))

    def check(self, budget_s: float = math.inf) -> None:  # noqa: B027  most need no more
        """Check what metadata alone does not show, before anything is changed.

        Args:
            budget_s: look no longer than so many seconds.

        Raises:
            SourceError: the source is not usable as a whole.
        """


def identity(source: Source) -> tuple[str, str]:
    """Return what makes a source the same one again: its place and how it is cut."""
    return location_text(source.path), options_text(source.options)


def options_text(options: SourceOptions) -> str:
    """Return the options that differ from the defaults, as stable JSON."""
    chosen = {
        item.name: getattr(options, item.name)
        for item in fields(SourceOptions)
        if getattr(options, item.name) != item.default
    }
    return json.dumps(chosen, sort_keys=True)


def options_from_text(text: str) -> SourceOptions:
    """Inverse of `options_text`."""
    return SourceOptions(**{key: _tuples(value) for key, value in json.loads(text).items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def pages(candidates: Iterator[Candidate], size: int = 256) -> Iterator[list[Candidate]]:
    """Yield candidates in lists of a bounded length."""
    while page := list(islice(candidates, size)):
        yield page


def broken(path: Path, image_id: str, view: View, error: Exception) -> Candidate:
    """Return a file that cannot be used, kept in the count: reading it raises the reason."""

    def fail() -> RawPicture:
        raise error

    record = ImageRecord(image_id=image_id, view=view, latitude=math.nan, longitude=math.nan)
    return Candidate(
        record=record, location=shown(path), fingerprint=file_fingerprint(path), read=fail
    )


def check_position(latitude: float, longitude: float, where: str) -> None:
    """Refuse what is no place on Earth.

    Raises:
        BadTableError: latitude or longitude is out of range or not a number.
    """
    if not -90.0 <= latitude <= 90.0:
        raise BadTableError(f"{where}: latitude {latitude:g} is outside -90..90; correct it")
    if not -180.0 <= longitude <= 180.0:
        raise BadTableError(f"{where}: longitude {longitude:g} is outside -180..180; correct it")


def file_fingerprint(path: Path) -> str:
    """Return size and modification time of a file; "missing" where it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return "missing"
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def file_id(relative: Path, prefix: str = "") -> str:
    """Return an image id from a relative path: no suffix, folders joined by '~'."""
    return prefix + shown("~".join(relative.with_suffix("").parts))
