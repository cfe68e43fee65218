"""Splits the places of a ground into parts that share none of it.

The first part trains, the second chooses between weights, and the third is only for the report.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.image_sets import Benchmark, Direction, ImageSet, Position
from training.data.places import Place
from training.errors import DataError

_HELD_OUT = 0.17
"""Our choice: the share of the places in each of the two held-out parts."""
FEWEST_TO_TRAIN, FEWEST_HELD_OUT = 16, 4
"""Our choice: with fewer places neither a batch nor a percentage means much."""
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, kw_only=True)
class LocatedPlace:
    """A place and the middle of its tile, degrees WGS 84."""

    place: Place
    position: Position


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The places of each part; those between two parts are in none."""

    train: tuple[LocatedPlace, ...]
    choose: tuple[LocatedPlace, ...]
    report: tuple[LocatedPlace, ...]


def split(places: Sequence[LocatedPlace], span_m: float) -> Parts:
    """Return the parts: both ends of the ground along its longer side are held out.

    No tile of one part overlaps a tile of another.

    Args:
        places: all places.
        span_m: side of their tiles.

    Raises:
        DataError: the ground is too small for three parts.
    """
    along_N = _metres(places)
    low, high = np.quantile(along_N, (_HELD_OUT, 1 - _HELD_OUT)) if len(places) else (0.0, 0.0)
    inner_N = (along_N > low + span_m) & (along_N < high - span_m)
    parts = Parts(
        train=tuple(place for place, inner in zip(places, inner_N, strict=True) if inner),
        choose=tuple(place for place, at in zip(places, along_N, strict=True) if at >= high),
        report=tuple(place for place, at in zip(places, along_N, strict=True) if at <= low),
    )
    held_out = min(len(parts.choose), len(parts.report))
    if len(parts.train) < FEWEST_TO_TRAIN or held_out < FEWEST_HELD_OUT:
        raise DataError(
            f"the ground holds {len(places)} places of {span_m:g} m: {len(parts.train)} to train "
            f"on and {held_out} to hold out, at least {FEWEST_TO_TRAIN} and {FEWEST_HELD_OUT} are "
            "needed; use a smaller --span, or a larger map"
        )
    return parts


def _metres(places: Sequence[LocatedPlace]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return where places lie along the longer side of the ground, metres."""
    degrees_N2 = np.array([place.position for place in places]).reshape(-1, 2)
    north_N = degrees_N2[:, 0] * _M_PER_DEGREE
    narrow = math.cos(math.radians(float(degrees_N2[:, 0].mean()))) if len(places) else 1.0
    east_N = degrees_N2[:, 1] * _M_PER_DEGREE * narrow
    if not len(places) or np.ptp(north_N) >= np.ptp(east_N):
        return north_N
    return east_N


def benchmark(part: Sequence[LocatedPlace], everything: Sequence[LocatedPlace]) -> Benchmark:
    """Return a part's drone images as queries against the tiles of the whole ground."""
    queries, tiles = [one.place for one in part], [one.place for one in everything]
    drone = {place.place_id: list(place.drone) for place in queries}
    satellite = {place.place_id: list(place.satellite) for place in tiles}
    direction = Direction(
        name="drone→satellite",
        query=ImageSet.of("drone", "drone", drone),
        gallery=ImageSet.of("satellite", "satellite", satellite),
    )
    return Benchmark(layout="University-1652", directions=(direction,))
