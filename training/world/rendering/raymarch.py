"""Perspective views by marching rays through the height field.

A ray skips blocks of 8 x 8 cells that lie wholly below it, then steps cell by cell. Where it
enters a cell below its top it has met a wall, otherwise it comes down on a top.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from training.world.chance import hash_unit, value_noise
from training.world.rendering.camera import Camera
from training.world.scene.scene import LitScene

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


_WALL_M = 1.2
"""Ours: a lower step of a surface model is a slope, seen in its own colour."""
_LEDGE_M = 0.8
"""Ours: a roof that rises less than this over another part or the ground shows no façade."""


@numba.njit(cache=True)
def _facade(part: F64, x: float, y: float, z: float, sun: F64) -> tuple[float, float, float, float]:
    """Wall colour at world (x, y, z) of a part, and the cosine between its normal and the sun."""
    dx, dy = x - part[0], y - part[1]
    a, b = part[2] * dx + part[3] * dy, part[2] * dy - part[3] * dx
    ha, hb = part[4], part[5]
    if part[8] == 4 or part[8] == 5:
        turn = math.atan2(b / hb, a / ha)
        na, nb, s = math.cos(turn), math.sin(turn), turn * ha
    elif abs(abs(a) - ha) < abs(abs(b) - hb):
        na, nb, s = (1.0 if a > 0 else -1.0), 0.0, b
    else:
        na, nb, s = 0.0, (1.0 if b > 0 else -1.0), a
    nx, ny = part[2] * na - part[3] * nb, part[3] * na + part[2] * nb
    r, g, b2 = part[12], part[13], part[14]
    style, floor_m, bay = int(part[15]), part[16], part[17]
    level, column = math.floor(z / floor_m), math.floor(s / bay)
    up, across = z / floor_m - level, s / bay - column
    seed = int(part[18])
    pane = False
    if z < part[6] - 0.4:
        if style == 0:
            pane = 0.3 < up < 0.8 and 0.24 < across < 0.76
            if level == 0 and part[6] > 9.5 and seed % 3 > 0:
                pane = 0.12 < up < 0.78 and 0.12 < across < 0.88
            elif 0.86 < up < 0.94 and seed % 4 == 0:
                r, g, b2 = r * 1.1, g * 1.1, b2 * 1.1
        elif style == 1:
            pane = 0.35 < up < 0.85
        elif style == 2:
            pane = up > 0.12 and across > 0.08
        elif style == 3:
            k = 0.92 if s % 1.2 < 0.3 else 1.0
            r, g, b2 = r * k, g * k, b2 * k
            pane = up < 0.8 and level == 0 and column % 4 == 1
        else:
            pane = 0.35 < up < 0.75 and 0.3 < across < 0.62 and column % 2 == 0
    if pane:
        k = hash_unit(seed, level, column + int(3 * na + 7 * nb))
        k = 0.6 + 0.8 * k if k < 0.92 else 2.1
        r, g, b2 = 62.0 * k, 76.0 * k, 92.0 * k
    elif z < 0.5:
        r, g, b2 = r * 0.8, g * 0.8, b2 * 0.8
    return r, g, b2, nx * sun[0] + ny * sun[1]


@numba.njit(cache=True)
def _plain_wall(x: float, y: float, z: float, top: float) -> float:
    """Brightness of a wall without a plan: storeys with windows, darker towards the ground."""
    k = 0.62 + 0.2 * min(1.0, z / max(1.0, top))
    up, across = (z / 3.1) % 1.0, ((x + y) / 3.4) % 1.0
    if z < top - 0.8 and 0.35 < up < 0.78 and 0.3 < across < 0.7:
        k *= 0.55
    return k


@numba.njit(cache=True)
def _leafage(x: float, y: float, z: float) -> float:
    """Brightness of a crown's side: tufts of leaves with dark gaps between them."""
    return 0.72 + 0.5 * value_noise(29, (x + 0.6 * y) * 1.3, (z + 0.6 * y - 0.4 * x) * 1.5)


