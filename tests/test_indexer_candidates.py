"""Candidate places of one frame: several poses in one place, and a second search around a place."""

import math
from dataclasses import replace

import numpy as np
import pytest

from indexer.geo import metres_between, offset, square_corners
from indexer.localization.answer import Answer
from indexer.localization.confidence import UNCALIBRATED
from indexer.localization.localize import Search, judge
from indexer.records import ImageRecord, Match, Pose
from indexer.tracking.candidates import Candidate, Sighting
from indexer.tracking.motion import Motion
from indexer.tracking.second_search import doubtful
from indexer.tracking.sighting import nearby_sighting, sighting
from indexer.tracking.track import track_of
from indexer.tracking.weighing import weighed
from model.matching.interface import Geometry

HOME = (49.5, 17.2)
SIDE_M = 100.0
AREA_M2 = math.pi * 130.0**2


def match(
    rank: int,
    tile_m: tuple[float, float],
    shown_m: tuple[float, float],
    inliers: int,
    turn_deg: float,
) -> Match:
    """A tile north and east of home, and where its keypoints put the photo."""
    latitude, longitude = offset(*HOME, *tile_m)
    record = ImageRecord(
        image_id=str(rank),
        view="satellite",
        latitude=latitude,
        longitude=longitude,
        corners=square_corners(latitude, longitude, SIDE_M, SIDE_M),
    )
    up, right = ((shown - tile) / SIDE_M for shown, tile in zip(shown_m, tile_m, strict=True))
    geometry = Geometry(
        homography_33=np.eye(3),
        inliers=inliers,
        spread=0.5,
        points_I4=np.zeros((inliers, 4)),
        pairs=2 * inliers,
    )
    pose = Pose(up=up, right=right, turn_deg=turn_deg)
    return Match(record=record, score=1 - rank / 10, rank=rank, pose=pose, geometry=geometry)


CHANCE = match(1, (0.0, 0.0), (40.0, 0.0), 15, 90.0)
RIGHT = match(2, (50.0, 0.0), (0.0, 0.0), 12, 280.0)
RIGHT_TOO = match(3, (0.0, 50.0), (2.0, 1.0), 20, 284.0)


def answer(matches: list[Match], confidence: float) -> Answer:
    return Answer(status="uncertain", confidence=confidence, estimate=None, matches=matches)


def test_poses_that_contradict_each_other_in_one_place_share_its_probability() -> None:
    seen = sighting("1", 0.0, answer([CHANCE, RIGHT, RIGHT_TOO], 0.6), UNCALIBRATED, HOME)
    first, second = seen.candidates
    assert (first.north_m, first.east_m) == pytest.approx((40.0, 0.0), abs=0.01)
    assert second.north_m == pytest.approx(1.47, abs=0.1)
    assert first.probability + second.probability == pytest.approx(0.6)
    assert second.probability > 10 * first.probability, "two tiles agree on it"
    assert seen.none == pytest.approx(0.4)


def test_poses_of_other_rotations_are_not_one() -> None:
    turned = match(3, (0.0, 50.0), (2.0, 1.0), 14, 100.0)
    seen = sighting("1", 0.0, answer([RIGHT, turned], 0.6), UNCALIBRATED, HOME)
    assert len(seen.candidates) == 2


def test_places_that_look_alike_share_the_confidence() -> None:
    alike = [
        replace(match(row, (600.0 * row, 0.0), (600.0 * row, 0.0), inliers, 0.0), score=score)
        for row, (inliers, score) in enumerate([(50, 0.6), (52, 0.596), (44, 0.59)])
    ]
    by_chance = replace(match(3, (3000.0, 0.0), (3000.0, 0.0), 12, 0.0), score=0.595)
    seen = sighting("1", 0.0, answer([*alike, by_chance], 0.98), UNCALIBRATED, HOME)
    first, second, third, chance = (each.probability for each in seen.candidates)
    assert 0.3 < second < first < 0.6
    assert 0.05 < third < 0.2
    assert chance < 0.02
    assert seen.none == pytest.approx(third + 0.016), "one more like it may not be compared"
    assert first + second + 2 * third == pytest.approx(0.98)


def test_places_that_look_alike_do_not_make_the_look_doubtful() -> None:
    alike = [
        replace(match(row, (600.0 * row, 0.0), (600.0 * row, 0.0), 50, 0.0), score=0.6)
        for row in range(3)
    ]
    other = replace(match(3, (3000.0, 0.0), (3000.0, 0.0), 12, 0.0), score=0.3)
    judged = judge([*alike, other], 1.0, UNCALIBRATED, Search())
    alone = judge([alike[0], other], 1.0, UNCALIBRATED, Search())
    assert judged.confidence < 0.2 < 0.5 < alone.confidence
    seen = sighting("1", 0.0, judged, UNCALIBRATED, HOME)
    shares = [each.probability for each in seen.candidates[:3]]
    assert shares == pytest.approx([alone.confidence / 4] * 3), "one more may not be compared"


