"""Smooths measured positions by a Kalman filter and the Rauch-Tung-Striebel smoother.

The drone moves at a constant velocity that white acceleration disturbs. North and east are
independent and share their gains.

Source: Rauch, Tung, Striebel, Maximum likelihood estimates of linear dynamic systems, 1965; the
model is Bar-Shalom, Li, Kirubarajan, Estimation with applications to tracking, 2001, Sec. 6.2.2.
Shapes: T frames, Q courses of its density that are tried.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACCELERATIONS = (0.03, 0.3, 3.0, 30.0, 300.0)
"""Spectral densities of the acceleration that are tried, m2/s3; the likeliest one is taken. From a
straight line to free movement from frame to frame. Our choice."""

START_SPEED_M_S = 15.0
"""Standard deviation of the first velocity on each axis. Our choice."""

START_SIGMA_M = 1e3
"""Standard deviation of the first position on each axis, before it is measured. Our choice."""

GATE = 20.0
"""Squared distance, in variances of both axes, beyond which a measurement is an outlier: one in
20,000 of a circular normal distribution."""

LINE_FACTOR = 3.0
"""How much further than the neighbours' disagreement, or its own deviation, an outlier lies off."""

LEAST_VARIANCE = 1e-9
"""Keeps the covariance of two frames of one moment invertible."""

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """Positions and velocities of all frames, with the positions' standard deviation on each axis.

    `used_T` marks the measurements that agree with the others; `log_likelihood` is that of all.
    """

    position_T2: NDArray[np.float64]
    velocity_T2: NDArray[np.float64]
    sigma_T: NDArray[np.float64]
    used_T: NDArray[np.bool_]
    log_likelihood: float

    def reversed(self) -> "Smoothed":
        """Return the same from the last frame to the first, as of a flight run backward."""
        return Smoothed(
            position_T2=self.position_T2[::-1],
            velocity_T2=-self.velocity_T2[::-1],
            sigma_T=self.sigma_T[::-1],
            used_T=self.used_T[::-1],
            log_likelihood=self.log_likelihood,
        )


def smooth_best(
    time_T: NDArray[np.float64],
    measured_T2: NDArray[np.float64],
    sigma_T: NDArray[np.float64],
    sure_T: NDArray[np.bool_],
    firm_T: NDArray[np.bool_],
) -> Smoothed:
    """Return the positions under the acceleration that explains the measurements best.

    The flight is also tried from its end, since a wrong first measurement misleads the filter.

    Args:
        time_T: seconds, not decreasing.
        measured_T2: metres; NaN where a frame was not measured.
        sigma_T: standard deviation of each measurement on each axis, m.
        sure_T: measurements that are no outliers, however the drone must have moved.
        firm_T: measurements that show where the drone turns.
    """
    constant_TQ = np.tile(ACCELERATIONS, (len(time_T), 1))
    turning_T = turning(time_T, np.where(firm_T[:, None], measured_T2, np.nan))
    densities_TQ = np.hstack((constant_TQ, turning_T[:, None]))
    there = smooth(time_T, measured_T2, sigma_T, sure_T, densities_TQ)
    # The density of a step stands at its end; backward, its end is its beginning.
    back_TQ = np.roll(densities_TQ, -1, axis=0)[::-1]
    back = smooth(-time_T[::-1], measured_T2[::-1], sigma_T[::-1], sure_T[::-1], back_TQ)
    return max(there, back.reversed(), key=lambda one: one.log_likelihood)


