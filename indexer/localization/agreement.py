"""Several photos in one question: do they show one place, and what does each of them show?"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from indexer.geo import distance_m
from indexer.localization.answer import Agreement, Answer
from indexer.localization.estimate import reach_m
from indexer.records import Match


def combine(fused: Answer, alone: Sequence[Answer]) -> Answer:
    """Return one answer for several photos, with each photo's own in `per_image`.

    The fused answer stands where more than half of the photos support it: their own best match
    lies at its place. Photos that were each found alone at one place are an answer even where
    their fusion is not: then the most confident of them is taken. Photos that were found at
    different places have no common position; `matches` then holds the best match of each.

    Args:
        fused: the answer of the fused photos.
        alone: the answer of each photo, in order; at least two.
    """
    best = max(alone, key=lambda answer: answer.confidence)
    found = [answer.matches[0] for answer in alone if answer.status == "match"]
    if any(not _same_place(a, b) for a, b in combinations(found, 2)):
        return replace(
            fused,
            status="uncertain",
            confidence=min(answer.confidence for answer in alone if answer.status == "match"),
            estimate=None,
            matches=_ranked([answer.matches[0] for answer in alone if answer.matches]),
            per_image=list(alone),
            agreement="disagree",
        )
    chosen = fused if fused.status == "match" or len(found) < len(alone) else best
    support = sum(_supports(answer, chosen) for answer in alone)
    agreement: Agreement = "agree" if support == len(alone) else "partly"
    if chosen.status == "match" and 2 * support <= len(alone):
        chosen = replace(chosen, status="uncertain")
    return replace(chosen, per_image=list(alone), agreement=agreement)


def _supports(alone: Answer, chosen: Answer) -> bool:
    if not (alone.matches and chosen.matches):
        return False
    return _same_place(alone.matches[0], chosen.matches[0])


def _same_place(a: Match, b: Match) -> bool:
    apart_m = distance_m(
        a.record.latitude, a.record.longitude, b.record.latitude, b.record.longitude
    )
    return apart_m <= max(reach_m(a), reach_m(b))


def _ranked(matches: Sequence[Match]) -> list[Match]:
    """Return each image once, by score, with new ranks."""
    best = {match.record.image_id: match for match in sorted(matches, key=lambda m: m.score)}
    ordered = sorted(best.values(), key=lambda match: -match.score)
    return [replace(match, rank=rank) for rank, match in enumerate(ordered, start=1)]
