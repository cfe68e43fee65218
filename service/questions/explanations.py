"""Explanations as images: aligned view, partition rings, heatmap (Fig. 9 of the paper).

Only reduced query images of the latest questions are kept; each explanation is drawn on request.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.descriptor_model import Explanation
from service.errors import UnknownExplanationError

ExplanationKind = Literal["aligned", "rings", "heatmap"]
EXPLANATION_KINDS: tuple[ExplanationKind, ...] = get_args(ExplanationKind)

SIDE_PX = 512
"""Our choice: side of a drawn image, px."""

MAX_QUERIES = 4
MAX_MATCHES = 5
"""Our choice: query images and matches of one question that can be explained."""


@runtime_checkable
class ExplainingModel(Protocol):
    """A model that can explain how it aligned and divided an image."""

    def explain(self, image: Image.Image) -> Explanation:
        """Return alignment, partition and heat of one image; not thread-safe."""


@dataclass(frozen=True, kw_only=True)
class Explainable:
    """One question that can be explained: its query images, and its matches by gallery and id."""

    gallery: str
    queries: list[Image.Image]
    match_ids: list[str]

    @property
    def images(self) -> list[str]:
        """Names of the images that can be explained: query-1 …, match-1 …."""
        queries = [f"query-{number}" for number, _ in enumerate(self.queries, start=1)]
        return queries + [f"match-{number}" for number, _ in enumerate(self.match_ids, start=1)]


class Explanations:
    """The latest explainable questions; only for the event loop's thread."""

    def __init__(self, kept: int) -> None:
        """Keep at most so many questions."""
        self._kept = kept
        self._questions: OrderedDict[str, Explainable] = OrderedDict()

    def remember(self, question: Explainable) -> str:
        """Keep a question, drop the oldest beyond the limit; return its id."""
        name = secrets.token_urlsafe(12)
        self._questions[name] = question
        while len(self._questions) > self._kept:
            self._questions.popitem(last=False)
        return name

    def find(self, name: str, image: str) -> Explainable:
        """Return the question of an id.

        Raises:
            UnknownExplanationError: it was dropped, or has no such image.
        """
        question = self._questions.get(name)
        if question is None or image not in question.images:
            raise UnknownExplanationError(
                f"explanation {name[:40]!r} of {image[:40]!r} is unknown or was dropped for newer "
                f"ones ({self._kept} are kept); send the question again with explain=true"
            )
        return question


def draw(picture: Image.Image, explained: Explanation, kind: ExplanationKind) -> Image.Image:
    """Draw one explanation of an image: RGB, SIDE_PX square."""
    aligned = _aligned(picture, explained.theta_23)
    if kind == "rings":
        return _with_rings(aligned, explained.ring_half_sides)
    if kind == "heatmap":
        return _with_heat(aligned, explained.heat_HH)
    return aligned


def _aligned(picture: Image.Image, theta_23: NDArray[np.float32]) -> Image.Image:
    """Return the centre square as the alignment passes it to the partition.

    theta maps output to input coordinates, both in [-1, 1]; Pillow's affine maps output to input
    pixels, so each row is scaled by half the side and moved to the corner's origin.
    """
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((SIDE_PX, SIDE_PX))
    half = SIDE_PX / 2
    rows = [(a, b, half * (c + 1 - a - b)) for a, b, c in theta_23.astype(float).tolist()]
    data = (*rows[0], *rows[1])
    return square.transform(
        square.size, Image.Transform.AFFINE, data, resample=Image.Resampling.BILINEAR
    )


def _with_rings(aligned: Image.Image, half_sides: tuple[float, ...]) -> Image.Image:
    drawing = ImageDraw.Draw(aligned)
    half = SIDE_PX / 2
    for number, share in enumerate(half_sides):
        reach = max(1.0, min(half - 2, share * half))
        box = (half - reach, half - reach, half + reach, half + reach)
        shade = int(255 * number / max(1, len(half_sides) - 1))
        drawing.rectangle(box, outline=(255, shade, 0), width=4)
    return aligned


def _with_heat(aligned: Image.Image, heat_HH: NDArray[np.float32]) -> Image.Image:
    """Lay the heat over the image, half transparent: blue is cold, red is hot."""
    heat = np.clip(heat_HH, 0, 1)
    colours = np.stack([heat, 1 - np.abs(2 * heat - 1), 1 - heat], axis=-1)
    layer = Image.fromarray((255 * colours).astype(np.uint8))
    return Image.blend(aligned, layer.resize(aligned.size, Image.Resampling.BICUBIC), 0.5)
