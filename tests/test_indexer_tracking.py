"""Tracks of flights: the chain against enumeration, the smoother against a dense solution."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pynmea2
import pytest
from numpy.typing import NDArray

from indexer.errors import BadFilterError, NoCameraError
from indexer.geo import distance_m
from indexer.tracking.candidates import CameraPlace, Candidate, Sighting, position
from indexer.tracking.chain import SWITCH, Chain, places_of, probabilities
from indexer.tracking.fixes import Track
from indexer.tracking.motion import Motion
from indexer.tracking.outputs.nmea import nmea
from indexer.tracking.smoothing import off_the_line, smooth
from indexer.tracking.track import track_of

ORIGIN = (50.0, 14.0)
MOTION = Motion(max_speed_m_s=20.0, area_m2=1500.0**2)


def candidate(north_m: float, east_m: float, probability: float, sigma_m: float = 2.0) -> Candidate:
    return Candidate(north_m=north_m, east_m=east_m, sigma_m=sigma_m, probability=probability)


def frames_at_random(count: int, seed: int) -> list[Sighting]:
    rng = np.random.default_rng(seed)
    return [
        Sighting(
            name=str(number),
            time_s=2.0 * number,
            candidates=tuple(
                candidate(*rng.uniform(-150, 150, 2), probability=float(rng.uniform(0.05, 0.5)))
                for _ in range(2)
            ),
            none=0.3,
        )
        for number in range(count)
    ]


def log_of_path(sightings: Sequence[Sighting], choice: Sequence[int | None]) -> float:
    """Log weight of one path, computed without recursion."""
    total, last = 0.0, None
    for one, other in itertools.pairwise(choice):
        is_alike = (one is None) == (other is None)
        total += math.log(1 - SWITCH if is_alike else SWITCH)
    for frame, row in zip(sightings, choice, strict=True):
        if row is None:
            total += math.log(frame.none)
            continue
        total += math.log(frame.candidates[row].probability)
        if last is not None:
            before, after = (
                places_of(
                    Sighting(name="", time_s=one.time_s, candidates=(one.candidates[k],), none=0.5),
                    MOTION,
                )
                for one, k in (last, (frame, row))
            )
            total += float(MOTION.log_gain(before, after)[0, 0])
        last = frame, row
    return total


def every_path(sightings: Sequence[Sighting]) -> Iterator[tuple[tuple[int | None, ...], float]]:
    for choice in itertools.product((None, 0, 1), repeat=len(sightings)):
        yield choice, log_of_path(sightings, choice)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_path_and_all_probabilities_are_those_of_enumeration(seed: int) -> None:
    sightings = frames_at_random(5, seed)
    chain = Chain(MOTION)
    for each in sightings:
        chain.add(each)
    paths = dict(every_path(sightings))
    best = max(paths, key=lambda choice: paths[choice])
    assert chain.path() == [(frame, row) for frame, row in enumerate(best) if row is not None]
    total = float(np.logaddexp.reduce(list(paths.values())))
    assert chain.log_total == pytest.approx(total, abs=1e-9)
    found = probabilities(sightings, chain)
    for frame, row in itertools.product(range(5), range(2)):
        wanted = sum(math.exp(log - total) for path, log in paths.items() if path[frame] == row)
        assert found[frame][row] == pytest.approx(wanted, abs=1e-9)


def dense_solution(
    time_T: NDArray[np.float64], measured_T: NDArray[np.float64], sigma: float, density: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Posterior mean and deviation of one axis: the joint normal distribution, solved at once."""
    count = len(time_T)
    start = np.diag((1e6, 15.0**2))
    blocks = np.zeros((count, count, 2, 2))
    for i in range(count):
        for j in range(count):
            early = min(i, j)
            cov = start.copy()
            for k in range(1, early + 1):
                dt = time_T[k] - time_T[k - 1]
                step = np.array([[1, dt], [0, 1]])
                noise = density * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
                cov = step @ cov @ step.T + noise
            ahead_i = np.array([[1, time_T[i] - time_T[early]], [0, 1]])
            ahead_j = np.array([[1, time_T[j] - time_T[early]], [0, 1]])
            blocks[i, j] = ahead_i @ cov @ ahead_j.T
    prior = blocks[:, :, 0, 0]
    seen = ~np.isnan(measured_T)
    mean = measured_T[seen][0]
    gain = prior[:, seen] @ np.linalg.inv(prior[np.ix_(seen, seen)] + sigma**2 * np.eye(seen.sum()))
    posterior = prior - gain @ prior[seen]
    return mean + gain @ (measured_T[seen] - mean), np.sqrt(np.diag(posterior))


