"""Perspective views by marching rays through the height field.

A ray skips blocks of cells that lie wholly below it, then steps cell by cell. Where it enters a
cell below its top it has met a wall, otherwise it comes down on a top.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from training.world.plan.arrays import F64, Records
from training.world.plan.parts import SAW
from training.world.rendering.camera import Camera
from training.world.rendering.facade import Rgb, facade, leafage, plain_wall
from training.world.scene.light import Sunlight
from training.world.scene.scene import LitScene
from training.world.scene.window import CROWN, F32, I32, PLAIN_WALL, U8

_inlined = numba.njit(cache=True, forceinline=True)
"""Every ray passes through these functions: as calls they would cost a quarter more time."""
_WALL_M = 1.2
"""Our choice: a lower step of a surface model is a slope, shown in its own colour."""
_LEDGE_M = 0.8
"""Our choice: a roof that rises less than this over another part or the ground shows no façade."""
_STEEPEST_UP = -0.02
"""Our choice: rays at and above the horizon are bent down to this slope, so that all come down."""
_HAZE_RED, _HAZE_GREEN, _HAZE_BLUE = 206.0, 214.0, 224.0
_BLOCK_SHIFT = 3
"""Blocks of `coarse_m` are 2 ** 3 cells wide (`window.BLOCK_CELLS`)."""
_NEVER = 1e30
_TINY = 1e-6
"""Added to a ray's parameter, so that it lies beyond the border it has reached."""


class _Pinhole(NamedTuple):
    """A square image's camera: position in metres, axes, and half the image's width at depth 1."""

    eye: F64
    column: float
    """The same position in cells of the terrain, east."""
    row: float
    right: F64
    up: F64
    forward: F64
    half_width: float
    size: int
    """Rays along each side of the image."""
    supersample: int
    """Rays along each side of a pixel."""


class _Terrain(NamedTuple):
    """A lit scene's grids."""

    cell_m: float
    rgb: U8
    height_m: F32
    coarse_m: F32
    shadow_m: F32
    part_of: I32
    parts: Records


class _Ray(NamedTuple):
    """A ray from (x, y) in cells and z in metres; directions in cells and metres per unit of t."""

    x: float
    y: float
    z: float
    dx: float
    dy: float
    dz: float
    dx_m: float
    dy_m: float


class _Hit(NamedTuple):
    """Where a ray ends: at t, in a cell (row -1: outside the grid), on a wall or on a top."""

    t: float
    row: int
    column: int
    is_wall: bool


@_inlined
def _ray(camera: _Pinhole, cell_m: float, px: int, py: int) -> _Ray:
    """Return the ray through sub-pixel (px, py)."""
    right, up, forward = camera.right, camera.up, camera.forward
    sy = (1.0 - 2.0 * (py + 0.5) / camera.size) * camera.half_width
    sx = (2.0 * (px + 0.5) / camera.size - 1.0) * camera.half_width
    dx = forward[0] + sx * right[0] + sy * up[0]
    dy = forward[1] + sx * right[1] + sy * up[1]
    dz = min(forward[2] + sx * right[2] + sy * up[2], _STEEPEST_UP)
    return _Ray(camera.column, camera.row, camera.eye[2], dx / cell_m, dy / cell_m, dz, dx, dy)


@_inlined
def _leaves_at(ray: _Ray, column: int, row: int, side: int) -> float:
    """Return t where the ray leaves the square of `side` cells whose first cell is given."""
    tx, ty = _NEVER, _NEVER
    if ray.dx > 0:
        tx = (column + side - ray.x) / ray.dx
    elif ray.dx < 0:
        tx = (column - ray.x) / ray.dx
    if ray.dy > 0:
        ty = (row + side - ray.y) / ray.dy
    elif ray.dy < 0:
        ty = (row - ray.y) / ray.dy
    return min(tx, ty)


@_inlined
def _enters_at(ray: _Ray, x: float, y: float, columns: int, rows: int) -> float:
    """Return t where a ray that is outside the grid at (x, y) reaches it, or a negative number."""
    if ray.dx > 0 and x < 0:
        return -ray.x / ray.dx
    if ray.dx < 0 and x >= columns:
        return (columns - ray.x) / ray.dx
    if ray.dy > 0 and y < 0:
        return -ray.y / ray.dy
    if ray.dy < 0 and y >= rows:
        return (rows - ray.y) / ray.dy
    return -1.0