@numba.njit(cache=True)
def _trace(
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    top: float,
    height: F32,
    coarse: F32,
) -> tuple[float, int, int, bool]:
    """March from cell (ox, oy) at height oz metres: distance t, row, column, whether a wall.

    Directions are per unit of t: x and y in cells, z in metres. Outside the grid all is flat.
    """
    rows, columns = height.shape
    t_ground = -oz / dz
    t = max(0.0, (top - oz) / dz)
    while t < t_ground:
        x, y = ox + t * dx, oy + t * dy
        c, r = math.floor(x), math.floor(y)
        if c < 0 or r < 0 or c >= columns or r >= rows:
            t_in = t
            if dx > 0 and x < 0:
                t_in = max(t_in, -ox / dx)
            elif dx < 0 and x >= columns:
                t_in = max(t_in, (columns - ox) / dx)
            elif dy > 0 and y < 0:
                t_in = max(t_in, -oy / dy)
            elif dy < 0 and y >= rows:
                t_in = max(t_in, (rows - oy) / dy)
            else:
                break
            t = t_in + 1e-6
            continue
        bc, br = c >> 3, r >> 3
        tx = (
            ((((bc + 1) << 3) - ox) / dx) if dx > 0 else (((bc << 3) - ox) / dx if dx < 0 else 1e30)
        )
        ty = (
            ((((br + 1) << 3) - oy) / dy) if dy > 0 else (((br << 3) - oy) / dy if dy < 0 else 1e30)
        )
        t_out = min(tx, ty)
        if oz + t_out * dz > coarse[br, bc]:
            t = t_out + 1e-6
            continue
        tx = ((c + 1 - ox) / dx) if dx > 0 else ((c - ox) / dx if dx < 0 else 1e30)
        ty = ((r + 1 - oy) / dy) if dy > 0 else ((r - oy) / dy if dy < 0 else 1e30)
        t_out = min(tx, ty)
        h = height[r, c]
        if oz + t * dz < h:
            return t, r, c, True
        if oz + t_out * dz < h:
            return (h - oz) / dz, r, c, False
        t = t_out + 1e-6
    return t_ground, -1, -1, False


