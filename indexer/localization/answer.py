"""The answer of a search: where the photo shows the ground, and how sure that is."""

from dataclasses import dataclass
from typing import Literal

from indexer.localization.confidence import Evidence
from indexer.localization.estimate import Estimate, FusedPosition
from indexer.records import Match

Status = Literal["match", "uncertain", "no_match"]

Agreement = Literal["agree", "partly", "disagree"]
"""Whether several photos show one place.

`agree`: the best match of every photo alone lies at one place. `partly`: that of some does.
`disagree`: at least two photos, each found alone, lie at different places.
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Where the photo shows the ground, how sure that is, and the ranked matches.

    `estimate` is None where nothing matches, where several photos disagree, and for flight
    archives, on which the radii are not calibrated. `per_image` holds each photo's own answer and
    `agreement` whether they show one place; both are None for a single photo. `evidence` and
    `fused` are what the status and the estimate were computed from, also for `no_match`; they are
    None in an empty gallery.
    """

    status: Status
    confidence: float
    estimate: Estimate | None
    matches: list[Match]
    per_image: "list[Answer] | None" = None
    agreement: Agreement | None = None
    evidence: Evidence | None = None
    fused: FusedPosition | None = None
