"""The pose of a pinhole camera from points of its photo and their positions on the ground.

The ground frame is east, north, up in metres; the camera's is right, down, forward. Positions in
the photo are in sides of its centre square, see `interface`. Shapes: C correspondences, I inliers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import poselib
from numpy.typing import NDArray

PIXELS = 1000.0
"""Pixels that a side is given for poselib, whose tolerances and steps are meant for pixels."""

TOLERANCE = 0.012
"""Largest distance of an inlier from where the pose puts it, sides. Our choice: 5 px of 448; roofs
and trees beyond it are left out where heights are unknown."""

MIN_INLIERS = 12
"""Least number of inliers. Our choice: a pose has six unknowns."""

MIN_SHARE = 0.25
"""Least share of the correspondences that are inliers."""

BLOCKS = 4
"""Cells a side of the grid over the photo by which the points are resampled."""

HALVES = 8
"""Number of halves of the cells from which the pose is found again for the spreads. Our choice: a
roof taken for ground shifts all points of a cell together, so residuals alone promise too much; the
differences of poses from halves were the right size on a rendered map (docs/camera.md)."""

_RANSAC = {"max_iterations": 500, "min_iterations": 50, "seed": 0}


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a camera is in the ground frame and where it looks; metres and degrees.

    The angles are in the order of a gimbal's axes: `heading_deg` about the vertical, clockwise from
    the frame's north; then `roll_deg`, positive where the right side is lower; then `pitch_deg`, 0
    level and -90 straight down. Heading is that of the photo's top where the camera looks straight
    down. Each spread is one standard deviation.
    """

    east_m: float
    north_m: float
    up_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    horizontal_spread_m: float
    up_spread_m: float
    heading_spread_deg: float
    pitch_spread_deg: float
    roll_spread_deg: float
    inliers: int
    rotation_33: NDArray[np.float64]
    """From the ground's axes to the camera's."""

    def seen(self, ground_N3: NDArray[np.float64], focal: float) -> NDArray[np.float64]:
        """Return where ground points are in the photo [N, 2]; NaN behind the camera."""
        centre_3 = np.array([self.east_m, self.north_m, self.up_m])
        seen_N3 = (ground_N3 - centre_3) @ self.rotation_33.T
        depth_N1 = np.where(seen_N3[:, 2:] > 0, seen_N3[:, 2:], np.nan)
        places_N2: NDArray[np.float64] = focal * seen_N3[:, :2] / depth_N1
        return places_N2


def camera_pose(
    photo_C2: NDArray[np.float64],
    ground_C3: NDArray[np.float64],
    focal: float,
    tolerance: float = TOLERANCE,
    halves: int = HALVES,
) -> Pose | None:
    """Return the camera's pose; None where the points contradict each other.

    Of the two poses that a plane allows the one with the smaller error counts; one below the
    ground, or that looks up, is none.

    Args:
        photo_C2: points in the photo.
        ground_C3: their positions on the ground, east, north and up.
        focal: focal length in sides of the photo's centre square.
        tolerance: largest distance of an inlier from where the pose puts it, sides.
        halves: number of halves of the photo from which the spreads are found; 0: they are NaN.
    """
    chosen = _solved(photo_C2, ground_C3, focal, tolerance)
    if chosen is None:
        return None
    pose, inliers = chosen
    differences = []
    for half_C in _halves(photo_C2, halves):
        other = _solved(photo_C2[half_C], ground_C3[half_C], focal, tolerance)
        if other is not None:
            differences.append(_apart(pose, other[0]))
    if len(differences) < halves / 2:
        return None
    spreads_5 = np.sqrt(np.mean(np.square(differences), axis=0)) if halves else np.full(5, np.nan)
    return _described(pose, spreads_5, inliers)


def _solved(
    photo_C2: NDArray[np.float64], ground_C3: NDArray[np.float64], focal: float, tolerance: float
) -> tuple["_Rigid", int] | None:
    """Return the pose that most points agree on, and their number."""
    if len(photo_C2) < MIN_INLIERS:
        return None
    camera = {"model": "SIMPLE_PINHOLE", "width": 0, "height": 0, "params": [focal * PIXELS, 0, 0]}
    scaled_C2 = photo_C2 * PIXELS
    ransac = {**_RANSAC, "max_reproj_error": tolerance * PIXELS}
    found, report = poselib.estimate_absolute_pose(scaled_C2, ground_C3, camera, ransac, {})
    inlier_C = np.array(report["inliers"], dtype=bool)
    if inlier_C.sum() < max(MIN_INLIERS, MIN_SHARE * len(photo_C2)):
        return None
    points = _Points(scaled_C2[inlier_C], ground_C3[inlier_C], focal * PIXELS)
    poses = [
        pose for pose in _refined(found, points, camera) if points.above_and_looking_down(pose)
    ]
    return (min(poses, key=points.cost), int(inlier_C.sum())) if poses else None


