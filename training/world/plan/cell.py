"""The plan of one map cell: streets by recursive subdivision, lots, and the buildings on them.

The world is cut into cells by jittered lines about 360 m apart in the warped street grid. A
cell's plan is a pure function of (seed, i, j) and is laid out in the cell's own rotated frame.
"""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

from training.world.chance import RandomStream, river_distance_m, unwarp
from training.world.plan.lots import (
    CAMPUS,
    DENSE,
    GARDEN,
    INDUSTRIAL,
    LAWN,
    RESIDENTIAL,
    RURAL,
    furnish,
)
from training.world.plan.parts import Part

CELL_M = 360.0
SIDEWALK_M = 2.2
_BLOCK_M = (120.0, 140.0, 190.0, 190.0, 260.0)
_LOT_M = (31.0, 66.0, 100.0, 88.0, 150.0)
_STREET_M = (7.0, 10.0, 9.0, 7.0, 5.0)


@dataclass(frozen=True, kw_only=True)
class Lot:
    """One leaf of the plan: its ground kind and its rectangle in the cell's frame (metres)."""

    kind: int
    p_m: float
    q_m: float
    half_p_m: float
    half_q_m: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class PlacedPart:
    """A building part in world metres, rotated by `angle_rad` anticlockwise from east."""

    x_m: float
    y_m: float
    angle_rad: float
    part: Part
    seed: int


@dataclass(kw_only=True)
class CellPlan:
    """A cell's split tree (as lists), its lots and parts, and the position of its landmark."""

    district: int
    style: int
    u_m: float
    v_m: float
    angle_rad: float
    axis: list[int] = field(default_factory=list)
    split_m: list[float] = field(default_factory=list)
    road_m: list[float] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    parts: list[PlacedPart] = field(default_factory=list)
    landmark: tuple[float, float] = (0.0, 0.0)


def grid_line_m(seed: int, axis: int, index: int) -> float:
    """Return the position of a line of the street grid, metres in u (axis 0) or v (axis 1)."""
    return index * CELL_M + RandomStream(seed, 5, axis, index).between(-38, 38)


def arterial_half_m(seed: int, axis: int, index: int) -> float:
    """Return half the width of the main road along that line, metres."""
    return RandomStream(seed, 6, axis, index).between(4.5, 9.5)


def district_of(seed: int, i: int, j: int) -> int:
    """Return the cell's district; neighbours tend to differ."""
    roll = RandomStream(seed, 7, i, j).unit()
    return (
        RESIDENTIAL
        if roll < 0.33
        else DENSE
        if roll < 0.56
        else INDUSTRIAL
        if roll < 0.72
        else CAMPUS
        if roll < 0.88
        else RURAL
    )


@lru_cache(maxsize=256)
def plan_cell(seed: int, i: int, j: int) -> CellPlan:
    """Return the plan of cell (i, j) of the world `seed`; it is cached, so do not change it."""
    rng = RandomStream(seed, 8, i, j)
    bounds = (
        grid_line_m(seed, 0, i),
        grid_line_m(seed, 0, i + 1),
        grid_line_m(seed, 1, j),
        grid_line_m(seed, 1, j + 1),
    )
    angle = rng.between(-0.78, 0.78) if rng.chance(0.55) else rng.between(-0.06, 0.06)
    plan = CellPlan(
        district=district_of(seed, i, j),
        style=rng.below(4),
        u_m=(bounds[0] + bounds[1]) / 2,
        v_m=(bounds[2] + bounds[3]) / 2,
        angle_rad=angle,
    )
    half = CELL_M * (0.6 + 0.2 * min(1.0, abs(angle) * 2))
    _Builder(seed, plan, bounds, rng).split(-half, half, -half, half, 0)
    plan.landmark = _landmark(plan, seed)
    return plan


def _landmark(plan: CellPlan, seed: int) -> tuple[float, float]:
    """Return the most conspicuous part near the cell's middle, else the middle itself."""
    middle = unwarp(seed, plan.u_m, plan.v_m)
    best, best_score = middle, 0.0
    for placed in plan.parts:
        distance = math.hypot(placed.x_m - middle[0], placed.y_m - middle[1])
        size = math.sqrt(placed.part.half_a_m * placed.part.half_b_m) * (10.0 + placed.part.eave_m)
        score = size * (1.0 - distance / 80.0)
        if score > best_score:
            best, best_score = (placed.x_m, placed.y_m), score
    return best


