import cmath
import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import CalibrationError
from indexer.geo import distance_m, offset, square_corners
from indexer.localization import calibration, calibration_report
from indexer.localization.answer import Answer
from indexer.localization.calibration import Sample
from indexer.localization.confidence import UNCALIBRATED, Calibration, Evidence, confidence
from indexer.localization.estimate import Neighbourhood
from indexer.localization.localize import JUDGED, Search, judge
from indexer.localization.reliability import diagram
from indexer.localization.sample_files import read_samples, write_samples
from indexer.records import ImageRecord, Match, Pose
from model.embedder import SHIPPED_WEIGHTS

HOME = (49.5, 17.2)


def match(rank: int, score: float, north_m: float, east_m: float, side_m: float = 50.0) -> Match:
    latitude, longitude = offset(*HOME, north_m, east_m)
    corners = square_corners(latitude, longitude, side_m, side_m)
    record = ImageRecord(
        image_id=str(rank),
        view="satellite",
        latitude=latitude,
        longitude=longitude,
        corners=corners,
    )
    return Match(record=record, score=score, rank=rank)


def answer(
    matches: list[Match],
    steadiness: float,
    changes: dict[str, float] | None = None,
    min_confidence: float = 0.0,
) -> Answer:
    calibration = dataclasses.replace(UNCALIBRATED, **(changes or {}))
    return judge(matches, steadiness, calibration, Search(min_confidence=min_confidence))


def evidence(matches: list[Match], steadiness: float, temperature: float) -> Evidence:
    return Neighbourhood(matches).evidence(steadiness, temperature)


def test_no_matches_are_no_match() -> None:
    judged = answer([], 1.0, None)
    assert (judged.status, judged.confidence, judged.estimate) == ("no_match", 0.0, None)


def test_neighbours_support_each_other_and_strangers_do_not() -> None:
    near = evidence([match(1, 0.8, 0, 0), match(2, 0.79, 25, 0), match(3, 0.5, 9000, 0)], 1.0, 0.05)
    torn = evidence([match(1, 0.8, 0, 0), match(2, 0.79, 9000, 0), match(3, 0.5, 25, 0)], 1.0, 0.05)
    assert near.margin == pytest.approx(0.3)
    assert torn.margin == pytest.approx(0.01)
    assert near.agreement > 0.99 > torn.agreement
    assert confidence(near, UNCALIBRATED) > confidence(torn, UNCALIBRATED)


def test_the_estimate_lies_between_agreeing_matches_and_ignores_strangers() -> None:
    matches = [match(1, 0.9, 0, 0), match(2, 0.9, 40, 0), match(3, 0.9, 9000, 0)]
    estimate = answer(matches, 1.0, {"bias": 50.0}).estimate
    assert estimate is not None
    middle = offset(*HOME, 20.0, 0.0)
    assert distance_m(estimate.latitude, estimate.longitude, *middle) < 0.01
    assert 0 < estimate.accuracy_m_68 < estimate.accuracy_m_95


def test_the_estimate_is_the_less_accurate_the_less_its_matches_agree() -> None:
    def accuracy(*north_m: float) -> float:
        matches = [match(rank, 0.9, north, 0) for rank, north in enumerate(north_m, start=1)]
        estimate = answer(matches, 1.0, {"bias": 50.0, "scale_68": 1.0}).estimate
        assert estimate is not None
        return estimate.accuracy_m_68

    assert accuracy(0.0) == pytest.approx(7.5)  # a tenth of the reach of 75 m
    assert accuracy(0.0, 60.0) == pytest.approx(math.hypot(30.0, 7.5), rel=1e-3)
    assert accuracy(0.0) < accuracy(0.0, 10.0) < accuracy(0.0, 60.0)


POSE = Pose(up=0.25, right=-0.125, turn_deg=30.0)
"""A quarter of a side up, an eighth to the left, turned by 30 degrees."""


def posed(base: Match, **changes: object) -> Match:
    return dataclasses.replace(base, record=dataclasses.replace(base.record, **changes), pose=POSE)


