"""Camera poses over a mesh: drawn from ranges, or a named flight, with the mesh in the image."""

import math
from dataclasses import dataclass, replace

import numpy as np

from training.world.chance import RandomStream
from training.world.errors import MeshError
from training.world.mesh.relief import Relief
from training.world.rendering.camera import Camera, Jitter, aimed, fly

FREE = "free"
_SEEN = (0.45, 1.25)
"""Our choice: what a view shows in its middle row, in sides of the tile."""
_WANTED_SHOWN = 0.95
_LEAST_SHOWN = 0.7
_CLEARANCE_M = 8.0
"""Our choice: a drone keeps so far over what lies below it."""
_TRIES = 12
_STEEPER_DEG = 10.0
_JITTER = Jitter(yaw_deg=20.0, pitch_deg=8.0, field_of_view_deg=4.0, aim_m=8.0)
_PRESET_TILE_M = 200.0
"""The named flights are made for tiles of this side, and flown lower over smaller ones."""


@dataclass(frozen=True, kw_only=True)
class FlightRanges:
    """What free flights are drawn from: metres above ground, degrees below the horizon, degrees."""

    heights_m: tuple[float, float] = (50.0, 200.0)
    pitches_deg: tuple[float, float] = (30.0, 90.0)
    fovs_deg: tuple[float, float] = (40.0, 75.0)

    def __post_init__(self) -> None:
        _check("heights", self.heights_m, 5.0, 2000.0, "metres")
        _check("pitches", self.pitches_deg, 30.0, 90.0, "degrees below the horizon")
        _check("fovs", self.fovs_deg, 10.0, 110.0, "degrees")


def _check(name: str, bounds: tuple[float, float], least: float, most: float, unit: str) -> None:
    if not least <= bounds[0] <= bounds[1] <= most:
        raise ValueError(
            f"--{name} {bounds[0]:g}-{bounds[1]:g}: LOW-HIGH lies within {least:g}-{most:g} {unit}"
        )


@dataclass(frozen=True, kw_only=True)
class _Aim:
    height_m: float
    pitch_deg: float
    fov_deg: float


def over(
    relief: Relief,
    middle_m: tuple[float, float],
    span_m: float,
    ranges: FlightRanges,
    rng: RandomStream,
) -> Camera:
    """Return a camera that looks near a place from any side; its z counts from the ground there.

    Of several headings the first is taken from which the mesh fills the image. Where none is,
    the camera looks down more steeply, so that no void shows around a small mesh.

    Raises:
        MeshError: no height of the ranges shows as much as a tile.
    """
    aim = _drawn(span_m, ranges, rng)
    best, best_share = None, -1.0
    while True:
        for _ in range(_TRIES):
            camera = _towards(middle_m, span_m, aim, rng)
            share = _share_shown(relief, camera, middle_m)
            if share > best_share:
                best, best_share = camera, share
            if share >= _WANTED_SHOWN:
                return camera
        if best_share >= _LEAST_SHOWN or aim.pitch_deg >= 90.0:
            assert best is not None
            return best
        aim = replace(aim, pitch_deg=min(90.0, aim.pitch_deg + _STEEPER_DEG))


def _drawn(span_m: float, ranges: FlightRanges, rng: RandomStream) -> _Aim:
    for _ in range(100):
        pitch, fov = rng.between(*ranges.pitches_deg), rng.between(*ranges.fovs_deg)
        per_metre = 2 * math.tan(math.radians(fov) / 2) / math.sin(math.radians(pitch))
        lowest = max(ranges.heights_m[0], _SEEN[0] * span_m / per_metre)
        highest = min(ranges.heights_m[1], _SEEN[1] * span_m / per_metre)
        if lowest <= highest:
            return _Aim(height_m=rng.between(lowest, highest), pitch_deg=pitch, fov_deg=fov)
    low, high = ranges.heights_m
    raise MeshError(
        f"--heights {low:g}-{high:g}: no view from there shows about one tile of {span_m:g} m; "
        "use other --heights or another --span"
    )


def _towards(middle_m: tuple[float, float], span_m: float, aim: _Aim, rng: RandomStream) -> Camera:
    off_m = 0.16 * span_m
    return aimed(
        middle_m[0] + off_m * rng.between(-1, 1),
        middle_m[1] + off_m * rng.between(-1, 1),
        aim.height_m,
        rng.between(0, 360),
        -aim.pitch_deg,
        aim.fov_deg,
    )


def _share_shown(relief: Relief, camera: Camera, middle_m: tuple[float, float]) -> float:
    """Return how much of a view the mesh fills, judged by its ground; -1 from inside it."""
    height_m = relief.ground_at(*middle_m) + camera.z_m
    if height_m < relief.surface_at(camera.x_m, camera.y_m) + _CLEARANCE_M:
        return -1.0
    steps = np.linspace(-0.9, 0.9, 7)
    points = [camera.ground_point(across, along) for across in steps for along in steps]
    return relief.share_covered(np.array(points))


def preset_over(
    preset: str, views: int, middle_m: tuple[float, float], span_m: float, rng: RandomStream
) -> list[Camera]:
    """Return the cameras of a named flight, lower over small tiles in proportion."""
    scale = min(1.0, span_m / _PRESET_TILE_M)
    return [
        replace(
            camera,
            x_m=middle_m[0] + camera.x_m * scale,
            y_m=middle_m[1] + camera.y_m * scale,
            z_m=camera.z_m * scale,
        )
        for camera in fly(preset, views, 0.0, 0.0, rng, _JITTER)
    ]
