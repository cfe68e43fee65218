"""From ranked matches to one position, its accuracy and a calibrated confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.records import Match

Status = Literal["match", "uncertain", "no_match"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Fused position, degrees WGS 84, with the radii that hold the truth in 68 and 95 % of cases."""

    latitude: float
    longitude: float
    accuracy_m_68: float
    accuracy_m_95: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the matches say together; no estimate where nothing matches."""

    status: Status
    confidence: float
    estimate: Estimate | None


def answer(
    matches: Sequence[Match],
    calibration: Mapping[str, float] | None,
    min_confidence: float = 0.0,
) -> Answer:
    """Judge ranked matches (best first; at least 10 of them judge best).

    Args:
        matches: what `Gallery.search` gave.
        calibration: the weights' fitted parameters (`embedder.calibration`), or None.
        min_confidence: below this the status is no_match, 0..1.
    """
    raise NotImplementedError
