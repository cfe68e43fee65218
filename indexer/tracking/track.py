"""A flight in, its track out: localize every frame, then decide over the whole flight."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.records import Position
from indexer.tracking.candidates import Sighting, position
from indexer.tracking.chain import Chain, Node, doubt_m, probabilities, same_place
from indexer.tracking.chance import Surety, is_sure
from indexer.tracking.courses import Course, cameras
from indexer.tracking.fixes import RADIUS_68, RADIUS_95, SURE_FROM, Fix, Track
from indexer.tracking.motion import BREAK, Motion
from indexer.tracking.smoothing import Smoothed

FIRM_M = 25.0
"""Deviation on each axis below which a place shows where the drone turns. Our choice."""

LONGEST_GAP_S, LONGEST_BRIDGE_S = 60.0, 30.0
"""Longest time between two located frames of one part, s: next to each other, and with others
between that are bridged. Our choice: a quarter of a minute from either end at the drone's speed is
hundreds of metres, and a flight that left the map must not be bridged to a chance place."""

LEAST_PROBABILITY = 0.5
"""Places that are less probable, given the whole flight, are refused as outliers."""


@dataclass(frozen=True)
class Doubts:
    """By frame: the probability that the place is right, and the position's `doubt_m`."""

    place: dict[int, float]
    position_m: dict[int, float]


def track_of(sightings: Sequence[Sighting], motion: Motion, origin: Position) -> Track:
    """Return the track that the frames' candidates give.

    Args:
        sightings: in order of time.
        motion: how the drone moves.
        origin: latitude and longitude that the candidates' metres count from.
    """
    chain = Chain(motion)
    for sighting in sightings:
        chain.add(sighting)
    path = chain.path()
    found = probabilities(sightings, chain)
    chances = _chances(chain, path, found)
    doubts_m = {
        frame: doubt_m(chain.frames[frame], candidate, found[frame]) for frame, candidate in path
    }
    surety = Surety.of(sightings, path, LONGEST_BRIDGE_S)
    refused = surety.chance_runs()
    nodes = [
        node for node in path if chances[node[0]] >= LEAST_PROBABILITY and node[0] not in refused
    ]
    parts = surety.found_parts(segments(chain, nodes), refused)
    fixes = [
        Fix(
            name=each.name,
            time_s=each.time_s,
            status="lost",
            confidence=0.0,
            problem=each.problem,
        )
        for each in sightings
    ]
    for number, part in enumerate(parts, start=1):
        for frame, fix in _smoothed(sightings, part, Doubts(chances, doubts_m), origin):
            fixes[frame] = replace(fix, segment=number)
    return _track(fixes)


def window_fix(
    sightings: Sequence[Sighting],
    chain: Chain,
    path: Sequence[Node],
    doubts: Doubts,
    origin: Position,
) -> Fix:
    """Return the fix of the last frame, smoothed over the last segment of a path.

    Args:
        sightings: all frames so far.
        chain: that they were added to.
        path: nodes up to the last frame or before it.
        doubts: about the frames of the path.
        origin: latitude and longitude that the candidates' metres count from.
    """
    *_, part = segments(chain, path)
    last = len(sightings) - 1
    *_, (_, fix) = _smoothed(sightings, part, doubts, origin, last)
    return fix


