"""Camera poses, and the named flights that make them."""

import math
from dataclasses import dataclass

from training.world.chance import RandomStream
from training.world.errors import UnknownPresetError


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera in world metres.

    `heading_deg` is clockwise from north; `gimbal_pitch_deg` is -90 straight down, 0 the horizon;
    `field_of_view_deg` is horizontal.
    """

    x_m: float
    y_m: float
    z_m: float
    heading_deg: float
    gimbal_pitch_deg: float
    field_of_view_deg: float

    def axes(self) -> tuple[tuple[float, float, float], ...]:
        """Return the unit vectors right, up and forward (east, north, up)."""
        h, p = math.radians(self.heading_deg), math.radians(self.gimbal_pitch_deg)
        right = (math.cos(h), -math.sin(h), 0.0)
        forward = (math.sin(h) * math.cos(p), math.cos(h) * math.cos(p), math.sin(p))
        up = (-math.sin(h) * math.sin(p), -math.cos(h) * math.sin(p), math.cos(p))
        return right, up, forward

    def ground_point(self, across: float, along: float) -> tuple[float, float]:
        """Return where the ray through a position of a square image meets the ground plane.

        `across` runs from -1 (left) to 1, `along` from -1 (bottom) to 1. Rays near the horizon are
        cut at 1 km.
        """
        right, up, forward = self.axes()
        k = math.tan(math.radians(self.field_of_view_deg) / 2)
        dx, dy, dz = (
            f + k * (across * r + along * u) for r, u, f in zip(right, up, forward, strict=True)
        )
        reach = min(self.z_m / max(-dz, 1e-3), 1000.0 / max(math.hypot(dx, dy), 1e-9))
        return self.x_m + reach * dx, self.y_m + reach * dy

    def footprint(self) -> tuple[tuple[float, float], ...]:
        """Return the ground corners (x, y) metres, clockwise from the image's top left."""
        return tuple(self.ground_point(a, b) for a, b in ((-1, 1), (1, 1), (1, -1), (-1, -1)))


@dataclass(frozen=True, kw_only=True)
class Jitter:
    """Random deviations of a flight; all zero keeps the preset's exact path."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    field_of_view_deg: float = 0.0
    aim_m: float = 0.0


def aimed(x: float, y: float, height: float, azimuth: float, pitch: float, fov: float) -> Camera:
    """Return a camera at `height` that looks along `azimuth` at the ground point (x, y)."""
    back = height / math.tan(math.radians(-pitch)) if pitch > -89.9 else 0.0
    a = math.radians(azimuth)
    return Camera(
        x_m=x - back * math.sin(a),
        y_m=y - back * math.cos(a),
        z_m=height,
        heading_deg=azimuth % 360.0,
        gimbal_pitch_deg=pitch,
        field_of_view_deg=fov,
    )


def _flight(
    preset: str, k: int, views: int, rng: RandomStream
) -> tuple[float, float, float, float]:
    """Return height, azimuth, pitch and field of view of view k."""
    share = k / max(1, views - 1)
    if preset == "university-1652":
        return 256.0 - 134.5 * share, 360.0 * 3 * share, -52.0 + 6.0 * share, 34.0
    if preset == "sues-200":
        per_height = max(1, views // 4)
        return (
            (150.0, 200.0, 250.0, 300.0)[k // per_height % 4],
            300.0 * (k % per_height) / per_height,
            -50.0 - 22.0 * (k % per_height) / per_height,
            42.0,
        )
    if preset == "nadir":
        return rng.between(90, 220), rng.between(0, 360), -90.0, 60.0
    raise UnknownPresetError(f"preset {preset!r}: use university-1652, sues-200 or nadir")


def fly(
    preset: str, views: int, x_m: float, y_m: float, rng: RandomStream, jitter: Jitter
) -> list[Camera]:
    """Return the cameras of a preset flight over the ground point (x, y).

    Raises:
        UnknownPresetError: no preset of that name.
    """
    start = rng.between(0, 360)
    cameras = []
    for k in range(views):
        height, azimuth, pitch, fov = _flight(preset, k, views, rng)
        cameras.append(
            aimed(
                x_m + jitter.aim_m * rng.between(-1, 1),
                y_m + jitter.aim_m * rng.between(-1, 1),
                height,
                start + azimuth + jitter.yaw_deg * rng.between(-1, 1),
                max(-90.0, min(-30.0, pitch + jitter.pitch_deg * rng.between(-1, 1))),
                fov + jitter.field_of_view_deg * rng.between(-1, 1),
            )
        )
    return cameras
