"""Drone views of a coloured point cloud: the nearest point wins each pixel.

Frame: metres, x east, y north, z up. Shapes: N points, S image side.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.world.errors import MapSourceError
from training.world.rendering.camera import Camera

U8 = NDArray[np.uint8]
_FIELDS = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)
_NEAR_M = 1.0
_FILLED_PX = 4
"""Our choice: gaps between points take a neighbour's colour, up to 4 pixels inward."""


@dataclass(frozen=True, kw_only=True)
class PointCloud:
    """Points and their colours."""

    xyz_N3: NDArray[np.float32]
    rgb_N3: U8

    @classmethod
    def read(cls, file: Path) -> "PointCloud":
        """A binary little-endian PLY of float x, y, z and uchar red, green, blue alone.

        Raises:
            MapSourceError: the file is missing, or of another form.
        """
        try:
            header, _, body = file.read_bytes().partition(b"end_header\n")
        except OSError as error:
            raise MapSourceError(f"{file}: cannot be read ({error.strerror})") from error
        lines = header.decode("ascii", "replace").splitlines()
        named = [line.split()[-1] for line in lines if line.startswith("property ")]
        if named != list(_FIELDS.names or ()) or len(body) % _FIELDS.itemsize:
            raise MapSourceError(f"{file}: no binary PLY of x y z red green blue; convert it")
        points = np.frombuffer(body, _FIELDS)
        return cls(
            xyz_N3=np.stack([points[name] for name in ("x", "y", "z")], axis=1),
            rgb_N3=np.stack([points[name] for name in ("red", "green", "blue")], axis=1),
        )


def splat(cloud: PointCloud, camera: Camera, size_px: int, *, point_m: float) -> U8:
    """What the camera sees, RGB [S, S, 3]: every point a square of `point_m`, the nearest on top.

    Small gaps are filled from their edges; what no point covers is mid-grey.
    """
    right, up, forward = (np.array(axis, np.float32) for axis in camera.axes())
    away_N3 = cloud.xyz_N3 - np.array((camera.x_m, camera.y_m, camera.z_m), np.float32)
    depth_N = away_N3 @ forward
    focal_px = size_px / 2 / np.tan(np.radians(camera.field_of_view_deg) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        column_N = size_px / 2 + focal_px * (away_N3 @ right) / depth_N
        row_N = size_px / 2 - focal_px * (away_N3 @ up) / depth_N
    seen_N = depth_N > _NEAR_M
    seen_N &= (np.abs(column_N - size_px / 2) < size_px) & (np.abs(row_N - size_px / 2) < size_px)
    order_N = np.flatnonzero(seen_N)[np.argsort(-depth_N[seen_N])]
    half_N = np.maximum(1, np.rint(point_m * focal_px / depth_N[order_N])) / 2
    image = np.full((size_px, size_px, 3), 128, np.uint8)
    depth = np.full((size_px, size_px), np.inf, np.float32)
    reach = int(half_N.max(initial=0.5) * 2)
    for k in range(reach * reach):
        down, across = k // reach + 0.5, k % reach + 0.5
        fits_N = (down < 2 * half_N) & (across < 2 * half_N)
        chosen_N, half_n = order_N[fits_N], half_N[fits_N]
        rows_N = np.floor(row_N[chosen_N] - half_n + down).astype(np.int64)
        columns_N = np.floor(column_N[chosen_N] - half_n + across).astype(np.int64)
        inside_N = (rows_N >= 0) & (rows_N < size_px) & (columns_N >= 0) & (columns_N < size_px)
        chosen_N, rows_N, columns_N = chosen_N[inside_N], rows_N[inside_N], columns_N[inside_N]
        # Points come from far to near, so that the last one written is the nearest of this step.
        layer = np.full((size_px, size_px), -1, np.int64)
        layer[rows_N, columns_N] = chosen_N
        at_row, at_column = np.nonzero(layer >= 0)
        point = layer[at_row, at_column]
        nearer = depth_N[point] < depth[at_row, at_column]
        at_row, at_column, point = at_row[nearer], at_column[nearer], point[nearer]
        depth[at_row, at_column] = depth_N[point]
        image[at_row, at_column] = cloud.rgb_N3[point]
    return _filled(image, np.isfinite(depth))


def _filled(image: U8, known: NDArray[np.bool_]) -> U8:
    """The image whose unknown pixels take a known neighbour's colour, ring by ring."""
    image, known = image.copy(), known.copy()
    for _ in range(_FILLED_PX):
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            beside, has_colour = np.roll(image, step, axis), np.roll(known, step, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
            has_colour[tuple(edge)] = False
            taken = has_colour & ~known
            image[taken] = beside[taken]
            known |= taken
    return image
