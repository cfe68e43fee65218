"""Where the sure frames and the photo itself together put a doubtful frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.tracking.legs import Expected
from indexer.tracking.place_map import PlaceMap

PLACE_M = 12.0
"""Radius of one place, m: half of what counts as found. Our choice."""

MOST_PLACES = 4
"""Number of places that are taken from the maps. Our choice."""

SHOWN = 2.0
"""How much likelier than an average place one must be for the photo to show it. Our choice."""

FLOOR_M = 2.5
"""Standard deviation of a shown place on each axis, at least, m: half a step of the maps."""


@dataclass(frozen=True, kw_only=True)
class ShownPlace:
    """A place, its weight beside the others, and whether the photo itself shows it.

    Weights of places that the photo says nothing about sum to one.
    """

    expected: Expected
    weight: float
    is_shown: bool


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Places of all maps: position, area (m2) and ratio of likelihoods, each [C]."""

    north_C: NDArray[np.float64]
    east_C: NDArray[np.float64]
    area_C: NDArray[np.float64]
    ratio_C: NDArray[np.float64]


def ratio_at(maps: Sequence[PlaceMap], north_m: float, east_m: float, sigma_m: float) -> float:
    """Return how much likelier the photo is at a place than at an average one; 1 beyond the maps.

    Args:
        maps: of the photo.
        north_m: of the place, from the flight's origin.
        east_m: of the place.
        sigma_m: standard deviation of the place on each axis.
    """
    if not maps:
        return 1.0
    cells = _cells(maps)
    width_m = max(sigma_m, maps[0].step_m / 2)
    share_C = _density(cells, north_m, east_m, width_m) * cells.area_C
    inside = float(share_C.sum())
    mean = float(share_C @ cells.ratio_C) / max(inside, 1.0)
    return mean + max(0.0, 1.0 - inside)


def shown_places(expected: Sequence[Expected], maps: Sequence[PlaceMap]) -> list[ShownPlace]:
    """Return the places that the photo shows, and the expected ones as far as it says nothing.

    Args:
        expected: where the sure frames put the photo; their shares sum to one.
        maps: of the photo; none: the expected places stay as they are.
    """
    if not maps:
        return [ShownPlace(expected=one, weight=one.share, is_shown=False) for one in expected]
    cells = _cells(maps)
    before_EC = np.stack([_prior(one, cells) for one in expected])
    after_EC = before_EC * cells.ratio_C
    found = []
    for _ in range(MOST_PLACES):
        at = int(after_EC.sum(axis=0).argmax())
        here_C = (
            np.hypot(cells.north_C - cells.north_C[at], cells.east_C - cells.east_C[at]) <= PLACE_M
        )
        weight_C = np.where(here_C, after_EC.sum(axis=0), 0.0)
        if weight_C.sum() <= SHOWN * before_EC[:, here_C].sum():
            break  # both are zero where no expected place lies on the maps
        nearest = expected[int(after_EC[:, here_C].sum(axis=1).argmax())]
        found.append(_place(weight_C, cells, nearest, is_shown=True))
        after_EC[:, here_C] = 0.0
        before_EC[:, here_C] = 0.0
    for one, weight_C in zip(expected, after_EC, strict=True):
        beyond = max(0.0, one.share - float(_prior(one, cells).sum()))
        rest = float(weight_C.sum()) + beyond
        found.append(ShownPlace(expected=one, weight=rest, is_shown=False))
    return found


def _cells(maps: Sequence[PlaceMap]) -> _Cells:
    """Return the places of all maps, each once."""
    parts = []
    for number, each in enumerate(maps):
        north_RR, east_RR = each.places()
        ratio_RR = each.ratios()
        new_RR = np.ones(ratio_RR.shape, dtype=bool)
        for earlier in maps[:number]:
            new_RR &= ~earlier.holds(north_RR, east_RR)
        area_RR = np.full(ratio_RR.shape, each.step_m**2)
        parts.append([values[new_RR] for values in (north_RR, east_RR, area_RR, ratio_RR)])
    north_C, east_C, area_C, ratio_C = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _Cells(north_C=north_C, east_C=east_C, area_C=area_C, ratio_C=ratio_C)


def _prior(one: Expected, cells: _Cells) -> NDArray[np.float64]:
    """Return the probability of an expected place for every cell [C]."""
    density_C = _density(cells, one.north_m, one.east_m, one.sigma_m)
    prior_C: NDArray[np.float64] = one.share * density_C * cells.area_C
    return prior_C * min(1.0, one.share / max(float(prior_C.sum()), 1e-300))


def _density(cells: _Cells, north_m: float, east_m: float, sigma_m: float) -> NDArray[np.float64]:
    """Return the density of a normal distribution at every cell, 1/m2: [C]."""
    squared_C = (cells.north_C - north_m) ** 2 + (cells.east_C - east_m) ** 2
    density_C: NDArray[np.float64] = np.exp(-squared_C / (2 * sigma_m**2))
    return density_C / (2 * math.pi * sigma_m**2)


def _place(
    weight_C: NDArray[np.float64], cells: _Cells, nearest: Expected, *, is_shown: bool
) -> ShownPlace:
    """Return the mean of cells."""
    weight = float(weight_C.sum())
    north_m = float(weight_C @ cells.north_C) / weight
    east_m = float(weight_C @ cells.east_C) / weight
    squared_C = (cells.north_C - north_m) ** 2 + (cells.east_C - east_m) ** 2
    sigma_m = math.hypot(math.sqrt(float(weight_C @ squared_C) / weight / 2), FLOOR_M)
    place = replace(nearest, north_m=north_m, east_m=east_m, sigma_m=sigma_m)
    return ShownPlace(expected=place, weight=weight, is_shown=is_shown)
