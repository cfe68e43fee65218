"""Calibrated confidence: the probability that the best match shows the query's place."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from indexer.errors import CalibrationError

MOST_INLIERS = 50
"""Inliers from which more are no further evidence."""

MOST_LEAD = 20
"""The same for the lead."""

MOST_MARGIN = 0.06
"""The same for the margin where keypoints correspond. Our choice: in a gallery of a few places the
next best one can be arbitrarily bad; without a bound 3 of 31 photos of elsewhere were a `match` in
one of 92 tiles."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the confidence is computed from."""

    score: float
    """Score of the best match."""
    margin: float
    """Its lead over the best match of another place, beyond the reach of its ground area; at most
    MOST_MARGIN where keypoints correspond."""
    agreement: float
    """Share of the matches' softmax weight that lies within that reach, 0..1."""
    steadiness: float
    """Steadiness of the query's descriptor under test-time augmentation, 0..1."""
    inliers: float = 0.0
    """Number of keypoints that a homography onto the best match explains, at most MOST_INLIERS; 0
    where nothing was matched."""
    lead: float = 0.0
    """Its inliers, with those of other matches that put the photo at the same position, less the
    most of another place, or CHANCE_INLIERS where that has fewer; within MOST_LEAD."""
    spread: float = 0.0
    """Share of the photo that the inliers cover, 0..1."""
    share: float = 0.0
    """Inliers of the best match as a share of the correspondences that were tried, 0..1."""
    confirmed: float = 0.0
    """Inliers of the second comparison of the match that the matcher put first, where that lies at
    the best match's place, at most MOST_INLIERS."""
    mirror_lead: float = 0.0
    """By how much that match agrees better with the photo than any candidate does with the photo's
    mirror image, about -1..1; 0 where that was not compared."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Parameters that turn evidence into a confidence and a spread into accuracy radii.

    `bias` and those of the evidence's names are the coefficients of a logistic model of it;
    those from `inliers` on are 0 for answers without a matcher. `safenet-index calibrate` fits
    them; the weights' card carries them, for matched answers that of the matcher.

    Raises:
        CalibrationError: a value is not finite or out of its bound.
    """

    bias: float
    score: float
    margin: float
    agreement: float
    steadiness: float
    temperature: float
    """Temperature of the softmax over the matches' scores, above 0."""
    no_match_below: float
    """Confidence below which the answer is `no_match`, 0..1."""
    match_from: float
    """Confidence from which the answer is `match`; between the two it is `uncertain`, 0..1."""
    scale_68: float
    """Radius that holds the truth in 68 % of cases, in spreads of the fused position."""
    scale_95: float
    """The same for 95 %."""
    inliers: float = 0.0
    lead: float = 0.0
    spread: float = 0.0
    share: float = 0.0
    confirmed: float = 0.0
    mirror_lead: float = 0.0
    match_lead: float = -1000.0
    """Least lead of a `match`; what a matcher does not find is never called so."""

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            self._check(math.isfinite(value), name, "a finite number")
        self._check(self.temperature > 0, "temperature", "above 0")
        self._check(0 <= self.no_match_below <= 1, "no_match_below", "0 to 1")
        self._check(
            self.no_match_below <= self.match_from <= 1, "match_from", "no_match_below to 1"
        )
        self._check(self.scale_68 >= 0, "scale_68", "0 or more")
        self._check(self.scale_95 >= self.scale_68, "scale_95", "scale_68 or more")

    def _check(self, good: bool, name: str, bound: str) -> None:
        if not good:
            raise CalibrationError(f"calibration {name} = {getattr(self, name)}: must be {bound}")

    def to_dict(self) -> dict[str, float]:
        """Return the parameters by name, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "Calibration":
        """Read the calibration that a weights' card carries.

        Raises:
            CalibrationError: a key is unknown or missing, or a value is no number in its bound.
        """
        fields = dataclasses.fields(cls)
        names = [field.name for field in fields]
        needed = {field.name for field in fields if field.default is dataclasses.MISSING}
        unknown, missing = sorted(set(values) - set(names)), sorted(needed - set(values))
        if unknown:
            raise CalibrationError(
                f"calibration has the unknown key {unknown[0]!r}; it takes {', '.join(names)}"
            )
        if missing:
            raise CalibrationError(
                f"calibration lacks {missing[0]!r}; fit it again with: safenet-index calibrate"
            )
        numbers = {}
        for name, value in values.items():
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise CalibrationError(f"calibration {name} = {value!r}: must be a number")
            numbers[name] = float(value)
        return cls(**numbers)


UNCALIBRATED = Calibration(
    bias=-8.0,
    score=8.0,
    margin=25.0,
    agreement=2.0,
    steadiness=0.0,
    temperature=0.05,
    no_match_below=0.2,
    match_from=0.6,
    scale_68=1.0,
    scale_95=2.5,
)
"""Cautious guesses for weights whose card carries no calibration. Our choice."""


def calibration_of(values: Mapping[str, object] | None) -> Calibration:
    """Return the calibration of a weights' card, `UNCALIBRATED` where it has none.

    Raises:
        CalibrationError: the card's calibration is damaged.
    """
    return UNCALIBRATED if values is None else Calibration.from_dict(values)


def confidence(evidence: Evidence, calibration: Calibration) -> float:
    """Return the probability, 0..1, that the best match shows the query's place."""
    logit = calibration.bias + sum(
        getattr(calibration, field.name) * getattr(evidence, field.name)
        for field in dataclasses.fields(evidence)
    )
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, logit))))


def is_match(evidence: Evidence, calibration: Calibration) -> bool:
    """Return whether the evidence is enough for the status `match`."""
    sure = confidence(evidence, calibration) >= calibration.match_from
    return sure and evidence.lead >= calibration.match_lead