def test_the_smoother_gives_the_dense_solution() -> None:
    time_T = np.array([0.0, 1.0, 1.5, 4.0, 4.5, 7.0])
    measured_T2 = np.array([[0, 5], [9, 4], [16, 3], [np.nan] * 2, [44, 1], [71, 0]], dtype=float)
    found = smooth(
        time_T, measured_T2, np.full(6, 3.0), np.zeros(6, dtype=bool), np.full((6, 1), 2.0)
    )
    assert found.used_T.tolist() == [True, True, True, False, True, True]
    for axis in range(2):
        mean_T, sigma_T = dense_solution(time_T, measured_T2[:, axis], 3.0, 2.0)
        np.testing.assert_allclose(found.position_T2[:, axis], mean_T, atol=1e-3)
        np.testing.assert_allclose(found.sigma_T, sigma_T, rtol=1e-4)


def test_one_measurement_off_a_straight_line_is_an_outlier_and_a_turn_is_none() -> None:
    time_T, sigma_T = np.arange(9.0), np.full(9, 2.0)
    line_T2 = np.stack((10 * time_T, np.zeros(9)), axis=1)
    jumped_T2 = line_T2.copy()
    jumped_T2[4] += 40
    assert np.flatnonzero(off_the_line(time_T, jumped_T2, sigma_T)).tolist() == [4]
    turned_T2 = np.concatenate(
        (line_T2[:5], line_T2[4] + 10 * np.array([[0, k] for k in range(1, 5)]))
    )
    assert not off_the_line(time_T, turned_T2, sigma_T).any()
    assert not off_the_line(time_T[:4], jumped_T2[:4], sigma_T[:4]).any()


