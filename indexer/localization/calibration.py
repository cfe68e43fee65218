"""Fits the parameters of the confidence and measures its reliability.

They are stored in the weights' card under "calibration". Legend: N queries, F features.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from indexer.geo import distance_m
from indexer.localization.answer import Answer
from indexer.localization.confidence import UNCALIBRATED, Calibration, Evidence, confidence
from indexer.localization.estimate import reach_m
from indexer.records import Position

BINS = 10
"""Number of bins of equal width, as is usual for the expected calibration error."""

IN_MAP_LOST = 0.05
"""Largest share of in-map queries that may be answered `no_match`. Our choice."""

OUT_OF_MAP_REFUSED = 0.995
"""Share of out-of-map queries that is refused; with it fewer in-map queries may be lost."""

MATCH_PRECISION = 0.95
"""Least share of the `match` answers that must be right. Our choice."""

MATCH_CONFIDENCE = 0.9
"""Least confidence of a `match`, however right the more confident answers are. Our choice."""

HALVINGS = 20
"""Number of random halves that are fitted and tested on the other half: one split is luck."""

_RIDGE = 0.1


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One query whose true position is known.

    `correct`: the best match lies within its own reach of the truth; `in_map`: some gallery image
    does; `error_spreads`: the error of the fused position in units of its spread.
    """

    evidence: Evidence
    correct: bool
    in_map: bool
    error_spreads: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """Reliability of a confidence on queries it was not fitted on; shares are 0..1.

    `bins` are (mean confidence, share correct, queries) of the filled ones.
    """

    queries: int
    expected_calibration_error: float
    bins: tuple[tuple[float, float, int], ...]
    out_of_map: int
    out_of_map_refused: float
    in_map_refused: float
    within_68: float
    within_95: float


def sample(answer: Answer, truth: Position, in_map: bool) -> Sample:
    """Return the sample of one answered query with at least one match."""
    best = answer.matches[0]
    away_m = distance_m(*truth, best.record.latitude, best.record.longitude)
    assert answer.evidence is not None
    assert answer.fused is not None
    error_m = distance_m(*truth, answer.fused.latitude, answer.fused.longitude)
    return Sample(
        evidence=answer.evidence,
        correct=in_map and away_m <= reach_m(best),
        in_map=in_map,
        error_spreads=error_m / answer.fused.spread_m,
    )


def fit(samples: Sequence[Sample]) -> Calibration:
    """Fit a calibration by logistic regression and order statistics.

    Raises:
        ValueError: the samples lack right or wrong best matches.
    """
    correct_N = np.array([item.correct for item in samples], dtype=np.float64)
    if not 0 < correct_N.sum() < len(samples):
        raise ValueError("right and wrong best matches are both needed to fit a confidence")
    features_NF = np.array([astuple(item.evidence) for item in samples])
    names = ("bias", *(field.name for field in fields(Evidence)))
    weights = dict(zip(names, _logistic(features_NF, correct_N).tolist(), strict=True))
    fitted = replace(UNCALIBRATED, **weights)
    sure_N = np.array([confidence(item.evidence, fitted) for item in samples])
    in_map_N = np.array([item.in_map for item in samples])
    no_match_below = _no_match_below(sure_N, in_map_N)
    match_from = max(no_match_below, _precise_from(sure_N, correct_N), MATCH_CONFIDENCE)
    spreads = np.array([item.error_spreads for item in samples if item.correct])
    scale_68, scale_95 = np.quantile(spreads, (0.68, 0.95)).tolist()
    return replace(
        fitted,
        no_match_below=no_match_below,
        match_from=match_from,
        scale_68=scale_68,
        scale_95=scale_95,
    )


def _no_match_below(sure_N: NDArray[np.float64], in_map_N: NDArray[np.bool_]) -> float:
    """Confidence that refuses nearly all out-of-map queries and few of the in-map ones."""
    if not in_map_N.any():
        return 0.5
    lost = float(np.quantile(sure_N[in_map_N], IN_MAP_LOST))
    if in_map_N.all():
        return lost
    return min(lost, float(np.quantile(sure_N[~in_map_N], OUT_OF_MAP_REFUSED, method="higher")))


def report(samples: Sequence[Sample], fitted: Calibration) -> Report:
    """Measure a calibration on queries with known position."""
    sure_N = np.array([confidence(item.evidence, fitted) for item in samples])
    correct_N = np.array([item.correct for item in samples])
    in_map_N = np.array([item.in_map for item in samples])
    refused_N = sure_N < fitted.no_match_below
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

    def mean(name: str) -> float:
        return float(np.mean([getattr(found, name) for found in reports]))

    return Report(
        queries=len(samples),
        expected_calibration_error=mean("expected_calibration_error"),
        bins=reliability(sure_N, correct_N),
        out_of_map=sum(not item.in_map for item in samples),
        out_of_map_refused=mean("out_of_map_refused"),
        in_map_refused=mean("in_map_refused"),
        within_68=mean("within_68"),
        within_95=mean("within_95"),
    )


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


def _logistic(
    features_NF: NDArray[np.float64], correct_N: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return bias and weights [1 + F] of a ridge-regularised logistic regression.

    Fitted by Newton's method on features of mean 0 and spread 1; the bias is not regularised, and a
    feature that never varies gets no weight.
    """
    mean_F, spread_F = features_NF.mean(axis=0), features_NF.std(axis=0)
    varies_F = spread_F > 1e-9
    scale_F = np.where(varies_F, spread_F, 1.0)
    ones_N1 = np.ones((len(features_NF), 1))
    x_NG = np.hstack((ones_N1, np.where(varies_F, (features_NF - mean_F) / scale_F, 0.0)))
    ridge_G = np.array([0.0, *np.full(len(scale_F), _RIDGE)])
    weights_G = np.zeros(x_NG.shape[1])
    for _ in range(50):
        p_N = 1.0 / (1.0 + np.exp(-np.clip(x_NG @ weights_G, -30, 30)))
        gradient_G = x_NG.T @ (p_N - correct_N) + ridge_G * weights_G
        bend_GG = (x_NG * (p_N * (1 - p_N))[:, None]).T @ x_NG + np.diag(ridge_G)
        step_G = np.linalg.solve(bend_GG, gradient_G)
        weights_G = weights_G - step_G
        if np.abs(step_G).max() < 1e-8:
            break
    weights_F = weights_G[1:] / scale_F
    return np.array([weights_G[0] - weights_F @ mean_F, *weights_F])


def _precise_from(sure_N: NDArray[np.float64], correct_N: NDArray[np.float64]) -> float:
    order = np.argsort(-sure_N)
    precision_N = np.cumsum(correct_N[order]) / np.arange(1, len(order) + 1)
    good = np.nonzero(precision_N >= MATCH_PRECISION)[0]
    return float(sure_N[order[good[-1]]]) if good.size else 1.0


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0