@_inlined
def _trace(ray: _Ray, top: float, height: F32, coarse: F32) -> _Hit:
    """March a ray down from height `top` metres. Outside the grid all is flat ground."""
    rows, columns = height.shape
    t_ground = -ray.z / ray.dz
    t = max(0.0, (top - ray.z) / ray.dz)
    while t < t_ground:
        x, y = ray.x + t * ray.dx, ray.y + t * ray.dy
        c, r = math.floor(x), math.floor(y)
        if c < 0 or r < 0 or c >= columns or r >= rows:
            t_in = _enters_at(ray, x, y, columns, rows)
            if t_in < 0.0:
                break
            t = max(t, t_in) + _TINY
            continue
        bc, br = c >> _BLOCK_SHIFT, r >> _BLOCK_SHIFT
        t_out = _leaves_at(ray, bc << _BLOCK_SHIFT, br << _BLOCK_SHIFT, 1 << _BLOCK_SHIFT)
        if ray.z + t_out * ray.dz > coarse[br, bc]:
            t = t_out + _TINY
            continue
        t_out = _leaves_at(ray, c, r, 1)
        h = height[r, c]
        if ray.z + t * ray.dz < h:
            return _Hit(t, r, c, True)
        if ray.z + t_out * ray.dz < h:
            return _Hit((h - ray.z) / ray.dz, r, c, False)
        t = t_out + _TINY
    return _Hit(t_ground, -1, -1, False)


@_inlined
def _rgb(terrain: _Terrain, r: int, c: int) -> Rgb:
    """Return a cell's colour seen from above."""
    return float(terrain.rgb[r, c, 0]), float(terrain.rgb[r, c, 1]), float(terrain.rgb[r, c, 2])


@_inlined
def _mirrored(terrain: _Terrain, ray: _Ray, t: float) -> tuple[int, int]:
    """Return the cell that stands for a point outside the grid: the grid mirrored at its edges."""
    rows, columns = terrain.height_m.shape
    c = math.floor(ray.x + t * ray.dx_m / terrain.cell_m)
    r = math.floor(ray.y + t * ray.dy_m / terrain.cell_m)
    c, r = abs(c) % (2 * columns), abs(r) % (2 * rows)
    return (2 * rows - 1 - r if r >= rows else r), (2 * columns - 1 - c if c >= columns else c)


@_inlined
def _cell_before(terrain: _Terrain, ray: _Ray, t: float) -> tuple[int, int]:
    """Return the cell that a ray leaves when it enters a cell's side at t; (-1, -1) outside."""
    back = t - 0.02 / max(abs(ray.dx), abs(ray.dy), 1e-9)
    c, r = math.floor(ray.x + back * ray.dx), math.floor(ray.y + back * ray.dy)
    is_inside = 0 <= c < terrain.height_m.shape[1] and 0 <= r < terrain.height_m.shape[0]
    return (r, c) if is_inside else (-1, -1)


@_inlined
def _is_in_shadow(terrain: _Terrain, ray: _Ray, hit: _Hit, z: float) -> bool:
    """Return whether the air just in front of a wall, towards the camera, lies in shadow at z."""
    rows, columns = terrain.shadow_m.shape
    size = max(abs(ray.dx_m), abs(ray.dy_m), 1e-9)
    r = min(rows - 1, max(0, hit.row - round(2.0 * ray.dy_m / size)))
    c = min(columns - 1, max(0, hit.column - round(2.0 * ray.dx_m / size)))
    return bool(terrain.shadow_m[r, c] > z + 0.3)


@_inlined
def _lit_facade(terrain: _Terrain, sun: Sunlight, eye: F64, ray: _Ray, hit: _Hit) -> Rgb:
    """Return the colour of a building's wall under the sun."""
    r, c, z = hit.row, hit.column, ray.z + hit.t * ray.dz
    x, y = eye[0] + hit.t * ray.dx_m, eye[1] + hit.t * ray.dy_m
    (red, green, blue), east, north = facade(terrain.parts[terrain.part_of[r, c]], x, y, z)
    facing = east * sun.east + north * sun.north
    light = sun.ambient * (0.82 + 0.18 * min(1.0, z / 8.0))
    is_lit = facing > 0.0 and terrain.shadow_m[r, c] < terrain.height_m[r, c]
    if is_lit and not _is_in_shadow(terrain, ray, hit, z):
        light += sun.direct * facing
    return red * light * (1.0 + sun.warmth), green * light, blue * light * (1.0 - sun.warmth)