class _Builder:
    """Splits a cell into lots and furnishes them."""

    def __init__(
        self,
        seed: int,
        plan: CellPlan,
        bounds: tuple[float, float, float, float],
        rng: RandomStream,
    ) -> None:
        self.seed, self.plan, self.bounds, self.rng = seed, plan, bounds, rng
        wide = plan.district == RESIDENTIAL and plan.style in (1, 2)
        self.lot_m = _LOT_M[plan.district] * (1.45 if wide else 1.0)
        self.cos, self.sin = math.cos(plan.angle_rad), math.sin(plan.angle_rad)

    def split(self, p0: float, p1: float, q0: float, q1: float, depth: int) -> int:
        """Split the rectangle (cell frame, metres) and return its node; a leaf is -1 - lot."""
        width, height = p1 - p0, q1 - q0
        rng, district = self.rng, self.plan.district
        if max(width, height) < self.lot_m * rng.between(0.8, 1.5) or depth > 11:
            return self._lot(p0, p1, q0, q1)
        axis = 0 if width > height else 1
        length = max(width, height)
        middle = (
            (p0 + width * rng.between(0.36, 0.64))
            if axis == 0
            else (q0 + height * rng.between(0.36, 0.64))
        )
        road = _STREET_M[district] * rng.between(0.8, 1.25) if length > _BLOCK_M[district] else 0.0
        gap = road / 2 + SIDEWALK_M if road else 0.0
        plan, node = self.plan, len(self.plan.axis)
        plan.axis.append(axis)
        plan.split_m.append(middle)
        plan.road_m.append(road)
        plan.low.append(0)
        plan.high.append(0)
        if axis == 0:
            plan.low[node] = self.split(p0, middle - gap, q0, q1, depth + 1)
            plan.high[node] = self.split(middle + gap, p1, q0, q1, depth + 1)
        else:
            plan.low[node] = self.split(p0, p1, q0, middle - gap, depth + 1)
            plan.high[node] = self.split(p0, p1, middle + gap, q1, depth + 1)
        return node

    def _world(self, p: float, q: float) -> tuple[float, float]:
        u = self.plan.u_m + self.cos * p - self.sin * q
        v = self.plan.v_m + self.sin * p + self.cos * q
        return unwarp(self.seed, u, v)

    def _lot(self, p0: float, p1: float, q0: float, q1: float) -> int:
        rng, plan = self.rng, self.plan
        middle = p0 <= 0.0 < p1 and q0 <= 0.0 < q1
        half = ((p1 - p0) / 2, (q1 - q0) / 2)
        kind, parts = furnish(rng, plan.district, *half, style=plan.style, landmark=middle)
        lot = Lot(
            kind=kind,
            p_m=(p0 + p1) / 2,
            q_m=(q0 + q1) / 2,
            half_p_m=(p1 - p0) / 2,
            half_q_m=(q1 - q0) / 2,
            seed=rng.below(1 << 30),
        )
        plan.lots.append(lot)
        placed = self._place(lot, parts)
        if parts and not placed:
            placed = self._place(lot, [_shrunk(part, 0.62) for part in parts])
        if parts and not placed:
            plan.lots[-1] = replace(lot, kind=kind if kind == GARDEN else LAWN)
        plan.parts += placed
        return -len(plan.lots)

    def _place(self, lot: Lot, parts: list[Part]) -> list[PlacedPart]:
        """Return the parts in world metres; none if one would lie on a main road or river."""
        if not parts or not self._inside(lot.p_m, lot.q_m, 6.0):
            return []
        east, west = self._world(lot.p_m + 4, lot.q_m), self._world(lot.p_m - 4, lot.q_m)
        angle = math.atan2(east[1] - west[1], east[0] - west[0])
        scale = math.hypot(east[0] - west[0], east[1] - west[1]) / 8.0
        x, y = self._world(lot.p_m, lot.q_m)
        placed = []
        for part in parts:
            for sa in (-1, 1):
                for sb in (-1, 1):
                    a, b = part.a_m + sa * part.half_a_m, part.b_m + sb * part.half_b_m
                    if not self._inside(lot.p_m + a / scale, lot.q_m + b / scale, 13.0):
                        return []
                    wx, wy = (
                        x + a * math.cos(angle) - b * math.sin(angle),
                        y + a * math.sin(angle) + b * math.cos(angle),
                    )
                    if river_distance_m(self.seed, wx, wy) < 12.0:
                        return []
            cx = x + part.a_m * math.cos(angle) - part.b_m * math.sin(angle)
            cy = y + part.a_m * math.sin(angle) + part.b_m * math.cos(angle)
            placed.append(
                PlacedPart(x_m=cx, y_m=cy, angle_rad=angle, part=part, seed=self.rng.below(1 << 30))
            )
        return placed

    def _inside(self, p: float, q: float, margin_m: float) -> bool:
        u = self.plan.u_m + self.cos * p - self.sin * q
        v = self.plan.v_m + self.sin * p + self.cos * q
        low_u, high_u, low_v, high_v = self.bounds
        return low_u + margin_m < u < high_u - margin_m and low_v + margin_m < v < high_v - margin_m


def _shrunk(part: Part, factor: float) -> Part:
    return replace(
        part,
        a_m=part.a_m * factor,
        b_m=part.b_m * factor,
        half_a_m=part.half_a_m * factor,
        half_b_m=part.half_b_m * factor,
        rise_m=part.rise_m * factor,
    )
