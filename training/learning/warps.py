"""Random warps of whole batches, without a loop over images.

Shapes: N images, S side. A warp is a homography [N, 3, 3] from output to input coordinates, both in
[-1, 1] with x to the right and y down.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class WarpRange:
    """Range of a random warp."""

    yaw_deg: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    """Side of the visible area relative to the image's, drawn log-uniformly."""
    shift: float = 0.0
    """Largest shift of the centre, as a share of the half side."""
    tilt: float = 0.0
    """Largest perspective coefficient: 0.4 makes the far edge 2.3 times the near one."""


SATELLITE = WarpRange(yaw_deg=8.0, zoom=(0.6, 1.0), shift=0.1)
"""Range for satellite tiles: a tile covers less than the drone view as often as more."""
FLOWN = WarpRange(yaw_deg=180.0, zoom=(0.8, 1.2), shift=0.15, tilt=0.1)
"""Range for drone images, which already have a perspective."""
FLAT_AS_FLOWN = WarpRange(yaw_deg=180.0, zoom=(0.45, 1.15), shift=0.35, tilt=0.4)
"""Range for overhead images that stand in for drone images."""


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Return `count` samples in [low, high)."""
    return low + (high - low) * torch.rand(count, generator=generator)


def random_homography(count: int, bounds: WarpRange, generator: torch.Generator) -> Tensor:
    """Return random warps [N, 3, 3]: perspective, then zoom and yaw, then shift."""
    yaw_N = torch.deg2rad(uniform(count, -bounds.yaw_deg, bounds.yaw_deg, generator))
    low, high = (math.log(value) for value in bounds.zoom)
    zoom_N = uniform(count, low, high, generator).exp()
    matrix_N33 = torch.eye(3).repeat(count, 1, 1)
    matrix_N33[:, 0, 0] = matrix_N33[:, 1, 1] = zoom_N * yaw_N.cos()
    matrix_N33[:, 1, 0] = zoom_N * yaw_N.sin()
    matrix_N33[:, 0, 1] = -matrix_N33[:, 1, 0]
    for axis in (0, 1):
        matrix_N33[:, axis, 2] = uniform(count, -bounds.shift, bounds.shift, generator)
    perspective_N33 = torch.eye(3).repeat(count, 1, 1)
    tilt_N = uniform(count, 0.0, bounds.tilt, generator)
    towards_N = uniform(count, 0.0, 2 * math.pi, generator)
    perspective_N33[:, 2, 0] = tilt_N * towards_N.cos()
    perspective_N33[:, 2, 1] = tilt_N * towards_N.sin()
    return matrix_N33 @ perspective_N33


def random_flip(count: int, generator: torch.Generator) -> Tensor:
    """Return a horizontal flip for half of the images, the identity for the rest: [N, 3, 3]."""
    flip_N33 = torch.eye(3).repeat(count, 1, 1)
    flip_N33[:, 0, 0] -= 2.0 * (torch.rand(count, generator=generator) < 0.5)
    return flip_N33


def rotation(count: int, angle_deg: float) -> Tensor:
    """Return the same rotation for all images: [N, 3, 3]."""
    matrix_N33 = torch.eye(3).repeat(count, 1, 1)
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    matrix_N33[:, 0, 0] = matrix_N33[:, 1, 1] = cosine
    matrix_N33[:, 1, 0], matrix_N33[:, 0, 1] = sine, -sine
    return matrix_N33


def warp(images_N3SS: Tensor, matrix_N33: Tensor, side: int, padding: str = "zeros") -> Tensor:
    """Return images resampled through homographies: float32 [N, 3, side, side], bilinear."""
    axis_S = (torch.arange(side) + 0.5) * 2 / side - 1
    y_SS, x_SS = torch.meshgrid(axis_S, axis_S, indexing="ij")
    points_3L = torch.stack((x_SS, y_SS, torch.ones_like(x_SS))).flatten(1)
    mapped_N3L = matrix_N33 @ points_3L
    grid_N2L = mapped_N3L[:, :2] / mapped_N3L[:, 2:].clamp(min=1e-3)
    grid_NSS2 = grid_N2L.transpose(1, 2).reshape(-1, side, side, 2)
    return functional.grid_sample(
        images_N3SS, grid_NSS2, mode="bilinear", padding_mode=padding, align_corners=False
    )
