"""Paints the ground of a window: main roads, rivers, and the streets and lots between them.

Every cell depends only on the seed and its own world coordinate.
"""

from typing import NamedTuple

import numba
import numpy as np

from training.world.chance import hash_unit, river_distance_m, warp
from training.world.plan.arrays import F64, PlanArrays, Record, Records
from training.world.scene.ground import Ground, bank, grass, planted, sidewalk, water
from training.world.scene.lot_ground import LotPoint, lot_ground
from training.world.scene.streets import StreetPoint, street
from training.world.scene.window import WATER, Window

_FAR_M = 1e9
_PAVEMENT_M = 2.6
"""Width of the pavement along main roads."""
_SIDEWALK_M = 2.2
"""Width of the pavement along a cell's own streets (as `plan.cell.SIDEWALK_M`)."""
_BANK_M, _MEADOW_M = 1.2, 7.0
"""Distances from a river up to which its banks are stony, and grown over."""
_NO_LOT = -1


class _Leaf(NamedTuple):
    """Where a descent through a cell's split tree ends: in a lot, or on or beside a street."""

    lot: int
    """Number of the lot, or -1 for a street."""
    offset_m: float
    """Signed distance from the street's middle line."""
    half_m: float
    along_m: float
    node: int
    gap_m: float
    """Distance to the edge of the wider street that this one ends at."""
    bound: float
    """Sign of the offset of the side that drives towards that junction."""


class _MainRoads(NamedTuple):
    """The nearest main road of each direction: signed distance, half width, gap to its edge."""

    du_m: float
    dv_m: float
    half_u_m: float
    half_v_m: float
    gap_u_m: float
    gap_v_m: float


@numba.njit(cache=True)
def _line_below(lines: F64, value: float) -> int:
    """Return the number of the last line at or below a value, but for the last one."""
    k = 0
    while k + 2 < lines.shape[0] and lines[k + 1] <= value:
        k += 1
    return k


@numba.njit(cache=True)
def _main_roads(plan: PlanArrays, i: int, j: int, u: float, v: float) -> _MainRoads:
    lines_u, lines_v = plan.lines_u_m, plan.lines_v_m
    ku = i if u - lines_u[i] < lines_u[i + 1] - u else i + 1
    kv = j if v - lines_v[j] < lines_v[j + 1] - v else j + 1
    du, dv = u - lines_u[ku], v - lines_v[kv]
    half_u, half_v = plan.half_u_m[ku], plan.half_v_m[kv]
    return _MainRoads(du, dv, half_u, half_v, abs(du) - half_u, abs(dv) - half_v)


@numba.njit(cache=True)
def _descend(nodes: Records, root: int, p: float, q: float) -> _Leaf:
    """Descend the split tree to the lot or the street at (p, q) in the cell's frame, metres."""
    node, found = root, -1
    off, wide, run = 0.0, 0.0, 0.0
    gap_p, gap_q, bound_p, bound_q = _FAR_M, _FAR_M, 0.0, 0.0
    while node >= 0:
        split = nodes[node]
        axis, half = split.axis, split.road_m * 0.5
        offset = (p if axis == 0 else q) - split.split_m
        if half > 0.0:
            distance = abs(offset) - half
            if distance < 0.0 or (distance < _SIDEWALK_M and found < 0):
                off, wide, run, found = offset, half, (q if axis == 0 else p), node
                if distance < 0.0 and axis == 0:
                    return _Leaf(_NO_LOT, off, wide, run, node, gap_q, bound_q)
                if distance < 0.0:
                    return _Leaf(_NO_LOT, off, wide, run, node, gap_p, bound_p)
            if axis == 0 and distance < gap_p:
                gap_p, bound_p = distance, (1.0 if offset > 0.0 else -1.0)
            elif axis == 1 and distance < gap_q:
                gap_q, bound_q = distance, (-1.0 if offset > 0.0 else 1.0)
        node = split.low if offset < 0.0 else split.high
    if found >= 0:
        return _Leaf(_NO_LOT, off, wide, run, found, _FAR_M, 0.0)
    return _Leaf(-1 - node, 0.0, 0.0, 0.0, 0, _FAR_M, 0.0)


@numba.njit(cache=True)
def _bound_for_main_road(axis: int, cos: float, sin: float, main: _MainRoads, is_u: bool) -> float:
    """Return the side of a cell's street (sign of the offset) that drives towards a main road."""
    if axis == 0:
        away = (-sin if main.du_m > 0.0 else sin) if is_u else (cos if main.dv_m > 0.0 else -cos)
        return -1.0 if away > 0.0 else 1.0
    away = (cos if main.du_m > 0.0 else -cos) if is_u else (sin if main.dv_m > 0.0 else -sin)
    return 1.0 if away > 0.0 else -1.0


