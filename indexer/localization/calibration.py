"""Fits the parameters of the confidence on queries whose true position is known.

They are stored in the weights' card, or in the matcher's, under "calibration". Legend: N queries,
F features.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from indexer.geo import distance_m
from indexer.localization.answer import Answer
from indexer.localization.confidence import (
    MOST_LEAD,
    UNCALIBRATED,
    Calibration,
    Evidence,
    confidence,
)
from indexer.localization.estimate import reach_m
from indexer.localization.pose import placement
from indexer.records import Position

IN_MAP_LOST = 0.05
"""Largest share of in-map queries that may be answered `no_match`. Our choice."""

OUT_OF_MAP_REFUSED = 0.995
"""Share of out-of-map queries that is refused; with it fewer in-map queries may be lost."""

MATCHED_REFUSED = 0.99
"""Share of each source's out-of-map queries that is refused with a matcher, however many in-map
ones are lost. Our choice: hard sources lose more, and a bound on that would refuse nobody."""

MATCH_PRECISION = 0.95
"""Least share of the `match` answers that must be right. Our choice."""

MATCHED_PRECISION = 0.97
"""The same with a matcher, in each source. Our choice: a little above, as the sources are small."""

MATCHED_PRECISION_OF_ALL = 0.99
"""The same over all sources."""

MATCH_CONFIDENCE = 0.9
"""Least confidence of a `match`, however right the more confident answers are. Our choice."""

MATCHED_EVIDENCE = ("margin", "lead", "confirmed", "mirror_lead")
"""Evidence that a confidence with a matcher is fitted on. Our choice: the level of the other values
differs from one pair of sources to the next."""

SCALED = 30
"""Least number of a source's samples that set the radii. Our choice: the 95 % quantile of fewer is
one sample."""

_RIDGE = 0.1
_CONFIDENCES = np.arange(0.5, 1.0, 0.02)
_LEADS = np.arange(0, MOST_LEAD + 1)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One query whose true position is known.

    `correct`: the best match lies within its own reach of the truth; `in_map`: some gallery image
    does; `error_spreads`: the error of the fused position in units of its spread; `source`: where
    query and map are from; `away_m`: from the truth to the best match's centre; `placed`: the best
    match says where in it the query lies.
    """

    evidence: Evidence
    correct: bool
    in_map: bool
    error_spreads: float
    source: str = ""
    away_m: float = 0.0
    placed: bool = True


def sample(answer: Answer, truth: Position, in_map: bool, source: str = "") -> Sample:
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
        source=source,
        away_m=away_m,
        placed=placement(best).heading_deg is not None,
    )


def fit(samples: Sequence[Sample]) -> Calibration:
    """Fit a calibration by logistic regression and order statistics; each source counts alike.

    With a matcher and several sources, the statistics are of confidences by the other sources' fit.

    Raises:
        ValueError: the samples lack right or wrong best matches.
    """
    correct_N = np.array([item.correct for item in samples])
    if not 0 < correct_N.sum() < len(samples):
        raise ValueError("right and wrong best matches are both needed to fit a confidence")
    names = [field.name for field in fields(Evidence)]
    features_NF = np.array([astuple(item.evidence) for item in samples])
    is_matched = bool(features_NF[:, names.index("inliers")].any())
    if is_matched:
        features_NF[:, ~np.isin(names, MATCHED_EVIDENCE)] = 0.0
    sources_N = np.array([item.source for item in samples])
    values = _logistic(features_NF, correct_N.astype(np.float64), _alike(sources_N))
    fitted = replace(UNCALIBRATED, **dict(zip(("bias", *names), values.tolist(), strict=True)))
    sure_N = np.array([confidence(item.evidence, fitted) for item in samples])
    in_map_N = np.array([item.in_map for item in samples])
    no_match_below = _no_match_below(sure_N, in_map_N)
    match_from, match_lead = max(_precise_from(sure_N, correct_N), MATCH_CONFIDENCE), None
    if is_matched:
        lead_N = features_NF[:, names.index("lead")]
        sure_N = _of_others(features_NF, correct_N, sources_N, sure_N)
        match_from, match_lead = _match_rule(sure_N, lead_N, correct_N, sources_N)
        outside = [
            sure_N[~in_map_N & (sources_N == one)] for one in np.unique(sources_N[~in_map_N])
        ]
        refused = [float(np.quantile(sure_n, MATCHED_REFUSED)) for sure_n in outside]
        no_match_below = min(match_from, max(refused, default=no_match_below))
    right = [
        (item, sure >= no_match_below)
        for item, sure in zip(samples, sure_N.tolist(), strict=True)
        if item.correct
    ]
    estimated = [item for item, is_sure in right if is_sure and item.placed and is_matched]
    scale_68, scale_95 = _scales(estimated or [item for item, _ in right])
    return replace(
        fitted,
        no_match_below=no_match_below,
        match_from=max(no_match_below, match_from),
        match_lead=fitted.match_lead if match_lead is None else match_lead,
        scale_68=scale_68,
        scale_95=scale_95,
    )


