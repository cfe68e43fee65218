"""A flight while it is flown: a fix for each frame at once, and where to search for the next."""

import math
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from indexer.errors import OutOfOrderError
from indexer.records import Position, Prior
from indexer.tracking.candidates import Sighting, position
from indexer.tracking.chain import Belief, Chain, doubt_m
from indexer.tracking.fixes import Fix, Track
from indexer.tracking.motion import Motion
from indexer.tracking.track import LEAST_PROBABILITY, Doubts, track_of, window_fix

SURE_ENOUGH = 0.9
"""Probability of the last place from which only its surroundings are searched. Our choice."""

OLDEST_S = 30.0
"""Age of the last located frame up to which only its surroundings are searched, s. Our choice."""

WINDOW = 60
"""Number of last frames that a fix is smoothed over. Our choice."""

MARGIN_M = 100.0
"""What is searched beyond the distance that the drone can have flown, m: centres of tiles lie off
the photo's. Our choice."""


class LiveTrack:
    """The track so far; frames come in order of time. Not safe to use from several threads."""

    def __init__(self, motion: Motion, origin: Position) -> None:
        self.motion = motion
        self.origin = origin
        self.sightings: list[Sighting] = []
        self._chain = Chain(motion)
        self._belief: Belief | None = None
        self._shares: list[NDArray[np.float64]] = []

    def add(self, sighting: Sighting) -> Fix:
        """Add a frame and return its fix, which uses the frames so far.

        Raises:
            OutOfOrderError: it is older than the last frame.
        """
        self.check_time(sighting.time_s)
        self.sightings.append(sighting)
        self._chain.add(sighting)
        self._belief = self._chain.belief()
        self._shares.append(self._chain.shares())
        if self._belief is None or self._belief.probability < LEAST_PROBABILITY:
            return Fix(
                name=sighting.name,
                time_s=sighting.time_s,
                status="lost",
                confidence=0.0 if self._belief is None else self._belief.probability,
                problem=sighting.problem,
            )
        path = self._chain.path(self._belief.node)[-WINDOW:]
        doubts_m = {
            frame: doubt_m(self._chain.frames[frame], row, self._shares[frame])
            for frame, row in path
        }
        chances = dict.fromkeys(doubts_m, self._belief.probability)
        return window_fix(self.sightings, self._chain, path, Doubts(chances, doubts_m), self.origin)

    def check_time(self, time_s: float) -> None:
        """Check that a frame of this time can come next.

        Raises:
            OutOfOrderError: it is older than the last frame.
        """
        if self.sightings and time_s < self.sightings[-1].time_s:
            raise OutOfOrderError(
                f"the frame of {time_s:.3f} s is older than the last one, "
                f"{self.sightings[-1].time_s:.3f} s; send frames in order of time"
            )

    def next_area(self, time_s: float) -> Prior | None:
        """Return the circle that the drone can be in at a time; None: search everywhere."""
        if self._belief is None or self._belief.probability < SURE_ENOUGH:
            return None
        frame, row = self._belief.node
        last = self.sightings[frame]
        elapsed_s = time_s - last.time_s
        if elapsed_s > OLDEST_S:
            return None
        place = last.candidates[row]
        latitude, longitude = position(self.origin, place.north_m, place.east_m)
        radius_m = self.motion.max_speed_m_s * elapsed_s + 3 * place.sigma_m + MARGIN_M
        if math.pi * radius_m**2 >= self.motion.area_m2:
            return None
        return Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)

    def track(self, start: datetime | None = None) -> Track:
        """Return the track of all frames so far, smoothed over the whole.

        Args:
            start: moment that the frames' seconds count from.
        """
        found = track_of(self.sightings, self.motion, self.origin)
        return replace(found, start=start)