def off_the_line(
    time_T: NDArray[np.float64], measured_T2: NDArray[np.float64], sigma_T: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which measurements lie off a straight line on which their neighbours lie.

    Two measurements before, two after, and the two beside predict a position each. Where these
    agree, and the measurement lies `LINE_FACTOR` times as far away, it is an outlier; a filter
    that must follow sharp turns elsewhere would take it for one.

    Args:
        time_T: seconds, not decreasing.
        measured_T2: metres; NaN where a frame was not measured.
        sigma_T: standard deviation of each measurement on each axis, m.
    """
    outlier_T = np.zeros(len(time_T), dtype=bool)
    seen = np.flatnonzero(~np.isnan(measured_T2[:, 0]))
    if len(seen) < 5:
        return outlier_T
    two_before, before, here, after, two_after = (seen[k : len(seen) - 4 + k] for k in range(5))

    def line(one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.float64]:
        elapsed = np.maximum(time_T[other] - time_T[one], 1e-3)
        share = ((time_T[here] - time_T[one]) / elapsed)[:, None]
        predicted: NDArray[np.float64] = measured_T2[one] + share * (
            measured_T2[other] - measured_T2[one]
        )
        return predicted

    between_N2 = line(before, after)
    off_N = np.linalg.norm(measured_T2[here] - between_N2, axis=1)
    apart_N = np.maximum(
        np.linalg.norm(line(two_before, before) - between_N2, axis=1),
        np.linalg.norm(line(after, two_after) - between_N2, axis=1),
    )
    noise_N = np.hypot(sigma_T[here], np.maximum(sigma_T[before], sigma_T[after]))
    outlier_T[here] = off_N > LINE_FACTOR * np.maximum(apart_N, noise_N)
    return outlier_T


def smooth(
    time_T: NDArray[np.float64],
    measured_T2: NDArray[np.float64],
    sigma_T: NDArray[np.float64],
    sure_T: NDArray[np.bool_],
    densities_TQ: NDArray[np.float64],
) -> Smoothed:
    """Return the positions under the likeliest of some courses of the spectral density (m2/s3).

    A density counts for the step that ends at its frame.

    Measurements beyond `GATE` are left out unless they are sure; what they cost decides among the
    densities too.
    """
    count, tried = densities_TQ.shape
    step_T22 = np.tile(np.eye(2), (count, 1, 1))
    step_T22[1:, 0, 1] = np.diff(time_T)
    noise_TQ22 = _noise(np.diff(time_T, prepend=time_T[0]), densities_TQ)
    state_TQ22 = np.zeros((count, tried, 2, 2))  # row: position, velocity; column: north, east
    cov_TQ22 = np.zeros((count, tried, 2, 2))
    ahead_TQ22, ahead_cov_TQ22 = np.zeros_like(state_TQ22), np.zeros_like(cov_TQ22)
    used_TQ = np.zeros((count, tried), dtype=bool)
    log_likelihood_Q = np.zeros(tried)
    state_Q22 = np.zeros((tried, 2, 2))
    first = int(np.flatnonzero(~np.isnan(measured_T2[:, 0]))[0])
    state_Q22[:, 0] = measured_T2[first]
    cov_Q22 = np.tile(np.diag((START_SIGMA_M**2, START_SPEED_M_S**2)), (tried, 1, 1))
    for t in range(count):
        state_Q22 = step_T22[t] @ state_Q22
        cov_Q22 = step_T22[t] @ cov_Q22 @ step_T22[t].T + noise_TQ22[t]
        ahead_TQ22[t], ahead_cov_TQ22[t] = state_Q22, cov_Q22
        if not math.isnan(measured_T2[t, 0]):
            variance_Q = cov_Q22[:, 0, 0] + sigma_T[t] ** 2
            residual_Q2 = measured_T2[t] - state_Q22[:, 0]
            squared_Q = (residual_Q2**2).sum(axis=1) / variance_Q
            gate = math.inf if sure_T[t] else GATE
            used_TQ[t] = squared_Q <= gate
            gain_Q2 = cov_Q22[:, :, 0] / variance_Q[:, None] * used_TQ[t][:, None]
            state_Q22 = state_Q22 + gain_Q2[:, :, None] * residual_Q2[:, None, :]
            cov_Q22 = cov_Q22 - gain_Q2[:, :, None] * cov_Q22[:, None, 0]
            log_likelihood_Q -= np.minimum(squared_Q, gate) / 2 + np.log(variance_Q) + _LOG_2PI
        state_TQ22[t], cov_TQ22[t] = state_Q22, cov_Q22
    best = int(log_likelihood_Q.argmax())
    state_T22, cov_T22 = state_TQ22[:, best], cov_TQ22[:, best]
    for t in range(count - 2, -1, -1):
        ahead_cov_22 = ahead_cov_TQ22[t + 1, best]
        gain_22 = cov_T22[t] @ step_T22[t + 1].T @ np.linalg.inv(ahead_cov_22)
        state_T22[t] += gain_22 @ (state_T22[t + 1] - ahead_TQ22[t + 1, best])
        cov_T22[t] += gain_22 @ (cov_T22[t + 1] - ahead_cov_22) @ gain_22.T
    return Smoothed(
        position_T2=state_T22[:, 0],
        velocity_T2=state_T22[:, 1],
        sigma_T=np.sqrt(np.maximum(cov_T22[:, 0, 0], 0.0)),
        used_T=used_TQ[:, best],
        log_likelihood=float(log_likelihood_Q[best]),
    )


def turning(time_T: NDArray[np.float64], measured_T2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the spectral density of the acceleration in each step, m2/s3: float64 [T].

    Between two measurements it is that of the sharper of the changes of velocity at both. With
    fewer than three it is the least of `ACCELERATIONS`, which it never is below.

    Args:
        time_T: seconds, not decreasing.
        measured_T2: metres; NaN where nothing is sure.
    """
    least = ACCELERATIONS[0]
    density_T = np.full(len(time_T), least)
    seen = np.flatnonzero(~np.isnan(measured_T2[:, 0]))
    if len(seen) < 3:
        return density_T
    elapsed = np.maximum(np.diff(time_T[seen]), 1e-3)
    velocity = np.diff(measured_T2[seen], axis=0) / elapsed[:, None]
    change = np.zeros(len(seen))
    change[1:-1] = np.linalg.norm(np.diff(velocity, axis=0), axis=1)
    steps = np.maximum(change[:-1], change[1:]) ** 2 / (2 * elapsed)
    behind = np.searchsorted(seen, np.arange(len(time_T)), side="left") - 1
    inside = (behind >= 0) & (behind < len(steps))
    density_T[inside] = np.maximum(least, steps[behind[inside]])
    return density_T


def _noise(elapsed_T: NDArray[np.float64], densities_TQ: NDArray[np.float64]) -> Any:
    """Return the covariance that white acceleration adds in each time step: [T, Q, 2, 2]."""
    dt_T = elapsed_T
    unit_T22 = np.array([[dt_T**3 / 3, dt_T**2 / 2], [dt_T**2 / 2, dt_T]]).transpose(2, 0, 1)
    unit_T22 += LEAST_VARIANCE * np.eye(2)
    return densities_TQ[:, :, None, None] * unit_T22[:, None]
