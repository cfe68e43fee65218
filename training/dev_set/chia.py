"""Chia: real oblique photos of a housing estate against tiles of higher photos straight down."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.geo import offset
from training.dev_set.images import SIDE_PX, Shown
from training.errors import DataError

TILE_M = 50.0
"""Our choice: as wide as the middle of the oblique photos; cut at half steps."""
_FOCAL_35MM = 24.0
"""35 mm equivalent of the DJI FC3170 that took them; a 35 mm frame is 36 mm wide."""
_VALID = 0.97


@dataclass(frozen=True, kw_only=True)
class _Pose:
    position: tuple[float, float]
    height_m: float
    yaw_deg: float
    pitch_deg: float


def chia(folder: Path) -> Iterator[Shown]:
    """Yield tiles of nadir photos from over 80 m, and queries: photos 45 to 75 degrees down.

    Raises:
        DataError: a photo has no drone-dji pose.
    """
    for file in sorted(folder.glob("*.JPG")):
        pose = _pose(file)
        with Image.open(file) as opened:
            photo = opened.convert("RGB")
        if pose.pitch_deg < -85 and pose.height_m > 80:
            yield from _tiles(photo, file.stem, pose)
        elif -75 < pose.pitch_deg < -45:
            ahead_m = pose.height_m / math.tan(math.radians(-pose.pitch_deg))
            yaw = math.radians(pose.yaw_deg)
            at = offset(*pose.position, ahead_m * math.cos(yaw), ahead_m * math.sin(yaw))
            yield Shown(view="drone", place=file.stem, position=at, pixels=photo)


def _pose(file: Path) -> _Pose:
    found = dict(re.findall(rb'drone-dji:(\w+)="([^"]*)"', file.read_bytes()))
    try:
        return _Pose(
            position=(float(found[b"GpsLatitude"]), float(found[b"GpsLongitude"])),
            height_m=float(found[b"RelativeAltitude"]),
            yaw_deg=float(found[b"GimbalYawDegree"]),
            pitch_deg=float(found[b"GimbalPitchDegree"]),
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"{file}: no drone-dji pose ({error}); leave the photo out") from error


def _tiles(photo: Image.Image, name: str, pose: _Pose) -> Iterator[Shown]:
    """Yield north-up tiles that lie within the photo."""
    gsd_m = pose.height_m * 36 / _FOCAL_35MM / photo.width
    north_up = photo.rotate(-pose.yaw_deg, Image.Resampling.BICUBIC, expand=True)
    covered = Image.new("L", photo.size, 255).rotate(-pose.yaw_deg, expand=True)
    side, step = TILE_M / gsd_m, TILE_M / gsd_m / 2
    reach = int(max(north_up.size) / side)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            left = north_up.width / 2 + (column - 1) * step
            top = north_up.height / 2 + (row - 1) * step
            box = (left, top, left + side, top + side)
            if np.asarray(covered.crop(box)).mean() < _VALID * 255:
                continue
            yield Shown(
                view="satellite",
                place=f"{name}_{row}_{column}",
                position=offset(*pose.position, -row * step * gsd_m, column * step * gsd_m),
                pixels=north_up.resize((SIDE_PX,) * 2, Image.Resampling.BICUBIC, box=box),
                ground_m=TILE_M,
            )