def line_flight(count: int = 60) -> NDArray[np.float64]:
    """Positions (north, east), 2 s apart at 8 m/s, with a turn in the middle."""
    east = np.concatenate((np.arange(count // 2), np.full(count - count // 2, count // 2 - 1)))
    north = np.maximum(0, np.arange(count) - count // 2 + 1)
    return 16.0 * np.stack((north, east), axis=1) - 300.0


def flown(
    true_T2: NDArray[np.float64], *, first: float = 0.4, black: float = 0.3, seed: int = 1
) -> list[Sighting]:
    """Sightings of a flight: the right place is first in some frames, absent in others."""
    rng = np.random.default_rng(seed)
    sightings = []
    for number, true_2 in enumerate(true_T2):
        places = [rng.uniform(-750, 750, 2) for _ in range(11)]
        is_black = rng.random() < black
        confidence = float(rng.uniform(0.02, 0.1) if is_black else rng.uniform(0.2, 0.9))
        if not is_black:
            row = 0 if rng.random() < first else int(rng.integers(1, 11))
            places[row] = true_2 + rng.normal(0, 2, 2)
        rest = (1 - confidence) / 2
        chances = [confidence, *[rest / 10] * 10]
        candidates = tuple(
            candidate(*place, probability=chance)
            for place, chance in zip(places, chances, strict=True)
        )
        sightings.append(
            Sighting(name=str(number), time_s=2.0 * number, candidates=candidates, none=rest)
        )
    return sightings


def errors_m(track: Track, true_T2: NDArray[np.float64]) -> NDArray[np.float64]:
    found = []
    for fix, (north_m, east_m) in zip(track.fixes, true_T2.tolist(), strict=True):
        wanted = position(ORIGIN, north_m, east_m)
        placed = fix.latitude is not None and fix.longitude is not None
        found.append(distance_m(fix.latitude, fix.longitude, *wanted) if placed else math.inf)
    return np.array(found)


@pytest.mark.parametrize("seed", range(3))
def test_a_flight_is_found_where_most_single_frames_are_wrong(seed: int) -> None:
    true_T2 = line_flight()
    track = track_of(flown(true_T2, seed=seed), MOTION, ORIGIN)
    errors = errors_m(track, true_T2)
    assert np.mean(errors <= 25) >= 0.95
    assert np.median(errors) < 3
    assert track.status == "match"
    assert {fix.status for fix in track.fixes} >= {"located", "bridged"}


def test_a_frame_that_cannot_be_read_is_bridged_and_counted() -> None:
    true_T2 = line_flight()
    sightings = flown(true_T2, black=0.0, first=1.0)
    broken = Sighting(name="20", time_s=40.0, problem="20.jpg is no image")
    track = track_of([*sightings[:20], broken, *sightings[21:]], MOTION, ORIGIN)
    assert track.fixes[20].status == "bridged"
    assert errors_m(track, true_T2)[20] < 25
    assert "1 frame cannot be read, the first: 20.jpg is no image" in track.notes


def test_a_flight_that_leaves_the_map_is_told() -> None:
    true_T2 = line_flight()
    sightings = flown(true_T2, black=0.0)
    outside = flown(true_T2, black=1.0, seed=8)
    track = track_of([*sightings[:40], *outside[40:]], MOTION, ORIGIN)
    assert np.mean(errors_m(track, true_T2)[:40] <= 25) >= 0.95
    assert [fix.status for fix in track.fixes[45:]] == ["lost"] * 15
    assert any("the flight may have left the map there" in note for note in track.notes)


def test_a_flight_of_nothing_but_other_places_is_no_match() -> None:
    track = track_of(flown(line_flight(), black=1.0), MOTION, ORIGIN)
    assert track.status != "match"
    assert track.located <= 20


def test_two_flights_in_one_folder_become_two_segments() -> None:
    there, elsewhere = line_flight(30), line_flight(30) + 700.0
    true_T2 = np.concatenate((there, elsewhere))
    track = track_of(flown(true_T2, black=0.0, first=1.0), MOTION, ORIGIN)
    assert np.mean(errors_m(track, true_T2) <= 25) >= 0.95
    assert {fix.segment for fix in track.fixes} == {1, 2}
    assert "the track has 2 parts that no possible movement connects" in track.notes


def test_frames_of_one_moment_and_a_single_frame_are_no_problem() -> None:
    sure = Sighting(name="a", time_s=3.0, candidates=(candidate(10, 20, 0.95),), none=0.05)
    for sightings in ([sure], [sure, sure, sure]):
        track = track_of(sightings, MOTION, ORIGIN)
        assert [fix.status for fix in track.fixes] == ["located"] * len(sightings)
        assert track.confidence > 0.9


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(BadFilterError, match="max speed 0 m/s: must be above 0"):
        Motion(max_speed_m_s=0.0)


def with_cameras(true_T2: NDArray[np.float64]) -> list[Sighting]:
    """Frames of an oblique flight: the camera is 40 m south of the ground in the photo."""
    return [
        replace(
            sighting,
            camera=CameraPlace(
                north_m=true_2[0] - 40.0,
                east_m=true_2[1],
                height_m=80.0 + number,
                sigma_m=2.0,
                heading_deg=0.0,
                pitch_deg=-63.0,
                roll_deg=0.0,
            ),
        )
        for number, (sighting, true_2) in enumerate(
            zip(flown(true_T2, black=0.0, first=1.0), true_T2, strict=True)
        )
    ]


def test_the_camera_has_a_track_of_its_own() -> None:
    true_T2 = line_flight(20)
    track = track_of(with_cameras(true_T2), MOTION, ORIGIN)
    for number, (fix, (north_m, east_m)) in enumerate(
        zip(track.fixes, true_T2.tolist(), strict=True)
    ):
        assert fix.camera is not None
        wanted = position(ORIGIN, north_m - 40.0, east_m)
        assert distance_m(fix.camera.latitude, fix.camera.longitude, *wanted) < 6
        assert fix.camera.height_m == pytest.approx(80.0 + number)
        assert fix.camera.pitch_deg == -63.0


def test_nmea_is_the_camera_s_and_an_independent_reader_agrees() -> None:
    start = datetime(2026, 5, 1, 23, 59, 50, tzinfo=UTC)
    found = track_of(with_cameras(line_flight(20)), MOTION, ORIGIN)
    sentences = nmea(replace(found, start=start)).splitlines()
    assert len(sentences) == 40
    fix, camera = found.fixes[7], found.fixes[7].camera
    gga, rmc = (pynmea2.parse(line, check=True) for line in sentences[14:16])
    assert camera is not None
    assert (gga.sentence_type, rmc.sentence_type) == ("GGA", "RMC")
    for sentence in (gga, rmc):
        assert sentence.latitude == pytest.approx(camera.latitude, abs=1e-7)
        assert sentence.longitude == pytest.approx(camera.longitude, abs=1e-7)
    assert (gga.gps_qual, rmc.status) == (6, "A")
    assert gga.altitude == pytest.approx(camera.height_m, abs=0.06)
    assert rmc.datetime.replace(tzinfo=UTC) == start + timedelta(seconds=fix.time_s)


def test_nmea_of_the_ground_in_the_photo_is_refused() -> None:
    found = track_of(flown(line_flight(20)), MOTION, ORIGIN)
    with pytest.raises(NoCameraError, match="no frame shows where the camera was"):
        nmea(found)