def _halves(photo_C2: NDArray[np.float64], number: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the points of random halves of the photo's cells."""
    reach_2 = np.abs(photo_C2).max(axis=0) + 1e-9
    cells_C2 = ((photo_C2 / reach_2 + 1) / 2 * BLOCKS).astype(int).clip(0, BLOCKS - 1)
    cells_C = cells_C2 @ np.array([BLOCKS, 1])
    chance = np.random.default_rng(0)
    for _ in range(number):
        yield np.isin(cells_C, chance.permutation(BLOCKS**2)[: BLOCKS**2 // 2])


@dataclass(frozen=True)
class _Rigid:
    """Rotation from the ground's to the camera's axes, and the camera's centre."""

    rotation_33: NDArray[np.float64]
    centre_3: NDArray[np.float64]


class _Points:
    """Inliers in pixels and metres."""

    def __init__(
        self, photo_I2: NDArray[np.float64], ground_I3: NDArray[np.float64], focal_px: float
    ) -> None:
        self.photo_I2, self.ground_I3, self.focal_px = photo_I2, ground_I3, focal_px

    def residuals(self, pose: _Rigid) -> NDArray[np.float64]:
        """Return the errors of all points in pixels [I, 2]."""
        seen_I3 = (self.ground_I3 - pose.centre_3) @ pose.rotation_33.T
        depth_I1 = np.maximum(seen_I3[:, 2:], 1e-6)
        errors_I2: NDArray[np.float64] = self.focal_px * seen_I3[:, :2] / depth_I1 - self.photo_I2
        return errors_I2

    def cost(self, pose: _Rigid) -> float:
        """Return the sum of squared errors, each at most the tolerance's."""
        squared_I = (self.residuals(pose) ** 2).sum(axis=1)
        return float(np.minimum(squared_I, (TOLERANCE * PIXELS) ** 2).sum())

    def above_and_looking_down(self, pose: _Rigid) -> bool:
        """Return whether the camera is above all points, which lie in front of it."""
        seen_I3 = (self.ground_I3 - pose.centre_3) @ pose.rotation_33.T
        above = pose.centre_3[2] > self.ground_I3[:, 2].max()
        return bool(above and seen_I3[:, 2].min() > 0 and pose.rotation_33[2, 2] < 0)


def _refined(found: object, points: _Points, camera: dict[str, object]) -> list[_Rigid]:
    """Return the found pose and its mirror across the line of sight, both refined."""
    options = {"loss_type": "CAUCHY", "loss_scale": TOLERANCE * PIXELS / 3, "max_iterations": 100}
    poses = []
    for start in (_rigid(found), _mirrored(_rigid(found), points.ground_I3.mean(axis=0))):
        refined, _ = poselib.refine_absolute_pose(
            points.photo_I2, points.ground_I3, _poselib(start), camera, options
        )
        poses.append(_rigid(refined))
    return poses


def _rigid(pose: object) -> _Rigid:
    rotation_33: NDArray[np.float64] = np.asarray(pose.R)  # type: ignore[attr-defined]
    centre_3 = -rotation_33.T @ np.asarray(pose.t)  # type: ignore[attr-defined]
    return _Rigid(rotation_33, centre_3)


def _poselib(pose: _Rigid) -> object:
    made = poselib.CameraPose()
    made.R = pose.rotation_33
    made.t = -pose.rotation_33 @ pose.centre_3
    return made


def _mirrored(pose: _Rigid, middle_3: NDArray[np.float64]) -> _Rigid:
    """Return the pose from which a plane looks nearly the same: its normal the other way tilted.

    Source: Schweighofer and Pinz, *Robust Pose Estimation from a Planar Target*, 2006.
    """
    seen_3 = pose.rotation_33 @ (middle_3 - pose.centre_3)
    sight_3 = seen_3 / np.linalg.norm(seen_3)
    normal_3 = pose.rotation_33[:, 2]
    other_3 = 2 * (normal_3 @ sight_3) * sight_3 - normal_3
    axis_3 = np.cross(normal_3, other_3)
    length = float(np.linalg.norm(axis_3))
    angle = math.atan2(length, float(normal_3 @ other_3))
    turn_33 = _rotation(axis_3 / length * angle) if length > 1e-9 else np.eye(3)
    rotation_33 = turn_33 @ pose.rotation_33
    return _Rigid(rotation_33, middle_3 - rotation_33.T @ seen_3)


def _rotation(vector_3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation about a vector by its length, radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector_3))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector_3 / angle
    cross_33 = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned_33: NDArray[np.float64] = (
        np.eye(3) + math.sin(angle) * cross_33 + (1 - math.cos(angle)) * cross_33 @ cross_33
    )
    return turned_33


def _angles(pose: _Rigid) -> tuple[float, float, float]:
    """Return heading, pitch and roll, degrees."""
    right_3, _, forward_3 = pose.rotation_33
    heading = math.atan2(-right_3[1], right_3[0])
    level_3 = np.array([math.sin(heading), math.cos(heading), 0.0])
    pitch = math.atan2(forward_3 @ np.cross(right_3, level_3), forward_3 @ level_3)
    roll = -math.asin(max(-1.0, min(1.0, right_3[2])))
    return math.degrees(heading) % 360, math.degrees(pitch), math.degrees(roll)


def _apart(pose: _Rigid, other: _Rigid) -> NDArray[np.float64]:
    """Return the differences horizontally and in height, heading, pitch and roll [5]."""
    turns = [
        abs((a - b + 180) % 360 - 180) for a, b in zip(_angles(pose), _angles(other), strict=True)
    ]
    shift_3 = pose.centre_3 - other.centre_3
    return np.array([math.hypot(shift_3[0], shift_3[1]), abs(shift_3[2]), *turns])


def _described(pose: _Rigid, spreads_5: NDArray[np.float64], inliers: int) -> Pose:
    heading_deg, pitch_deg, roll_deg = _angles(pose)
    east_m, north_m, up_m = pose.centre_3.tolist()
    horizontal, up, heading, pitch, roll = spreads_5.tolist()
    return Pose(
        east_m=east_m,
        north_m=north_m,
        up_m=up_m,
        heading_deg=heading_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        horizontal_spread_m=horizontal,
        up_spread_m=up,
        heading_spread_deg=heading,
        pitch_spread_deg=pitch,
        roll_spread_deg=roll,
        inliers=inliers,
        rotation_33=pose.rotation_33,
    )
