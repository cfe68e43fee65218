"""From ranked matches to one position, its accuracy and a calibrated confidence."""

import cmath
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.geo import distance_m, metres_between, offset
from indexer.localization.pose import placed
from indexer.records import Match

Status = Literal["match", "uncertain", "no_match"]

UNCALIBRATED: Mapping[str, float] = {
    "bias": -8.0,
    "score": 8.0,
    "margin": 25.0,
    "agreement": 2.0,
    "steadiness": 0.0,
    "temperature": 0.05,
    "no_match_below": 0.2,
    "match_from": 0.6,
    "scale_68": 1.0,
    "scale_95": 2.5,
}
"""Ours: cautious guesses, for weights that carry no fitted parameters."""

JUDGED = 30
"""Ours: best matches that an answer is judged by, however many are asked for. On a rendered map of
529 tiles at half steps 10 to 150 of them told images of elsewhere equally well.
"""

POSED_TEMPERATURE = 0.02
"""Ours: of matches that tell how the query lies in them. On the map of docs/calibration.md the
fused position is off by 4.7 m in the median; with 0.05, which centres alone need, by 5.4 m.
"""

AGREED_HEADINGS = 0.7
"""Ours: mean length of the matches' headings as unit vectors, that of a spread of 48 degrees. On
the map of docs/calibration.md 99 % of the answers reach 0.9; below, they contradict each other.
"""

USUAL_REACH_M = 50.0
"""Ours: how far apart two images of one place may lie where the ground size is unknown."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Fused position, degrees WGS 84, and the radii that hold the truth in 68 and 95 % of cases.

    `heading_deg` is where the top of the (first) photo points, clockwise from true north; None for
    flight archives, where the matches disagree, and where weights or gallery cannot tell.
    """

    latitude: float
    longitude: float
    accuracy_m_68: float
    accuracy_m_95: float
    heading_deg: float | None


@dataclass(frozen=True, kw_only=True)
class Fused:
    """Weighted mean of where the matches around the best one put the query, degrees WGS 84.

    `extent_m` is how far these lie about it: the root mean square, and never less than a tenth of
    the reach. `heading_deg` is the mean of theirs.
    """

    latitude: float
    longitude: float
    extent_m: float
    heading_deg: float | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the matches say together; no estimate where nothing matches."""

    status: Status
    confidence: float
    estimate: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the confidence is made of.

    `score` is the best match's, `margin` its lead over the best match that lies elsewhere (beyond
    the reach of the best one's ground area), `agreement` the share of the weight nearby,
    `steadiness` the query's own.
    """

    score: float
    margin: float
    agreement: float
    steadiness: float


def answer(
    matches: Sequence[Match],
    steadiness: float,
    calibration: Mapping[str, float] | None,
    min_confidence: float = 0.0,
) -> Answer:
    """Judge ranked matches, best first; `JUDGED` of them are looked at and should be there.

    Args:
        matches: what `Gallery.search` gave.
        steadiness: the query's, from `model.fusion.fuse`.
        calibration: the weights' fitted parameters (`embedder.calibration`), or None.
        min_confidence: below this the status is no_match, 0..1.
    """
    if not matches:
        return Answer(status="no_match", confidence=0.0, estimate=None)
    matches = matches[:JUDGED]
    fitted = {**UNCALIBRATED, **(calibration or {})}
    sure = confidence(evidence(matches, steadiness, fitted["temperature"]), fitted)
    if sure < max(min_confidence, fitted["no_match_below"]):
        return Answer(status="no_match", confidence=sure, estimate=None)
    fused = fuse_positions(matches, fitted["temperature"])
    return Answer(
        status="match" if sure >= fitted["match_from"] else "uncertain",
        confidence=sure,
        estimate=Estimate(
            latitude=fused.latitude,
            longitude=fused.longitude,
            accuracy_m_68=fitted["scale_68"] * fused.extent_m,
            accuracy_m_95=fitted["scale_95"] * fused.extent_m,
            heading_deg=fused.heading_deg,
        ),
    )


def confidence(seen: Evidence, fitted: Mapping[str, float]) -> float:
    """Probability that the best match shows the query's place (logistic model)."""
    logit = (
        fitted["bias"]
        + fitted["score"] * seen.score
        + fitted["margin"] * seen.margin
        + fitted["agreement"] * seen.agreement
        + fitted["steadiness"] * seen.steadiness
    )
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, logit))))


def evidence(matches: Sequence[Match], steadiness: float, temperature: float) -> Evidence:
    """What ranked matches say about their best one."""
    best = matches[0]
    reach = reach_m(best)
    near = [_apart_m(best, match) <= reach for match in matches]
    elsewhere = [match.score for match, close in zip(matches, near, strict=True) if not close]
    weights = _weights(matches, temperature)
    return Evidence(
        score=best.score,
        margin=best.score - max(elsewhere, default=matches[-1].score),
        agreement=sum(w for w, close in zip(weights, near, strict=True) if close) / sum(weights),
        steadiness=steadiness,
    )


def fuse_positions(matches: Sequence[Match], temperature: float) -> Fused:
    """The weighted mean of where the matches around the best one put the query, and their spread.

    Where the best one's pose is known the temperature is `POSED_TEMPERATURE`.
    """
    best = matches[0]
    reach = reach_m(best)
    is_posed = placed(best).heading_deg is not None
    weights = _weights(matches, POSED_TEMPERATURE if is_posed else temperature)
    near = [
        (weight, match, placed(match))
        for weight, match in zip(weights, matches, strict=True)
        if _apart_m(best, match) <= reach
    ]
    origin = best.record.latitude, best.record.longitude
    pull = []
    for weight, match, there in near:
        north_m, east_m = metres_between(*origin, match.record.latitude, match.record.longitude)
        pull.append((weight, north_m + there.north_m, east_m + there.east_m))
    total = sum(weight for weight, _, _ in pull)
    north_m = sum(weight * north for weight, north, _ in pull) / total
    east_m = sum(weight * east for weight, _, east in pull) / total
    square_m2 = sum(w * ((n - north_m) ** 2 + (e - east_m) ** 2) for w, n, e in pull) / total
    latitude, longitude = offset(*origin, north_m, east_m)
    told = [(weight, there.heading_deg) for weight, _, there in near]
    return Fused(
        latitude=latitude,
        longitude=longitude,
        extent_m=math.sqrt(square_m2 + (reach / 10) ** 2),
        heading_deg=_mean_heading([(w, deg) for w, deg in told if deg is not None]),
    )


def _mean_heading(told: Sequence[tuple[float, float]]) -> float | None:
    """Weighted circular mean of (weight, degrees), 0 <= it < 360; None where they disagree."""
    mean = sum(cmath.rect(weight, math.radians(heading)) for weight, heading in told)
    if abs(mean) <= AGREED_HEADINGS * sum(weight for weight, _ in told):
        return None
    return math.degrees(cmath.phase(mean)) % 360 % 360  # a tiny negative one gives 360 at first


def reach_m(match: Match) -> float:
    """How far from a match another one may lie and still show the same place, m."""
    ground_m = match.record.ground_m
    return USUAL_REACH_M if ground_m is None else 1.5 * ground_m


def _weights(matches: Sequence[Match], temperature: float) -> list[float]:
    top = matches[0].score
    return [math.exp((match.score - top) / temperature) for match in matches]


def _apart_m(a: Match, b: Match) -> float:
    return distance_m(a.record.latitude, a.record.longitude, b.record.latitude, b.record.longitude)