def test_a_better_place_that_is_not_alike_is_likelier_than_a_worse_one() -> None:
    places = [
        replace(match(row, (600.0 * row, 0.0), (600.0 * row, 0.0), inliers, 0.0), score=score)
        for row, (inliers, score) in enumerate([(20, 0.6), (18, 0.55), (10, 0.5)])
    ]
    seen = sighting("1", 0.0, answer(places, 0.5), UNCALIBRATED, HOME)
    first, second, third = (each.probability for each in seen.candidates)
    assert first > second > 2 * third
    assert first + second + third == pytest.approx(0.6), "the confidence and a fifth of the rest"
    assert seen.none == pytest.approx(0.4)


def test_around_a_known_place_inliers_decide_and_few_of_them_leave_doubt() -> None:
    before = Sighting(name="7", time_s=3.5)
    seen = nearby_sighting(
        before, answer([CHANCE, RIGHT, RIGHT_TOO], 0.99), UNCALIBRATED, HOME, AREA_M2
    )
    assert (seen.name, seen.time_s, seen.area_m2) == ("7", 3.5, AREA_M2)
    assert seen.candidates[1].probability > 0.8
    assert seen.candidates[1].sigma_m < 5, "twelve inliers alone are no measurement, 32 are"
    alone = nearby_sighting(before, answer([CHANCE], 0.99), UNCALIBRATED, HOME, AREA_M2)
    assert alone.none > alone.candidates[0].probability
    nothing = nearby_sighting(before, answer([], 0.0), UNCALIBRATED, HOME, AREA_M2)
    assert (nothing.candidates, nothing.none) == ((), 1.0)


MOTION = Motion(max_speed_m_s=25.0, area_m2=4e6)


def sure(number: int, place: tuple[float, float]) -> Sighting:
    """A frame, 4 s after the one before, that shows its place."""
    north_m, east_m = place
    one = Candidate(north_m=north_m, east_m=east_m, sigma_m=3.0, probability=0.99)
    return Sighting(name=str(number), time_s=4.0 * number, candidates=(one,), none=0.01)


def unsure(number: int, *places: tuple[float, float]) -> Sighting:
    several = tuple(
        Candidate(north_m=north_m, east_m=east_m, sigma_m=3.0, probability=0.3)
        for north_m, east_m in places
    )
    return Sighting(name=str(number), time_s=4.0 * number, candidates=several, none=0.4)


def test_only_frames_that_are_unsure_by_themselves_are_searched_for_again() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(7)]
    flight[2] = unsure(2, (0.0, 160.0), (60.0, 200.0))
    flight[4] = Sighting(name="4", time_s=16.0, problem="no image")
    arounds = doubtful(flight, MOTION, HOME)
    assert list(arounds) == [2]
    circle = arounds[2].circle
    assert metres_between(*HOME, circle.latitude, circle.longitude) == pytest.approx(
        (0.0, 160.0), abs=3.0
    )
    assert 100.0 < circle.radius_m < 200.0
    assert doubtful([sure(0, (0.0, 0.0))], MOTION, HOME) == {}


def test_a_sure_frame_that_the_others_refuse_is_searched_for_again() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(7)]
    flight[3] = sure(3, (900.0, 240.0))
    arounds = doubtful(flight, MOTION, HOME)
    assert list(arounds) == [3]
    assert arounds[3].expected[0].north_m == pytest.approx(0.0, abs=3.0)


def test_beyond_the_last_sure_frame_a_straight_leg_is_followed_for_a_short_time() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(4)]
    flight += [unsure(number, (0.0, 80.0 * number)) for number in range(4, 14)]
    arounds = doubtful(flight, MOTION, HOME)
    assert list(arounds) == [4, 5, 6, 7, 8], "20 s after the last one"
    assert arounds[5].expected[0].east_m == pytest.approx(400.0, abs=3.0)
    bent = [*flight[:3], sure(3, (60.0, 180.0)), *flight[4:]]
    around = doubtful(bent, MOTION, HOME)
    assert list(around) == [4, 5], "without a leg it may be anywhere near for 10 s"
    assert around[5].expected[0].east_m == pytest.approx(180.0, abs=1.0)
    assert around[5].circle.radius_m == pytest.approx(300.0)


def test_between_two_parts_a_frame_is_expected_around_the_nearest_sure_one() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in (0, 1)]
    flight += [unsure(number, (0.0, 0.0)) for number in (2, 3)]
    flight += [sure(number, (5000.0, 80.0 * number)) for number in (4, 5)]
    around = doubtful(flight, MOTION, HOME)
    north_m = [around[row].expected[0].north_m for row in (2, 3)]
    assert north_m == pytest.approx([0.0, 5000.0], abs=3.0)
    flight += [replace(unsure(6, (5000.0, 400.0)), time_s=20.0)]
    (at_once,) = doubtful(flight, MOTION, HOME)[6].expected
    assert at_once.sigma_m == 8.0, "the gimbal moves"


