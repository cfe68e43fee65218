"""Two questions to the running demo whose true places are known."""

from dataclasses import dataclass
from typing import Any

import httpx

from indexer.geo import distance_m
from service.demo.errors import DemoError
from service.demo.truth import Shot, Truth

TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class DemoQuestion:
    """An image, and where to send it. A right answer shows the point its camera looks at."""

    route: str
    shot: Shot


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The first match, beside the truth; distances are from its middle and the estimate, metres."""

    question: DemoQuestion
    image_id: str
    score: float
    confidence: float
    distance_m: float
    estimate_m: float | None
    is_right: bool

    def __str__(self) -> str:
        question = self.question
        nearer = "" if self.estimate_m is None else f", the estimate {self.estimate_m:.0f} m"
        return (
            f"POST {question.route}  {question.shot.path}\n"
            f"  truth   {question.shot.latitude:.6f}, {question.shot.longitude:.6f}\n"
            f"  answer  {self.image_id} (score {self.score:.3f}, confidence "
            f"{self.confidence:.2f}), its middle {self.distance_m:.0f} m away{nearer}\n"
            f"  {'right: it shows' if self.is_right else 'WRONG: it does not show'} the true point"
        )


def check_answer(url: str, question: DemoQuestion, truth: Truth) -> Verdict:
    """Send the question and judge the first match.

    Raises:
        DemoError: the service refused the question, or found nothing at all.
    """
    answer = httpx.post(
        url + question.route,
        files={"image": question.shot.path.read_bytes()},
        timeout=TIMEOUT_S,
        trust_env=False,
    )
    if answer.status_code != 200:
        raise DemoError(f"{question.route} answered {answer.status_code}: {answer.text}")
    return judge(question, answer.json(), truth)


def judge(question: DemoQuestion, body: dict[str, Any], truth: Truth) -> Verdict:
    """Right is a first match whose footprint, by the world's own table, holds the true point.

    Raises:
        DemoError: the answer has no match, or one that the world does not know.
    """
    if not body["matches"]:
        raise DemoError(f"{question.route} found no match; its galleries are empty")
    best = body["matches"][0]
    found = truth.of_id(best["image_id"])
    if found is None:
        raise DemoError(f"{question.route} answered {best['image_id']}, which is not of this world")
    here = (question.shot.latitude, question.shot.longitude)
    fused = body["estimate"]
    estimate_m = fused and distance_m(*here, fused["latitude"], fused["longitude"])
    return Verdict(
        question=question,
        image_id=best["image_id"],
        score=best["score"],
        confidence=body["confidence"],
        distance_m=distance_m(*here, found.latitude, found.longitude),
        estimate_m=estimate_m,
        is_right=found.shows(*here),
    )