@numba.njit(cache=True, nogil=True)
def _march(
    width: int,
    height_px: int,
    sub: int,
    eye: F64,
    right: F64,
    up: F64,
    forward: F64,
    k: float,
    cell_m: float,
    x0: float,
    y0: float,
    height: F32,
    coarse: F32,
    shadow: F32,
    lit: U8,
    part_of: NDArray[np.int32],
    parts: F64,
    sun: F64,
    look: F64,
    out: F32,
) -> None:
    rows, columns = height.shape
    top = 0.5
    for r in range(coarse.shape[0]):
        for c in range(coarse.shape[1]):
            top = max(top, coarse[r, c] + 0.1)
    ox, oy, oz = (eye[0] - x0) / cell_m, (eye[1] - y0) / cell_m, eye[2]
    ambient, direct, warmth, haze = look[0], look[1], look[2], look[3]
    share = 1.0 / (sub * sub)
    for py in range(height_px * sub):
        sy = (1.0 - 2.0 * (py + 0.5) / (height_px * sub)) * k * height_px / width
        for px in range(width * sub):
            sx = (2.0 * (px + 0.5) / (width * sub) - 1.0) * k
            dx = forward[0] + sx * right[0] + sy * up[0]
            dy = forward[1] + sx * right[1] + sy * up[1]
            dz = min(forward[2] + sx * right[2] + sy * up[2], -0.02)
            t, r, c, wall = _trace(ox, oy, oz, dx / cell_m, dy / cell_m, dz, top, height, coarse)
            if r < 0:
                c, r = math.floor(ox + t * dx / cell_m), math.floor(oy + t * dy / cell_m)
                c, r = abs(c) % (2 * columns), abs(r) % (2 * rows)
                c = 2 * columns - 1 - c if c >= columns else c
                r = 2 * rows - 1 - r if r >= rows else r
            red, green, blue = float(lit[r, c, 0]), float(lit[r, c, 1]), float(lit[r, c, 2])
            if wall:
                z = oz + t * dz
                n = part_of[r, c]
                step = height[r, c]
                if n != -2:
                    step -= _before(height, ox, oy, dx / cell_m, dy / cell_m, t)
                if n >= 0 and (
                    step < _LEDGE_M
                    or part_of[r, c] == _part_before(part_of, ox, oy, dx / cell_m, dy / cell_m, t)
                ):
                    if step > _WALL_M and parts[n, 8] == 3:
                        red, green, blue = red * 0.55, green * 0.6, blue * 0.68
                elif n >= 0:
                    red, green, blue, facing = _facade(
                        parts[n], eye[0] + t * dx, eye[1] + t * dy, z, sun
                    )
                    light = ambient * (0.82 + 0.18 * min(1.0, z / 8.0))
                    if (
                        facing > 0.0
                        and shadow[r, c] < height[r, c]
                        and not _dark(shadow, rows, columns, r, c, dx, dy, z)
                    ):
                        light += direct * facing
                    red, green, blue = (
                        red * light * (1.0 + warmth),
                        green * light,
                        blue * light * (1.0 - warmth),
                    )
                elif n == -3 and step > _WALL_M:
                    ex, ey = eye[0] + t * dx, eye[1] + t * dy
                    bright = _plain_wall(ex, ey, z, height[r, c])
                    red = 0.5 * (red + 150.0) * bright
                    green = 0.5 * (green + 146.0) * bright
                    blue = 0.5 * (blue + 140.0) * bright
                elif n == -2:
                    fall = 0.4 + 0.6 * min(1.0, z / max(0.5, 0.9 * height[r, c]))
                    fall *= _leafage(eye[0] + t * dx, eye[1] + t * dy, z)
                    red, green, blue = red * fall, green * fall, blue * fall
                elif n != -3:
                    fall = 0.62 + 0.38 * min(1.0, z / max(0.5, height[r, c]))
                    red, green, blue = red * fall, green * fall, blue * fall
            mist = 1.0 - math.exp(-t * math.sqrt(dx * dx + dy * dy + dz * dz) * haze)
            out[py // sub, px // sub, 0] += share * (red + mist * (look[4] - red))
            out[py // sub, px // sub, 1] += share * (green + mist * (look[5] - green))
            out[py // sub, px // sub, 2] += share * (blue + mist * (look[6] - blue))


@numba.njit(cache=True)
def _before(height: F32, ox: float, oy: float, dx: float, dy: float, t: float) -> float:
    """Height of the cell that a ray leaves when it enters a cell's side at t; 0 outside."""
    back = t - 0.02 / max(abs(dx), abs(dy), 1e-9)
    c, r = math.floor(ox + back * dx), math.floor(oy + back * dy)
    inside = 0 <= c < height.shape[1] and 0 <= r < height.shape[0]
    return float(height[r, c]) if inside else 0.0


@numba.njit(cache=True)
def _part_before(
    part_of: NDArray[np.int32], ox: float, oy: float, dx: float, dy: float, t: float
) -> int:
    """Part of the cell that a ray leaves when it enters a cell's side at t; -1 outside."""
    back = t - 0.02 / max(abs(dx), abs(dy), 1e-9)
    c, r = math.floor(ox + back * dx), math.floor(oy + back * dy)
    inside = 0 <= c < part_of.shape[1] and 0 <= r < part_of.shape[0]
    return int(part_of[r, c]) if inside else -1


@numba.njit(cache=True)
def _dark(
    shadow: F32, rows: int, columns: int, r: int, c: int, dx: float, dy: float, z: float
) -> bool:
    """Whether the air just in front of a wall, towards the camera, lies in shadow at height z."""
    size = max(abs(dx), abs(dy), 1e-9)
    fr = min(rows - 1, max(0, r - round(2.0 * dy / size)))
    fc = min(columns - 1, max(0, c - round(2.0 * dx / size)))
    return bool(shadow[fr, fc] > z + 0.3)


def drone_view(
    lit: LitScene, camera: Camera, size_px: int, *, supersample: int = 2, haze_per_m: float = 2e-4
) -> F32:
    """What `camera` sees: float32 [size, size, 3], 0-255, before the sensor."""
    scene, light = lit.scene, lit.light
    right, up, forward = (np.array(axis) for axis in camera.axes())
    out = np.zeros((size_px, size_px, 3), np.float32)
    look = np.array([light.ambient, light.direct, light.warmth, haze_per_m, 206.0, 214.0, 224.0])
    _march(
        size_px,
        size_px,
        supersample,
        np.array([camera.x_m, camera.y_m, camera.z_m]),
        right,
        up,
        forward,
        math.tan(math.radians(camera.field_of_view_deg) / 2),
        scene.cell_m,
        scene.ix0 * scene.cell_m,
        scene.iy0 * scene.cell_m,
        lit.height_m,
        lit.coarse_m,
        lit.shadow_m,
        lit.rgb,
        scene.part_of,
        scene.parts,
        np.array(light.sun),
        look,
        out,
    )
    return out


@numba.njit(cache=True, nogil=True)
def _top(
    lit: U8,
    ix0: int,
    iy0: int,
    cell_m: float,
    west: float,
    north: float,
    gsd: float,
    taps: int,
    out: F32,
) -> None:
    rows, columns = lit.shape[0], lit.shape[1]
    for py in range(out.shape[0]):
        for px in range(out.shape[1]):
            for k in range(taps * taps):
                x = west + (px + (k % taps + 0.5) / taps) * gsd
                y = north - (py + (k // taps + 0.5) / taps) * gsd
                c = min(columns - 1, max(0, math.floor(x / cell_m) - ix0))
                r = min(rows - 1, max(0, math.floor(y / cell_m) - iy0))
                for band in range(3):
                    out[py, px, band] += lit[r, c, band] / (taps * taps)


def satellite_view(lit: LitScene, x_m: float, y_m: float, size_px: int, gsd_m: float) -> F32:
    """The orthographic view from above, centred on world (x, y): float32 [size, size, 3], 0-255."""
    scene = lit.scene
    out = np.zeros((size_px, size_px, 3), np.float32)
    half = size_px * gsd_m / 2
    _top(lit.rgb, scene.ix0, scene.iy0, scene.cell_m, x_m - half, y_m + half, gsd_m, 3, out)
    return out
