"""The parts of an answer that every format writes: its places, and their text."""

import math
from dataclasses import dataclass

from service.schemas.answers import AnswerBody, EstimateBody, Status
from service.schemas.images import MatchBody

GROUND = "ground in the middle of the photo"
"""The point that an estimate names, in the words of every format."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One estimate and how sure it is; `image` is its photo's number where several disagree."""

    estimate: EstimateBody
    status: Status
    confidence: float
    image: int | None = None

    @property
    def name(self) -> str:
        """Name for a waypoint or placemark."""
        return GROUND if self.image is None else f"photo {self.image}: {GROUND}"

    @property
    def text(self) -> str:
        """Status, confidence, radii and heading as one line."""
        heading_deg = self.estimate.heading_deg
        heading = "" if heading_deg is None else f", heading {round(heading_deg, 1) % 360:.1f} deg"
        return (
            f"not the drone's position; {self.status}, confidence {shown(self.confidence)}, "
            f"68 % within {self.estimate.accuracy_m_68:.1f} m, "
            f"95 % within {self.estimate.accuracy_m_95:.1f} m{heading}"
        )


def shown(confidence: float) -> str:
    """Return a confidence with three decimals, rounded down: only certainty is written as 1."""
    return f"{math.floor(confidence * 1000) / 1000:.3f}"


def places(answer: AnswerBody) -> list[Place]:
    """Return the answer's estimate, or each photo's own where the photos disagree."""
    candidates: list[tuple[EstimateBody | None, Status, float, int | None]] = [
        (answer.estimate, answer.status, answer.confidence, None)
    ]
    if answer.agreement == "disagree":
        candidates = [
            (alone.estimate, alone.status, alone.confidence, alone.image)
            for alone in answer.per_image or []
        ]
    return [
        Place(estimate=estimate, status=status, confidence=confidence, image=image)
        for estimate, status, confidence, image in candidates
        if estimate is not None
    ]


def found_matches(answer: AnswerBody) -> list[MatchBody]:
    """Return the matches, none for `no_match`."""
    return [] if answer.status == "no_match" else answer.matches


def summary(answer: AnswerBody) -> str:
    """Return the status and the confidence of the whole answer as one line."""
    agreement = "" if answer.agreement is None else f", photos: {answer.agreement}"
    return f"status {answer.status}, confidence {shown(answer.confidence)}{agreement}"
