"""Two questions to the running demo whose truth its world knows."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from indexer.geo import distance_m
from service.demo.errors import DemoError

TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """An image, where to send it, and the point that a right answer shows."""

    route: str
    image: Path
    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came back, beside the truth; distances in metres."""

    question: Question
    image_id: str
    score: float
    confidence: float
    distance_m: float
    is_right: bool

    def __str__(self) -> str:
        asked = self.question
        return (
            f"POST {asked.route}  {asked.image}\n"
            f"  truth   {asked.latitude:.6f}, {asked.longitude:.6f}\n"
            f"  answer  {self.image_id} (score {self.score:.3f}, confidence "
            f"{self.confidence:.2f}), its middle {self.distance_m:.0f} m away\n"
            f"  {'right' if self.is_right else 'WRONG'}: it "
            f"{'shows' if self.is_right else 'does not show'} the true point"
        )


def question(world: Path, route: str, image: str) -> Question:
    """A question about an image of the world; the truth is the point its camera looks at.

    Args:
        world: folder with gps.csv.
        route: /localize or /navigate.
        image: path of the image in gps.csv.

    Raises:
        DemoError: gps.csv has no such image.
    """
    with (world / "gps.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["path"] == image:
                return Question(
                    route=route,
                    image=world / image,
                    latitude=float(row["target_latitude"]),
                    longitude=float(row["target_longitude"]),
                )
    raise DemoError(f"{world / 'gps.csv'} has no line for {image}; delete {world} and run again")


def ask(url: str, asked: Question) -> Verdict:
    """Send the image and judge the first match.

    Raises:
        DemoError: the service refused the question.
    """
    answer = httpx.post(
        url + asked.route,
        files={"image": asked.image.read_bytes()},
        timeout=TIMEOUT_S,
        trust_env=False,
    )
    if answer.status_code != 200:
        raise DemoError(f"{asked.route} answered {answer.status_code}: {answer.text}")
    return judge(asked, answer.json())


def judge(asked: Question, body: dict[str, Any]) -> Verdict:
    """Right is a first match whose picture holds the true point."""
    best = body["matches"][0]
    west, south, east, north = best["bounds"]
    return Verdict(
        question=asked,
        image_id=best["image_id"],
        score=best["score"],
        confidence=body["confidence"],
        distance_m=distance_m(
            asked.latitude, asked.longitude, (south + north) / 2, (west + east) / 2
        ),
        is_right=south <= asked.latitude <= north and west <= asked.longitude <= east,
    )
