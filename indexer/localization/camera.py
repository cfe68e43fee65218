"""The camera of a photo of known field of view: where it is, where it looks and what it shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.gallery.interface import OpenGallery
from indexer.geo import offset
from indexer.localization.camera_points import Ground, QueryPhoto, compared, square_seen
from indexer.localization.pose import tile_to_ground
from indexer.records import Match, Position, Ring
from model.matching.camera_pose import HALVES, Pose, camera_pose
from model.matching.fine import FinePoints
from model.matching.geometry import HORIZON, SQUARE_42, mapped

PASSES = ((0.06, 0.02, 0), (0.03, 0.012, HALVES))
"""For each comparison: how far from its expected place a point may lie, in sides of the ground
square, the pose's tolerance, in sides of the photo's, and the halves that give its spreads. Our
choice: the search's own geometry is off by some percent; the second comparison starts from the
first one's pose."""

STEPS = 5
"""Number of times that the height of the ground in the middle of the photo is looked up."""


@dataclass(frozen=True, kw_only=True)
class CameraEstimate:
    """Where the camera was and where it looked, with the spread of each.

    Latitude and longitude are degrees WGS 84. `height_m` is above the map's plane, the ground as
    far as it is level; where the gallery has a surface model, above the ground's level in it around
    the photo, and `altitude_m` is the height in its own datum. `heading_deg` is clockwise from true
    north, `pitch_deg` 0 level and -90 straight down, `roll_deg` positive where the right side is
    lower; see `Pose`. Each spread is one standard deviation.
    """

    latitude: float
    longitude: float
    height_m: float
    altitude_m: float | None
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    horizontal_spread_m: float
    height_spread_m: float
    heading_spread_deg: float
    pitch_spread_deg: float
    roll_spread_deg: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """A camera and the ground that it shows."""

    camera: CameraEstimate
    centre: Position
    """(latitude, longitude) of the ground in the middle of the photo."""
    outline: Ring | None
    """The photo's outline on level ground, clockwise from its top left; None where a part of it
    lies beyond the horizon."""


def look_of(best: Match, photo: QueryPhoto, gallery: OpenGallery, fine: FinePoints) -> Look | None:
    """Return the camera and what it shows; None where the keypoints do not determine it.

    The map around the photo is compared with the photo as it would look from above.

    Raises:
        GalleryMismatchError: a picture of the gallery is missing or damaged.
        CheckpointError: the matcher's weights are missing or damaged.
    """
    from_tile_33 = tile_to_ground(best)
    if from_tile_33 is None or best.geometry is None:
        return None
    to_ground_33 = from_tile_33 @ best.geometry.homography_33
    square = square_seen(best, photo.picture.size, to_ground_33)
    ground = Ground(square, best, gallery, fine)
    places_N2 = mapped(_inverse(to_ground_33), ground.positions_N3[:, :2])
    pose: Pose | None = None
    for radius, tolerance, halves in PASSES:
        photo_C2, ground_C3 = compared(photo, places_N2, ground, fine, radius)
        pose = camera_pose(photo_C2, ground_C3, photo.focal, tolerance, halves)
        if pose is None:
            return None
        places_N2 = pose.seen(ground.positions_N3, photo.focal)
    return None if pose is None else _look(pose, best, photo, ground)


def _inverse(matrix_33: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(matrix_33), dtype=np.float64)


def _look(pose: Pose, best: Match, photo: QueryPhoto, ground: Ground) -> Look:
    origin = best.record.latitude, best.record.longitude
    halves_2 = np.array(photo.picture.size) / min(photo.picture.size)
    outline_42 = _on_level(pose, SQUARE_42 * halves_2, photo.focal)
    east_m, north_m = _middle(pose, ground)
    return Look(
        camera=_estimate(pose, origin, ground.level_m),
        centre=offset(*origin, north_m, east_m),
        outline=None
        if outline_42 is None
        else tuple(offset(*origin, north_m, east_m) for east_m, north_m in outline_42.tolist()),
    )


def _middle(pose: Pose, ground: Ground) -> tuple[float, float]:
    """Return metres east and north of the ground in the middle of the photo."""
    forward_3 = pose.rotation_33[2]
    level_m = 0.0
    for _ in range(STEPS):
        reach = (level_m - pose.up_m) / forward_3[2]
        east_m = pose.east_m + reach * forward_3[0]
        north_m = pose.north_m + reach * forward_3[1]
        height_m = ground.height_m(east_m, north_m)
        if height_m is None:
            break
        level_m = height_m
    return float(east_m), float(north_m)


def _on_level(
    pose: Pose, places_N2: NDArray[np.float64], focal: float
) -> NDArray[np.float64] | None:
    """Return metres east and north of places of the photo on level ground [N, 2].

    None where one of them is beyond the horizon, or nearly.
    """
    rays_N3 = np.column_stack((places_N2, np.full(len(places_N2), focal))) @ pose.rotation_33
    middle_down = focal * pose.rotation_33[2, 2]
    if (rays_N3[:, 2] / middle_down).min() <= HORIZON:
        return None
    reach_N1 = -pose.up_m / rays_N3[:, 2:]
    places_on_N2: NDArray[np.float64] = (pose.east_m, pose.north_m) + reach_N1 * rays_N3[:, :2]
    return places_on_N2


def _estimate(pose: Pose, origin: Position, level_m: float | None) -> CameraEstimate:
    latitude, longitude = offset(*origin, pose.north_m, pose.east_m)
    return CameraEstimate(
        latitude=latitude,
        longitude=longitude,
        height_m=pose.up_m,
        altitude_m=None if level_m is None else level_m + pose.up_m,
        heading_deg=pose.heading_deg,
        pitch_deg=pose.pitch_deg,
        roll_deg=pose.roll_deg,
        horizontal_spread_m=pose.horizontal_spread_m,
        height_spread_m=pose.up_spread_m,
        heading_spread_deg=pose.heading_spread_deg,
        pitch_spread_deg=pose.pitch_spread_deg,
        roll_spread_deg=pose.roll_spread_deg,
    )