def segments(chain: Chain, nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Yield the parts of a path between breaks: impossible steps and gaps that are too long."""
    part: list[Node] = []
    for node in nodes:
        if part and _is_break(chain, part[-1], node):
            yield part
            part = []
        part.append(node)
    if part:
        yield part


def _is_break(chain: Chain, before: Node, after: Node) -> bool:
    places = [chain.frames[frame].places for frame, _ in (before, after)]
    longest_s = LONGEST_GAP_S if after[0] == before[0] + 1 else LONGEST_BRIDGE_S
    if places[1].time_s[after[1]] - places[0].time_s[before[1]] > longest_s:
        return True
    gain_AB = chain.motion.log_gain(*places)
    return bool(gain_AB[before[1], after[1]] <= math.log(BREAK))


def _chances(
    chain: Chain, nodes: Sequence[Node], found: Sequence[NDArray[np.float64]]
) -> dict[int, float]:
    """Return, by frame, the probability of the places of the path."""
    return {
        frame: float(min(1.0, found[frame][same_place(chain.frames[frame], candidate)].sum()))
        for frame, candidate in nodes
    }


def _smoothed(
    sightings: Sequence[Sighting],
    part: Sequence[Node],
    doubts: Doubts,
    origin: Position,
    last: int | None = None,
) -> Iterator[tuple[int, Fix]]:
    """Yield the fixes of one segment by frame; frames between its nodes are bridged.

    Those behind its last node are too, up to the frame `last`.
    """
    first, last = part[0][0], part[-1][0] if last is None else last
    frames = sightings[first : last + 1]
    rows = {frame - first: candidate for frame, candidate in part}
    chosen = {row: frames[row].candidates[candidate] for row, candidate in rows.items()}
    ground = Course.empty(frames)
    for row, each in chosen.items():
        sure = is_sure(frames[row], rows[row])
        doubt = 0.0 if each.is_expected else doubts.position_m[first + row]
        sigma_m = math.hypot(each.sigma_m, doubt)
        ground.measure(row, (each.north_m, each.east_m), sigma_m, sure=sure)
    smoothed = ground.smoothed(FIRM_M)
    for row, each in chosen.items():
        if each.is_expected:
            smoothed.position_T2[row] = each.north_m, each.east_m
            smoothed.sigma_T[row] = each.sigma_m
    camera_fixes = cameras(frames, rows, origin)
    chance = 0.0
    later = [doubts.place[frame] for frame, _ in part]
    for row, frame in enumerate(range(first, last + 1)):
        is_located = row in chosen and bool(smoothed.used_T[row]) and not chosen[row].is_expected
        if row in chosen:
            chance = later.pop(0)
        confidence = chance if row in chosen or not later else min(chance, later[0])
        fix = _fix(sightings[frame], smoothed, row, confidence, is_located, origin)
        yield frame, replace(fix, camera=camera_fixes.get(row))


def _fix(
    sighting: Sighting,
    smoothed: Smoothed,
    row: int,
    confidence: float,
    is_located: bool,
    origin: Position,
) -> Fix:
    north_m, east_m = smoothed.position_T2[row].tolist()
    latitude, longitude = position(origin, north_m, east_m)
    sigma_m = float(smoothed.sigma_T[row])
    heading_deg = None
    if is_located:
        nearest = min(
            (each for each in sighting.candidates if not each.is_expected),
            key=lambda each: math.hypot(each.north_m - north_m, each.east_m - east_m),
        )
        heading_deg = nearest.heading_deg
    return Fix(
        name=sighting.name,
        time_s=sighting.time_s,
        status="located" if is_located else "bridged",
        confidence=confidence,
        latitude=latitude,
        longitude=longitude,
        accuracy_m_68=RADIUS_68 * sigma_m,
        accuracy_m_95=RADIUS_95 * sigma_m,
        heading_deg=heading_deg,
        speed_m_s=float(np.linalg.norm(smoothed.velocity_T2[row])),
        problem=sighting.problem,
    )


def _track(fixes: Sequence[Fix]) -> Track:
    placed = [fix.confidence for fix in fixes if fix.latitude is not None]
    confidence = sum(placed) / len(placed) if placed else 0.0
    status: Literal["match", "uncertain", "no_match"] = "uncertain"
    if not placed:
        status = "no_match"
    elif confidence >= SURE_FROM and 2 * len(placed) > len(fixes):
        status = "match"
    return Track(
        status=status, confidence=confidence, fixes=tuple(fixes), notes=tuple(_notes(fixes))
    )


def _notes(fixes: Sequence[Fix]) -> Iterator[str]:
    unread = [fix for fix in fixes if fix.problem is not None]
    if unread:
        yield f"{_frames(len(unread))} cannot be read, the first: {unread[0].problem}"
    for run in _runs(fixes):
        names = run[0].name if len(run) == 1 else f"{run[0].name} to {run[-1].name}"
        fit = "fits" if len(run) == 1 else "fit"
        yield (
            f"{_frames(len(run))} {fit} no place of the gallery ({names}): "
            "the flight may have left the map there"
        )
    breaks = {fix.segment for fix in fixes if fix.segment is not None}
    if len(breaks) > 1:
        yield f"the track has {len(breaks)} parts that no possible movement connects"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _runs(fixes: Iterable[Fix]) -> Iterator[list[Fix]]:
    """Yield the runs of lost frames that could be read."""
    run: list[Fix] = []
    for fix in fixes:
        if fix.status == "lost" and fix.problem is None:
            run.append(fix)
        elif run:
            yield run
            run = []
    if run:
        yield run