def _scales(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the radii that hold the truth in 68 and 95 % of cases, in spreads.

    Those of the source of enough samples that needs the largest.
    """
    by_source: dict[str, list[float]] = {}
    for item in samples:
        by_source.setdefault(item.source, []).append(item.error_spreads)
    large = [spreads for spreads in by_source.values() if len(spreads) >= SCALED]
    every = [item.error_spreads for item in samples]
    found_SS = [np.quantile(spreads, (0.68, 0.95)) for spreads in large or [every]]
    scale_68, scale_95 = np.max(found_SS, axis=0).tolist()
    return scale_68, scale_95


def _of_others(
    features_NF: NDArray[np.float64],
    correct_N: NDArray[np.bool_],
    sources_N: NDArray[np.str_],
    sure_N: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return confidences by the fit of all other sources, so that a rule holds on new ones.

    The first source is part of every fit: the rendered map, which differs in kind from the others.
    Its confidence is `sure_N`, by the fit of all, and so where the others do not allow a fit.
    """
    found_N = sure_N.copy()
    for source in set(sources_N.tolist()) - {sources_N[0]}:
        own_N = sources_N == source
        right = correct_N[~own_N]
        if right.size and 0 < right.sum() < right.size:
            bias, *weights = _logistic(
                features_NF[~own_N], right.astype(np.float64), _alike(sources_N[~own_N])
            )
            logits = bias + features_NF[own_N] @ np.array(weights)
            found_N[own_N] = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    return found_N


def _alike(sources_N: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return weights of mean 1 with which every source counts alike."""
    _, source_N, counts = np.unique(sources_N, return_inverse=True, return_counts=True)
    weights_N: NDArray[np.float64] = len(sources_N) / (len(counts) * counts[source_N])
    return weights_N


def _no_match_below(sure_N: NDArray[np.float64], in_map_N: NDArray[np.bool_]) -> float:
    """Return the confidence that refuses nearly all out-of-map queries and few in-map ones."""
    if not in_map_N.any():
        return 0.5
    lost = float(np.quantile(sure_N[in_map_N], IN_MAP_LOST))
    if in_map_N.all():
        return lost
    return min(lost, float(np.quantile(sure_N[~in_map_N], OUT_OF_MAP_REFUSED, method="higher")))


def _match_rule(
    sure_N: NDArray[np.float64],
    lead_N: NDArray[np.float64],
    correct_N: NDArray[np.bool_],
    sources_N: NDArray[np.str_],
) -> tuple[float, float]:
    """Return the least confidence and lead of a `match` that answer most and are precise."""
    best, rule = -1.0, (MATCH_CONFIDENCE, float(MOST_LEAD))
    own = [sources_N == source for source in np.unique(sources_N)]
    for lead in _LEADS[::-1]:
        for least in _CONFIDENCES[::-1]:
            answered_N = (sure_N >= least) & (lead_N >= lead)
            parts = [correct_N[answered_N & here] for here in own]
            every = np.concatenate(parts)
            if not every.size or every.mean() < MATCHED_PRECISION_OF_ALL:
                continue
            if not all(part.mean() >= MATCHED_PRECISION for part in parts if part.size):
                continue
            share = float(
                np.mean(
                    [
                        part.sum() / max(1, correct_N[here].sum())
                        for part, here in zip(parts, own, strict=True)
                    ]
                )
            )
            if share > best + 1e-9:
                best, rule = share, (float(least), float(lead))
    return rule


def _logistic(
    features_NF: NDArray[np.float64],
    correct_N: NDArray[np.float64],
    weights_N: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return bias and weights [1 + F] of a ridge-regularised logistic regression.

    Fitted by Newton's method on features of mean 0 and spread 1; the bias is not regularised, and a
    feature that never varies gets no weight. `weights_N`: of the queries; None: all count alike.
    """
    each_N = np.ones(len(correct_N)) if weights_N is None else weights_N
    mean_F, spread_F = features_NF.mean(axis=0), features_NF.std(axis=0)
    varies_F = spread_F > 1e-9
    scale_F = np.where(varies_F, spread_F, 1.0)
    ones_N1 = np.ones((len(features_NF), 1))
    x_NG = np.hstack((ones_N1, np.where(varies_F, (features_NF - mean_F) / scale_F, 0.0)))
    ridge_G = np.array([0.0, *np.full(len(scale_F), _RIDGE)])
    weights_G = np.zeros(x_NG.shape[1])
    for _ in range(50):
        p_N = 1.0 / (1.0 + np.exp(-np.clip(x_NG @ weights_G, -30, 30)))
        gradient_G = x_NG.T @ (each_N * (p_N - correct_N)) + ridge_G * weights_G
        bend_GG = (x_NG * (each_N * p_N * (1 - p_N))[:, None]).T @ x_NG + np.diag(ridge_G)
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