@_inlined
def _side_colour(terrain: _Terrain, sun: Sunlight, eye: F64, ray: _Ray, hit: _Hit) -> Rgb:
    """Return the colour of a raised cell's side: façade, step of a roof, crown or plain wall."""
    r, c, z = hit.row, hit.column, ray.z + hit.t * ray.dz
    top, n = terrain.height_m[r, c], terrain.part_of[r, c]
    x, y = eye[0] + hit.t * ray.dx_m, eye[1] + hit.t * ray.dy_m
    red, green, blue = _rgb(terrain, r, c)
    if n == CROWN:
        fall = (0.4 + 0.6 * min(1.0, z / max(0.5, 0.9 * top))) * leafage(x, y, z)
        return red * fall, green * fall, blue * fall
    before_r, before_c = _cell_before(terrain, ray, hit.t)
    step = top - (float(terrain.height_m[before_r, before_c]) if before_r >= 0 else 0.0)
    if n >= 0:
        is_same_part = before_r >= 0 and terrain.part_of[before_r, before_c] == n
        if step >= _LEDGE_M and not is_same_part:
            return _lit_facade(terrain, sun, eye, ray, hit)
        if step > _WALL_M and terrain.parts[n].roof == SAW:
            return red * 0.55, green * 0.6, blue * 0.68
        return red, green, blue
    if n == PLAIN_WALL:
        if step > _WALL_M:
            bright = plain_wall(x, y, z, top)
            return (
                0.5 * (red + 150.0) * bright,
                0.5 * (green + 146.0) * bright,
                0.5 * (blue + 140.0) * bright,
            )
        return red, green, blue
    fall = 0.62 + 0.38 * min(1.0, z / max(0.5, top))
    return red * fall, green * fall, blue * fall


@numba.njit(cache=True)
def _highest(coarse: F32) -> float:
    """Return a height (metres) that nothing reaches."""
    top = 0.5
    for r in range(coarse.shape[0]):
        for c in range(coarse.shape[1]):
            top = max(top, coarse[r, c] + 0.1)
    return top


@numba.njit(cache=True, nogil=True)
def _march(camera: _Pinhole, terrain: _Terrain, sun: Sunlight, haze_per_m: float, out: F32) -> None:
    """Add every ray's colour to its pixel of `out`."""
    top, sub = _highest(terrain.coarse_m), camera.supersample
    share = 1.0 / (sub * sub)
    for py in range(camera.size):
        for px in range(camera.size):
            ray = _ray(camera, terrain.cell_m, px, py)
            hit = _trace(ray, top, terrain.height_m, terrain.coarse_m)
            if hit.is_wall:
                red, green, blue = _side_colour(terrain, sun, camera.eye, ray, hit)
            else:
                r, c = hit.row, hit.column
                if r < 0:
                    r, c = _mirrored(terrain, ray, hit.t)
                red, green, blue = _rgb(terrain, r, c)
            length = math.sqrt(ray.dx_m * ray.dx_m + ray.dy_m * ray.dy_m + ray.dz * ray.dz)
            mist = 1.0 - math.exp(-hit.t * length * haze_per_m)
            out[py // sub, px // sub, 0] += share * (red + mist * (_HAZE_RED - red))
            out[py // sub, px // sub, 1] += share * (green + mist * (_HAZE_GREEN - green))
            out[py // sub, px // sub, 2] += share * (blue + mist * (_HAZE_BLUE - blue))


def drone_view(
    lit: LitScene, camera: Camera, size_px: int, *, supersample: int = 2, haze_per_m: float = 2e-4
) -> F32:
    """Return what `camera` records: float32 [size, size, 3], 0-255, before the sensor."""
    scene = lit.scene
    right, up, forward = (np.array(axis) for axis in camera.axes())
    pinhole = _Pinhole(
        eye=np.array([camera.x_m, camera.y_m, camera.z_m]),
        column=(camera.x_m - scene.ix0 * scene.cell_m) / scene.cell_m,
        row=(camera.y_m - scene.iy0 * scene.cell_m) / scene.cell_m,
        right=right,
        up=up,
        forward=forward,
        half_width=math.tan(math.radians(camera.field_of_view_deg) / 2),
        size=size_px * supersample,
        supersample=supersample,
    )
    terrain = _Terrain(
        cell_m=scene.cell_m,
        rgb=lit.rgb,
        height_m=lit.height_m,
        coarse_m=lit.coarse_m,
        shadow_m=lit.shadow_m,
        part_of=scene.part_of,
        parts=scene.parts,
    )
    out = np.zeros((size_px, size_px, 3), np.float32)
    _march(pinhole, terrain, Sunlight.of(lit.light), haze_per_m, out)
    return out