def tile(width_m: float, height_m: float, heading_deg: float) -> Match:
    """A map tile about HOME whose top points that way."""
    up = cmath.rect(height_m / 2, math.radians(heading_deg))
    right = cmath.rect(width_m / 2, math.radians(heading_deg + 90))
    ways = (up - right, up + right, right - up, -up - right)
    corners = tuple(offset(*HOME, way.real, way.imag) for way in ways)
    return posed(match(1, 0.9, 0, 0), corners=corners)


@pytest.mark.parametrize(
    ("tile_match", "north_m", "east_m", "heading_deg"),
    [
        (tile(40, 40, 0), 10.0, -5.0, 30.0),
        (tile(40, 40, 90), 5.0, 10.0, 120.0),
        (tile(40, 40, 340), 7.687, -8.119, 10.0),
        (tile(90, 40, 0), 10.0, -5.0, 30.0),
        (tile(40, 60, 0), 10.0, -5.0, 30.0),
    ],
)
def test_a_pose_in_a_tile_gives_position_and_heading(
    tile_match, north_m, east_m, heading_deg
) -> None:
    estimate = answer([tile_match], 1.0, {"bias": 50.0}).estimate
    assert estimate is not None
    there = offset(*HOME, north_m, east_m)
    assert distance_m(estimate.latitude, estimate.longitude, *there) < 0.05
    assert estimate.heading_deg == pytest.approx(heading_deg, abs=0.01)


def test_posed_matches_are_weighed_more_sharply_than_centres() -> None:
    plain = [match(1, 0.9, 0, 0), match(2, 0.88, 40, 0)]
    still = Pose(up=0, right=0, turn_deg=0)
    sharp = [dataclasses.replace(one, pose=still) for one in plain]
    archive = [
        dataclasses.replace(one, record=dataclasses.replace(one.record, view="drone"))
        for one in sharp
    ]
    shares = {0.05: (plain, archive), 0.02: (sharp,)}
    for temperature, cases in shares.items():
        pull = math.exp(-0.02 / temperature)
        expected = offset(*HOME, 40 * pull / (1 + pull), 0.0)
        for matches in cases:
            found = answer(matches, 1.0, {"bias": 50.0}).estimate
            assert found is not None
            assert distance_m(found.latitude, found.longitude, *expected) < 0.01


@pytest.mark.parametrize(("last", "mean"), [(20.0, 5.0), (10.0, 0.0)])
def test_headings_are_averaged_across_north(last, mean) -> None:
    both = [
        dataclasses.replace(match(1, 0.9, 0, 0), pose=Pose(up=0, right=0, turn_deg=turn))
        for turn in (350.0, last)
    ]
    estimate = answer(both, 1.0, {"bias": 50.0}).estimate
    assert estimate is not None
    assert 0 <= estimate.heading_deg < 360
    assert (estimate.heading_deg + 180) % 360 - 180 == pytest.approx(mean, abs=1e-3)


def test_headings_that_contradict_each_other_are_none() -> None:
    both = [
        dataclasses.replace(match(1, 0.9, 0, 0), pose=Pose(up=0, right=0, turn_deg=turn))
        for turn in (10.0, 190.0)
    ]
    estimate = answer(both, 1.0, {"bias": 50.0}).estimate
    assert estimate is not None
    assert estimate.heading_deg is None


def test_without_a_pose_or_over_a_flight_archive_there_is_no_heading() -> None:
    plain = match(1, 0.9, 0, 0)
    for alone in (plain, posed(plain, view="drone"), posed(plain, corners=None)):
        estimate = answer([alone], 1.0, {"bias": 50.0}).estimate
        assert estimate is not None
        assert estimate.heading_deg is None
        assert distance_m(estimate.latitude, estimate.longitude, *HOME) < 0.01


def test_more_matches_than_are_judged_change_nothing() -> None:
    matches = [match(rank, 0.9 - 0.01 * rank, 5.0 * rank, 0) for rank in range(1, 61)]
    assert answer(matches, 1.0, None) == answer(matches[:JUDGED], 1.0, None)


