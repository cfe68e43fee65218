"""Several photos in one question, on matches with known places."""

from dataclasses import replace

import pytest

from indexer.geo import offset, square_corners
from indexer.localization.agreement import combine
from indexer.localization.answer import Answer, Status
from indexer.localization.estimate import Estimate
from indexer.records import ImageRecord, Match

GROUND_M = 100.0


def match_at(north_m: float, score: float = 0.8) -> Match:
    latitude, longitude = offset(50.0, 14.0, north_m, 0.0)
    record = ImageRecord(
        image_id=f"tile-{north_m:g}",
        view="satellite",
        latitude=latitude,
        longitude=longitude,
        corners=square_corners(latitude, longitude, GROUND_M, GROUND_M),  # type: ignore[arg-type]
    )
    return Match(record=record, score=score, rank=1)


def answer_at(north_m: float, status: Status = "match", confidence: float = 0.9) -> Answer:
    best = match_at(north_m, confidence)
    estimate = Estimate(
        latitude=best.record.latitude,
        longitude=best.record.longitude,
        accuracy_m_68=10.0,
        accuracy_m_95=20.0,
        heading_deg=None,
    )
    return Answer(
        status=status,
        confidence=confidence,
        estimate=None if status == "no_match" else estimate,
        matches=[best],
    )


def test_photos_of_one_place_agree_and_their_fused_answer_stands() -> None:
    alone = [answer_at(0.0), answer_at(50.0)]
    found = combine(answer_at(20.0, confidence=0.95), alone)
    assert (found.status, found.agreement, found.confidence) == ("match", "agree", 0.95)
    assert found.per_image == alone


def test_photos_found_at_different_places_are_never_fused_into_one() -> None:
    alone = [answer_at(0.0, confidence=0.9), answer_at(400.0, confidence=0.97)]
    found = combine(answer_at(0.0, confidence=0.99), alone)
    assert (found.status, found.agreement) == ("uncertain", "disagree")
    assert found.estimate is None
    assert found.confidence == 0.9
    assert [(m.rank, m.record.image_id) for m in found.matches] == [(1, "tile-400"), (2, "tile-0")]


def test_neighbouring_photos_each_found_alone_are_a_match_though_their_fusion_is_not() -> None:
    alone = [answer_at(0.0, confidence=0.9), answer_at(60.0, confidence=0.96), answer_at(120.0)]
    found = combine(answer_at(0.0, "no_match", 0.5), alone)
    assert (found.status, found.agreement) == ("match", "agree")
    assert found.estimate == alone[1].estimate


@pytest.mark.parametrize(("supporters", "status"), [(2, "match"), (1, "uncertain")])
def test_a_fused_match_needs_the_support_of_more_than_half_of_the_photos(
    supporters: int, status: str
) -> None:
    places = [0.0] * supporters + [5000.0] * (3 - supporters)
    alone = [answer_at(place, "no_match", 0.3) for place in places]
    found = combine(answer_at(0.0), alone)
    assert (found.status, found.agreement) == (status, "partly")


def test_a_pair_of_which_only_one_is_found_is_uncertain() -> None:
    found = combine(answer_at(0.0), [answer_at(0.0), answer_at(3000.0, "no_match", 0.4)])
    assert (found.status, found.agreement) == ("uncertain", "partly")


def test_photos_that_match_nothing_stay_no_match() -> None:
    nothing = replace(answer_at(0.0, "no_match", 0.0), matches=[])
    found = combine(nothing, [nothing, nothing])
    assert (found.status, found.agreement) == ("no_match", "partly")