@numba.njit(cache=True)
def _cell_street(
    plan: PlanArrays, cell: Record, leaf: _Leaf, main: _MainRoads, x: float, y: float
) -> tuple[StreetPoint, float]:
    """Return a point on a cell's own street, and how steeply it meets the nearest main road (0-1).

    Where a main road is nearer than the street's own junction, the street ends at that one; it is
    painted only where it meets the road nearly at right angles.
    """
    axis, gap, bound = plan.nodes[leaf.node].axis, leaf.gap_m, leaf.bound
    is_u = main.gap_u_m < main.gap_v_m
    slant = abs(cell.sin) if is_u == (axis == 0) else abs(cell.cos)
    edge = min(main.gap_u_m, main.gap_v_m)
    if edge < 11.0 and edge < gap:
        gap, bound = edge, 0.0
        if slant > 0.75:
            bound = _bound_for_main_road(axis, cell.cos, cell.sin, main, is_u)
    tone = plan.seed + int(abs(plan.nodes[leaf.node].split_m) * 10.0) % 7
    point = StreetPoint(tone, leaf.offset_m, leaf.along_m, leaf.half_m, x, y, gap, bound)
    return point, slant


@numba.njit(cache=True)
def _ground_at(plan: PlanArrays, x: float, y: float) -> tuple[Ground, int]:
    """Return the ground at world (x, y), and the seed of its lot or -1."""
    seed = plan.seed
    u, v = warp(seed, x, y)
    i, j = _line_below(plan.lines_u_m, u), _line_below(plan.lines_v_m, v)
    main = _main_roads(plan, i, j, u, v)
    gap_u, gap_v = main.gap_u_m, main.gap_v_m
    if gap_u < 0.0 and (gap_v >= 0.0 or main.half_u_m >= main.half_v_m):
        bound = -1.0 if main.dv_m > 0.0 else 1.0
        return street(StreetPoint(seed, main.du_m, v, main.half_u_m, x, y, gap_v, bound)), _NO_LOT
    if gap_v < 0.0:
        bound = 1.0 if main.du_m > 0.0 else -1.0
        return street(StreetPoint(seed, main.dv_m, u, main.half_v_m, x, y, gap_u, bound)), _NO_LOT
    river = river_distance_m(seed, x, y)
    if river < 0.0:
        return water(seed, x, y), _NO_LOT
    is_pavement = gap_u < _PAVEMENT_M or gap_v < _PAVEMENT_M
    if river < _BANK_M and not is_pavement:
        return bank(seed, x, y), _NO_LOT
    if river < _MEADOW_M and not is_pavement:
        return planted(grass(seed, x, y, 0.4), 0.3), _NO_LOT
    cell = plan.cells[j, i]
    p = cell.cos * (u - cell.u_m) + cell.sin * (v - cell.v_m)
    q = -cell.sin * (u - cell.u_m) + cell.cos * (v - cell.v_m)
    leaf = _descend(plan.nodes, cell.root, p, q)
    is_street = leaf.lot < 0 and abs(leaf.offset_m) < leaf.half_m
    if is_street and (river > _MEADOW_M or not is_pavement):
        point, slant = _cell_street(plan, cell, leaf, main, x, y)
        if not is_pavement or slant > 0.4:
            return street(point), _NO_LOT
    if leaf.lot < 0 and leaf.half_m < 3.0 and not is_pavement:
        return grass(seed, x, y, 0.5), _NO_LOT
    if is_pavement or leaf.lot < 0:
        return sidewalk(seed, x, y, u + v if is_pavement else leaf.along_m), _NO_LOT
    lot = plan.lots[leaf.lot]
    at = LotPoint(lot.seed, p - lot.p_m, q - lot.q_m, lot.half_p_m, lot.half_q_m, x, y)
    return lot_ground(lot.kind, at), lot.seed


@numba.njit(cache=True, nogil=True)
def paint_ground(plan: PlanArrays, window: Window) -> None:
    """Fill the window's colour, material, trees, cars and lot seeds, in place."""
    rows, columns = window.material.shape
    for r in range(rows):
        y = (window.iy0 + r + 0.5) * window.cell_m
        for c in range(columns):
            x = (window.ix0 + c + 0.5) * window.cell_m
            ground, lot_seed = _ground_at(plan, x, y)
            grain = 0.93 + 0.14 * hash_unit(plan.seed + 31, window.ix0 + c, window.iy0 + r)
            if ground.material == WATER:
                grain = 1.0
            window.rgb[r, c, 0] = np.uint8(min(255.0, ground.red * grain))
            window.rgb[r, c, 1] = np.uint8(min(255.0, ground.green * grain))
            window.rgb[r, c, 2] = np.uint8(min(255.0, ground.blue * grain))
            window.material[r, c] = ground.material
            window.tree[r, c] = np.uint8(ground.tree * 255.0)
            window.car[r, c] = ground.car
            window.lot_seed[r, c] = lot_seed