def test_min_confidence_turns_an_answer_into_no_match() -> None:
    matches = [match(1, 0.9, 0, 0), match(2, 0.3, 9000, 0)]
    sure = answer(matches, 1.0, None).confidence
    assert answer(matches, 1.0, None, min_confidence=sure - 0.01).estimate is not None
    refused = answer(matches, 1.0, None, min_confidence=min(1.0, sure + 1e-6))
    assert (refused.status, refused.estimate) == ("no_match", None)


def test_status_follows_the_fitted_thresholds() -> None:
    matches = [match(1, 0.9, 0, 0)]
    for bias, status in ((-4.0, "no_match"), (0.0, "uncertain"), (4.0, "match")):
        fitted = {"bias": bias, "score": 0.0, "margin": 0.0, "agreement": 0.0}
        assert answer(matches, 1.0, fitted).status == status


def test_an_unsteady_query_is_believed_more_at_the_same_score() -> None:
    fitted = {"bias": -2.0, "steadiness": -3.0}
    matches = [match(1, 0.9, 0, 0)]
    assert answer(matches, 0.7, fitted).confidence > answer(matches, 0.9, fitted).confidence


def drawn(count: int, seed: int) -> list[Sample]:
    """Queries whose chance of being right is a known logistic function of score and margin."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        in_map = rng.random() < 0.6
        score = rng.uniform(0.5, 0.95) if in_map else rng.uniform(0.1, 0.5)
        margin = rng.uniform(0.0, 0.3) if in_map else rng.uniform(0.0, 0.03)
        chance = 1 / (1 + math.exp(-(-9 + 10 * score + 20 * margin)))
        correct = bool(in_map and rng.random() < chance)
        shown = Evidence(score=score, margin=margin, agreement=0.5, steadiness=1.0)
        error = abs(rng.normal(0, 0.5))
        found.append(Sample(evidence=shown, correct=correct, in_map=in_map, error_spreads=error))
    return found


def test_a_fitted_confidence_is_honest_on_queries_it_never_saw() -> None:
    fitted = calibration.fit(drawn(4000, 1))
    report = calibration_report.report(drawn(4000, 2), fitted)
    assert report.expected_calibration_error < 0.03
    assert report.in_map_refused < 0.07
    assert report.out_of_map_refused > 0.98
    assert report.within_68 == pytest.approx(0.68, abs=0.04)
    assert report.within_95 == pytest.approx(0.95, abs=0.02)


def test_cross_validation_reports_what_fresh_queries_show() -> None:
    report = calibration_report.cross_validate(drawn(2000, 1))
    fresh = calibration_report.report(drawn(4000, 2), calibration.fit(drawn(2000, 1)))
    assert report.queries == 2000
    assert report.out_of_map_refused == pytest.approx(fresh.out_of_map_refused, abs=0.05)
    assert report.within_68 == pytest.approx(0.68, abs=0.04)
    assert report.expected_calibration_error < 0.04


def test_the_logistic_fit_finds_the_known_parameters() -> None:
    rng = np.random.default_rng(3)
    x_NF = np.column_stack([rng.uniform(4, 6, (20_000, 2)), np.ones(20_000)])
    chance_N = 1 / (1 + np.exp(-(4.5 + x_NF @ np.array([2.0, -3.0, 0.0]))))
    right_N = (rng.random(20_000) < chance_N).astype(float)
    bias, *weights, constant = calibration._logistic(x_NF, right_N)
    assert weights == pytest.approx([2.0, -3.0], abs=0.15)
    assert bias == pytest.approx(4.5, abs=1.0)
    assert constant == 0.0


def test_reliability_counts_by_hand() -> None:
    sure = np.array([0.05, 0.05, 0.95, 0.95])
    correct = np.array([False, True, True, True])
    assert calibration_report.reliability(sure, correct) == (
        (pytest.approx(0.05), 0.5, 2),
        (pytest.approx(0.95), 1.0, 2),
    )
    assert diagram({"": calibration_report.reliability(sure, correct)}).count("<circle") == 2


def test_a_fit_needs_right_and_wrong_answers() -> None:
    with pytest.raises(ValueError, match="both needed"):
        calibration.fit([item for item in drawn(100, 1) if item.correct])


def matched(count: int, seed: int, source: str, chance_lead: float = 0.0) -> list[Sample]:
    """Queries with keypoints: right ones lead by more inliers than wrong ones reach by chance."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        right = rng.random() < 0.5
        lead = rng.uniform(2, 20) if right else rng.uniform(-10, 4) + chance_lead
        shown = Evidence(
            score=rng.uniform(),
            margin=rng.normal(0.1 if right else 0.03, 0.03),
            agreement=rng.uniform(),
            steadiness=rng.uniform(),
            inliers=15 + lead,
            lead=lead,
            spread=rng.uniform(),
        )
        found.append(
            Sample(
                evidence=shown,
                correct=bool(right),
                in_map=bool(right or rng.random() < 0.5),
                error_spreads=abs(rng.normal(0, 0.5)),
                source=source,
            )
        )
    return found


