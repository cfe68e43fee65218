"""Measures the reliability of a confidence on queries that it was not fitted on.

Legend: N queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from indexer.localization.calibration import Sample, fit
from indexer.localization.confidence import Calibration, confidence, is_match

BINS = 10
"""Number of bins of equal width, as is usual for the expected calibration error."""

HALVINGS = 20
"""Number of random halves that are fitted and tested on the other half: one split is luck."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Reliability of a confidence on queries it was not fitted on; shares are 0..1.

    `bins` are (mean confidence, share correct, queries) of the filled ones. `answered` is the share
    of the in-map queries whose best match is right that are a `match`; `answered_right` the share
    of all `match` answers that is right, 1 where there is none.
    """

    queries: int
    expected_calibration_error: float
    bins: tuple[tuple[float, float, int], ...]
    out_of_map: int
    out_of_map_refused: float
    in_map_refused: float
    within_68: float
    within_95: float
    first_right: float
    """Share of the in-map queries whose best match is right."""
    answered: float
    answered_right: float
    answered_out_of_map: float
    """Share of the out-of-map queries that are a `match`."""


def report(samples: Sequence[Sample], fitted: Calibration) -> Report:
    """Measure a calibration on queries with known position."""
    sure_N = np.array([confidence(item.evidence, fitted) for item in samples])
    correct_N = np.array([item.correct for item in samples])
    in_map_N = np.array([item.in_map for item in samples])
    refused_N = sure_N < fitted.no_match_below
    answered_N = np.array([is_match(item.evidence, fitted) for item in samples])
    spreads_N = np.array([item.error_spreads for item in samples])[correct_N]
    bins = reliability(sure_N, correct_N)
    return Report(
        queries=len(samples),
        expected_calibration_error=sum(
            count * abs(sure - right) for sure, right, count in bins
        ) / max(1, len(samples)),
        bins=bins,
        out_of_map=int((~in_map_N).sum()),
        out_of_map_refused=_mean(refused_N[~in_map_N]),
        in_map_refused=_mean(refused_N[in_map_N]),
        within_68=_mean(spreads_N <= fitted.scale_68),
        within_95=_mean(spreads_N <= fitted.scale_95),
        first_right=_mean(correct_N[in_map_N]),
        answered=_mean(answered_N[correct_N]),
        answered_right=_mean(correct_N[answered_N]) if answered_N.any() else 1.0,
        answered_out_of_map=_mean(answered_N[~in_map_N]),
    )  # fmt: skip


def cross_validate(samples: Sequence[Sample]) -> Report:
    """Return means over random halvings, fitted on one half and measured on the other.

    The bins are of all halvings together.

    Raises:
        ValueError: a half has not both right and wrong best matches.
    """
    reports, pooled = [], []
    for seed in range(HALVINGS):
        order = np.random.default_rng(seed).permutation(len(samples))
        half = [samples[row] for row in order[::2]]
        rest = [samples[row] for row in order[1::2]]
        fitted = fit(half)
        reports.append(report(rest, fitted))
        pooled += [(confidence(item.evidence, fitted), item.correct) for item in rest]
    sure_N, correct_N = (np.array(values) for values in zip(*pooled, strict=True))

    shares = {
        field.name: float(np.mean([getattr(found, field.name) for found in reports]))
        for field in fields(Report)
        if field.type in (float, "float")
    }
    return Report(
        queries=len(samples),
        bins=reliability(sure_N, correct_N),
        out_of_map=sum(not item.in_map for item in samples),
        **shares,
    )


def without_each_source(samples: Sequence[Sample]) -> dict[str, Report]:
    """Return how each source fares under the fit of all the others.

    Raises:
        ValueError: the others have not both right and wrong best matches.
    """
    found = {}
    for source in sorted({item.source for item in samples}):
        fitted = fit([item for item in samples if item.source != source])
        found[source] = report([item for item in samples if item.source == source], fitted)
    return found


def reliability(
    sure_N: NDArray[np.float64], correct_N: NDArray[np.bool_]
) -> tuple[tuple[float, float, int], ...]:
    """Return (mean confidence, share correct, number of queries) of each filled bin, ascending."""
    place_N = np.minimum((sure_N * BINS).astype(int), BINS - 1)
    return tuple(
        (float(sure_N[place_N == b].mean()), float(correct_N[place_N == b].mean()), int(count))
        for b in range(BINS)
        if (count := (place_N == b).sum())
    )


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0