def test_beyond_the_last_sure_frame_a_photo_that_shows_nothing_there_has_no_place() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(4)]
    flight += [unsure(4, (2.0, 318.0)), unsure(5, (90.0, 300.0))]
    arounds = doubtful(flight, MOTION, HOME)
    found = weighed(flight, {4: flight[4], 5: flight[5]}, arounds, MOTION, HOME)
    assert found[4].candidates[0].probability > 0.8
    assert not any(each.is_expected for each in found[5].candidates)
    assert found[5].none > 0.5


def test_a_doubtful_frame_is_taken_where_the_sure_ones_expect_it() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(6)]
    right, wrong = (3.0, 158.0), (60.0, 200.0)
    flight[2] = unsure(2, wrong, right)
    found = weighed(flight, {2: flight[2]}, doubtful(flight, MOTION, HOME), MOTION, HOME)
    assert found[2].candidates[1].probability > 10 * found[2].candidates[0].probability
    assert found[1] is flight[1]


def test_the_corner_of_a_leg_is_expected_where_the_leg_goes_on() -> None:
    """Between two legs a smooth curve is 50 m off; the end of the first one is the corner."""
    way = [(0.0, 80.0 * number) for number in range(4)]
    way += [(80.0 * number, 240.0) for number in range(1, 4)]
    flight = [sure(number, place) for number, place in enumerate(way)]
    flight[3] = unsure(3, (42.0, 200.0), (2.0, 243.0))
    arounds = doubtful(flight, MOTION, HOME)
    found = weighed(flight, {3: flight[3]}, arounds, MOTION, HOME)[3].candidates
    assert found[1].probability > found[0].probability
    expected = max(arounds[3].expected, key=lambda one: one.share)
    assert (expected.north_m, expected.east_m) == pytest.approx((0.0, 240.0), abs=5)


def test_a_photo_that_shows_nothing_at_a_corner_is_bridged_there() -> None:
    way = [(0.0, 80.0 * number) for number in range(4)]
    way += [(80.0 * number, 240.0) for number in range(1, 4)]
    flight = [sure(number, place) for number, place in enumerate(way)]
    flight[3] = Sighting(name="3", time_s=12.0, area_m2=AREA_M2)
    arounds = doubtful(flight, MOTION, HOME)
    fix = track_of(weighed(flight, {3: flight[3]}, arounds, MOTION, HOME), MOTION, HOME).fixes[3]
    assert fix.status == "bridged"
    assert fix.latitude is not None
    assert fix.longitude is not None
    place = metres_between(*HOME, fix.latitude, fix.longitude)
    assert place == pytest.approx((0.0, 240.0), abs=5)


def test_a_photo_of_another_heading_than_its_leg_is_less_probable() -> None:
    flight = [
        replace(one, candidates=(replace(one.candidates[0], heading_deg=90.0),))
        for one in (sure(number, (0.0, 80.0 * number)) for number in range(6))
    ]
    along, against = (
        Candidate(north_m=n, east_m=158.0, sigma_m=3.0, probability=0.3, heading_deg=heading_deg)
        for n, heading_deg in ((8.0, 95.0), (3.0, 270.0))
    )
    flight[2] = replace(flight[2], candidates=(against, along), none=0.4)
    found = weighed(flight, {2: flight[2]}, doubtful(flight, MOTION, HOME), MOTION, HOME)
    assert found[2].candidates[1].probability > 10 * found[2].candidates[0].probability


def test_a_flight_that_left_the_map_is_lost_there_however_well_chance_places_fit() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(10)]
    flight += [unsure(number, (0.0, 80.0 * number)) for number in range(10, 25)]
    fixes = track_of(flight, MOTION, HOME).fixes
    assert [fix.status for fix in fixes] == ["located"] * 10 + ["lost"] * 15


def test_a_short_part_without_a_sure_frame_is_chance() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(10)]
    flight += [unsure(number, (1500.0, 80.0 * number)) for number in range(10, 13)]
    track = track_of(flight, MOTION, HOME)
    assert {fix.status for fix in track.fixes[10:]} == {"lost"}
    flight[11] = sure(11, (1500.0, 880.0))
    assert track_of(flight, MOTION, HOME).fixes[11].segment == 2


def test_one_sure_frame_of_a_long_part_without_others_is_chance() -> None:
    flight = [sure(number, (0.0, 80.0 * number)) for number in range(10)]
    flight += [unsure(number, (1500.0, 80.0 * number)) for number in range(10, 17)]
    flight[12] = sure(12, (1500.0, 960.0))
    assert {fix.status for fix in track_of(flight, MOTION, HOME).fixes[10:]} == {"lost"}
    flight[14] = sure(14, (1500.0, 1120.0))
    assert {fix.segment for fix in track_of(flight, MOTION, HOME).fixes[10:]} == {2}


def test_one_sure_frame_is_enough_in_a_flight_of_doubtful_ones() -> None:
    flight = [unsure(number, (0.0, 80.0 * number)) for number in range(8)]
    flight[4] = sure(4, (0.0, 320.0))
    assert {fix.status for fix in track_of(flight, MOTION, HOME).fixes} == {"located"}