def test_with_a_matcher_the_fit_sets_the_lead_that_a_match_needs() -> None:
    fitted = calibration.fit(matched(600, 1, "town") + matched(600, 2, "field", chance_lead=4.0))
    assert 0 <= fitted.match_lead <= 8
    assert (fitted.score, fitted.agreement, fitted.steadiness, fitted.spread) == (0, 0, 0, 0)
    fresh = calibration_report.report(matched(2000, 3, "field", chance_lead=4.0), fitted)
    assert fresh.answered_right > 0.93  # 0.97 of those of the fit
    assert fresh.answered > 0.5
    assert calibration.fit(drawn(500, 1)).match_lead == UNCALIBRATED.match_lead


def test_each_source_is_judged_by_the_fit_of_the_others() -> None:
    town, field = matched(2000, 1, "town"), matched(100, 2, "field", chance_lead=4.0)
    reports = calibration_report.without_each_source(town + field)
    assert {name: report.queries for name, report in reports.items()} == {
        "field": 100,
        "town": 2000,
    }
    alone = calibration_report.report(field, calibration.fit(town))
    assert reports["field"] == alone


def test_samples_survive_their_file_and_a_damaged_line_is_named(tmp_path: Path) -> None:
    items = matched(5, 1, "town")
    write_samples(tmp_path / "town.jsonl", items)
    assert read_samples(tmp_path / "town.jsonl") == items
    (tmp_path / "bad.jsonl").write_text('{"evidence": {}}\n')
    with pytest.raises(CalibrationError, match=r"bad\.jsonl, line 1: no sample"):
        read_samples(tmp_path / "bad.jsonl")


FITTED = UNCALIBRATED.to_dict()


def test_a_calibration_survives_its_round_trip_through_json() -> None:
    assert Calibration.from_dict(json.loads(json.dumps(FITTED))) == UNCALIBRATED


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**FITTED, "marign": 3.0}, "unknown key 'marign'"),
        ({key: FITTED[key] for key in FITTED if key != "margin"}, "lacks 'margin'"),
        ({**FITTED, "margin": "3"}, "margin = '3': must be a number"),
        ({**FITTED, "bias": math.nan}, "bias = nan: must be a finite number"),
        ({**FITTED, "temperature": 0.0}, "temperature = 0.0: must be above 0"),
        ({**FITTED, "no_match_below": -0.1}, "no_match_below = -0.1: must be 0 to 1"),
        ({**FITTED, "match_from": 0.1}, "match_from = 0.1: must be no_match_below to 1"),
        ({**FITTED, "scale_95": 0.5}, "scale_95 = 0.5: must be scale_68 or more"),
    ],
)
def test_a_damaged_calibration_is_refused_with_key_value_and_bound(values, message) -> None:
    with pytest.raises(CalibrationError, match=re.escape(message)):
        Calibration.from_dict(values)


def test_all_three_states_can_follow_from_a_fit() -> None:
    fitted = calibration.fit(drawn(4000, 1))
    assert 0 < fitted.no_match_below < fitted.match_from < 1


def test_the_shipped_weights_have_a_calibration_in_which_uncertain_can_occur() -> None:
    card = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    shipped = Calibration.from_dict(card["calibration"])
    assert shipped.no_match_below < shipped.match_from
