"""Hidden Markov model over the candidates of a flight's frames.

The state of a frame is one of its candidates, or none of them; then the last candidate before it
is carried on, and the motion model bridges the gap. Frames that show one of their candidates, and
those that do not, come in runs. Two recursions run side by side: the best path (Viterbi) and the
sum over all paths (forward algorithm). Run over the reversed flight, the second gives the backward
probabilities.

Source: Rabiner, A tutorial on hidden Markov models, 1989, Sec. III; the carried states are our
choice. Shapes: H hypotheses, C candidates of one frame.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from indexer.tracking.candidates import Sighting
from indexer.tracking.motion import Motion, Places

MOST_HYPOTHESES = 150
"""Number of hypotheses that are carried from frame to frame. Our choice."""

SWITCH = 0.2
"""Probability that a frame shows one of its candidates and its neighbour none, or the reverse.
Our choice: what hides the ground, and the map's edge, last longer than a frame.
"""

LEAST_LOG = 30.0
"""Hypotheses that are less likely than the best by this (log) are dropped. Our choice."""

DOUBT_M = 40.0
"""Standard deviation on each axis of a right place from the one on the track, m. Our choice."""

SAME_SIGMAS = 3.0
"""Candidates nearer than so many of both deviations are one place."""

_COLUMNS = tuple(field.name for field in fields(Places))

Node = tuple[int, int]
"""(frame, candidate)."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the chain keeps of a frame, by candidate: places and forward logarithms [C].

    `before` is the best previous node of each candidate; None where the path begins there.
    """

    places: Places
    log_weight_C: NDArray[np.float64]
    log_sum_C: NDArray[np.float64]
    before: tuple[Node | None, ...]


@dataclass(frozen=True, kw_only=True)
class Belief:
    """The best hypothesis after the last frame, and its share of the probability, 0..1."""

    node: Node
    probability: float


class Chain:
    """Takes the frames of a flight in order of time; what was found so far can be read after each.

    A frame costs at most `MOST_HYPOTHESES` x `MOST_CANDIDATES` steps.
    """

    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        self.frames: list[Frame] = []
        self._count = 0
        self._nodes: list[Node] = []
        self._places = _stack([])
        self._log_best_H = np.empty(0)
        self._log_sum_H = np.empty(0)
        self._log_unseen = 0.0

    def add(self, sighting: Sighting) -> None:
        """Add the next frame; its time is not before that of the last one."""
        number = self._count
        self._count += 1
        here = places_of(sighting, self.motion)
        weights = [candidate.probability for candidate in sighting.candidates]
        log_weight_C = np.log(np.array(weights, dtype=np.float64))
        is_last_H = np.array([frame == number - 1 for frame, _ in self._nodes], dtype=bool)
        stay_H = np.log(np.where(is_last_H, 1 - SWITCH, SWITCH))
        gain_HC = self.motion.log_gain(self._places, here) + stay_H[:, None]
        best_HC = self._log_best_H[:, None] + gain_HC
        sum_HC = self._log_sum_H[:, None] + gain_HC
        begin = self._log_unseen + (math.log(SWITCH) if number else 0.0)
        begin_1C = np.full((1, len(weights)), begin)
        choice_C = np.vstack((best_HC, begin_1C)).argmax(axis=0)
        log_best_C = log_weight_C + np.vstack((best_HC, begin_1C)).max(axis=0)
        log_sum_C = log_weight_C + np.logaddexp.reduce(np.vstack((sum_HC, begin_1C)), axis=0)
        before = tuple(
            self._nodes[choice] if choice < len(self._nodes) else None for choice in choice_C
        )
        self.frames.append(
            Frame(places=here, log_weight_C=log_weight_C, log_sum_C=log_sum_C, before=before)
        )
        log_none = math.log(sighting.none)
        leave_H = np.log(np.where(is_last_H, SWITCH, 1 - SWITCH)) + log_none
        self._log_unseen += log_none + (math.log(1 - SWITCH) if number else 0.0)
        self._nodes += [(number, candidate) for candidate in range(len(weights))]
        self._places = _stack([self._places, here])
        self._log_best_H = np.concatenate((self._log_best_H + leave_H, log_best_C))
        self._log_sum_H = np.concatenate((self._log_sum_H + leave_H, log_sum_C))
        self._prune()

    @property
    def log_total(self) -> float:
        """Logarithm of the sum over all paths."""
        return float(np.logaddexp(self._log_unseen, _log_sum(self._log_sum_H)))

    def belief(self) -> Belief | None:
        """Return the likeliest place after the last frame; None where nothing was found yet."""
        if not self._nodes:
            return None
        best = int(self._log_sum_H.argmax())
        if self._log_sum_H[best] < self._log_unseen:
            return None
        same_H = _same_place(self._places, best)
        share = math.exp(min(0.0, _log_sum(self._log_sum_H[same_H]) - self.log_total))
        return Belief(node=self._nodes[best], probability=share)

    def shares(self) -> NDArray[np.float64]:
        """Return the probability of each candidate of the last frame, given those so far: [C]."""
        log_C = self.frames[-1].log_sum_C - self.log_total
        return np.asarray(np.exp(np.minimum(log_C, 0.0)), dtype=np.float64)

    def path(self, end: Node | None = None) -> list[Node]:
        """Return the nodes of the best path in order of time; frames between them have none.

        Args:
            end: the last node; None: of the best path of all.
        """
        node = self._best_end() if end is None else end
        nodes: list[Node] = []
        while node is not None:
            nodes.append(node)
            node = self.frames[node[0]].before[node[1]]
        return nodes[::-1]

    def _best_end(self) -> Node | None:
        if not self._nodes or self._log_best_H.max() < self._log_unseen:
            return None
        return self._nodes[int(self._log_best_H.argmax())]

    def _prune(self) -> None:
        if not self._nodes:
            return
        order_H = np.argsort(-self._log_sum_H, kind="stable")[:MOST_HYPOTHESES]
        least = self._log_sum_H[order_H[0]] - LEAST_LOG
        kept_H = np.sort(order_H[self._log_sum_H[order_H] >= least])
        self._nodes = [self._nodes[row] for row in kept_H.tolist()]
        self._places = _rows(self._places, kept_H)
        self._log_best_H, self._log_sum_H = self._log_best_H[kept_H], self._log_sum_H[kept_H]


def probabilities(sightings: Sequence[Sighting], forward: Chain) -> list[NDArray[np.float64]]:
    """Return the probability of each candidate given the whole flight: one [C] for each frame.

    Args:
        sightings: the frames in order of time.
        forward: the chain that they were added to.
    """
    backward = Chain(forward.motion)
    found = []
    for sighting, frame in zip(reversed(sightings), reversed(forward.frames), strict=True):
        backward.add(sighting)
        later = backward.frames.pop()
        log_C = frame.log_sum_C + later.log_sum_C - frame.log_weight_C - forward.log_total
        found.append(np.exp(np.minimum(log_C, 0.0)))
    return found[::-1]


def same_place(frame: Frame, candidate: int) -> NDArray[np.bool_]:
    """Return which candidates [C] of a frame lie at the place of one of them."""
    return _same_place(frame.places, candidate)


def doubt_m(frame: Frame, candidate: int, chance_C: NDArray[np.float64]) -> float:
    """Return how far the photo may be from one candidate's position because another one is right.

    It is the standard deviation on each axis, m, at most `DOUBT_M`, which counts for places that no
    candidate gives.

    Args:
        frame: whose candidates they are.
        candidate: the one.
        chance_C: probability of each.
    """
    places = frame.places
    distance_C = np.hypot(
        places.north_m - places.north_m[candidate], places.east_m - places.east_m[candidate]
    )
    variance_C = np.minimum(distance_C**2 / 2, DOUBT_M**2)
    none = max(0.0, 1.0 - float(chance_C.sum()))
    return math.sqrt(min(float(chance_C @ variance_C) + none * DOUBT_M**2, DOUBT_M**2))


def places_of(sighting: Sighting, motion: Motion) -> Places:
    """Return a frame's candidates as arrays."""
    area_m2 = motion.area_m2 if sighting.area_m2 is None else sighting.area_m2
    rows = [
        (
            sighting.time_s,
            each.north_m,
            each.east_m,
            each.sigma_m,
            math.nan if each.heading_deg is None else each.heading_deg,
            math.nan if each.size_m is None else each.size_m,
            area_m2,
        )
        for each in sighting.candidates
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(_COLUMNS)).T
    return Places(**dict(zip(_COLUMNS, columns, strict=True)))


def _same_place(places: Places, row: int) -> NDArray[np.bool_]:
    distance_H = np.hypot(places.north_m - places.north_m[row], places.east_m - places.east_m[row])
    sigma_H = np.hypot(places.sigma_m, places.sigma_m[row])
    same_H: NDArray[np.bool_] = distance_H <= SAME_SIGMAS * sigma_H
    return same_H


def _stack(parts: Sequence[Places]) -> Places:
    return Places(
        **{
            name: np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
            for name in _COLUMNS
        }
    )


def _rows(places: Places, rows: NDArray[np.intp]) -> Places:
    return Places(**{name: getattr(places, name)[rows] for name in _COLUMNS})


def _log_sum(logs_H: NDArray[np.float64]) -> float:
    return float(np.logaddexp.reduce(logs_H)) if len(logs_H) else -math.inf
