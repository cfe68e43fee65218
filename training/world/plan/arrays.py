"""The plans of all cells near a window, flattened to arrays for the compiled rasteriser."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.world.chance import warp
from training.world.plan.cell import (
    CELL_M,
    CellPlan,
    PlacedPart,
    arterial_half_m,
    grid_line_m,
    plan_cell,
)

PART_COLUMNS = 20
"""x y, cos sin, half_a half_b, eave, rise, roof, roof rgb, wall rgb, style, floor, bay, seed, -"""


@dataclass(frozen=True, kw_only=True)
class PlanArrays:
    """Arrays of the plan; `cells` is indexed [j - first_j, i - first_i]."""

    first_i: int
    first_j: int
    lines_u: NDArray[np.float64]
    lines_v: NDArray[np.float64]
    half_u: NDArray[np.float64]
    half_v: NDArray[np.float64]
    cells: NDArray[np.float64]
    nodes: NDArray[np.float64]
    lots: NDArray[np.float64]
    parts: NDArray[np.float64]


def gather(seed: int, x0: float, y0: float, x1: float, y1: float) -> PlanArrays:
    """The plan of every cell that can touch the window (world metres)."""
    corners = [warp(seed, x, y) for x in np.linspace(x0, x1, 9) for y in np.linspace(y0, y1, 9)]
    i0 = int(min(u for u, _ in corners) // CELL_M) - 1
    i1 = int(max(u for u, _ in corners) // CELL_M) + 1
    j0 = int(min(v for _, v in corners) // CELL_M) - 1
    j1 = int(max(v for _, v in corners) // CELL_M) + 1
    cells = np.zeros((j1 - j0 + 1, i1 - i0 + 1, 8))
    nodes: list[tuple[float, ...]] = []
    lots: list[tuple[float, ...]] = []
    parts: list[tuple[float, ...]] = []
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            plan = plan_cell(seed, i, j)
            cells[j - j0, i - i0] = _cell_row(plan, len(nodes), len(lots))
            _append_nodes(plan, nodes, len(nodes), len(lots))
            lots += [
                (lot.kind, lot.p_m, lot.q_m, lot.half_p_m, lot.half_q_m, lot.seed)
                for lot in plan.lots
            ]
            parts += [_part_row(part) for part in plan.parts if _near(part, x0, y0, x1, y1)]
    return PlanArrays(
        first_i=i0,
        first_j=j0,
        lines_u=np.array([grid_line_m(seed, 0, i) for i in range(i0, i1 + 2)]),
        lines_v=np.array([grid_line_m(seed, 1, j) for j in range(j0, j1 + 2)]),
        half_u=np.array([arterial_half_m(seed, 0, i) for i in range(i0, i1 + 2)]),
        half_v=np.array([arterial_half_m(seed, 1, j) for j in range(j0, j1 + 2)]),
        cells=cells,
        nodes=np.array(nodes).reshape(-1, 5),
        lots=np.array(lots).reshape(-1, 6),
        parts=np.array(parts, dtype=np.float64).reshape(-1, PART_COLUMNS),
    )


def _cell_row(plan: CellPlan, node0: int, lot0: int) -> tuple[float, ...]:
    root = float(node0) if plan.axis else float(-1 - lot0)
    return (
        plan.u_m,
        plan.v_m,
        np.cos(plan.angle_rad),
        np.sin(plan.angle_rad),
        root,
        plan.district,
        0.0,
        0.0,
    )


def _append_nodes(plan: CellPlan, nodes: list[tuple[float, ...]], node0: int, lot0: int) -> None:
    def moved(child: int) -> float:
        return float(child + node0) if child >= 0 else float(child - lot0)

    for k, axis in enumerate(plan.axis):
        nodes.append(
            (axis, plan.split_m[k], plan.road_m[k], moved(plan.low[k]), moved(plan.high[k]))
        )


def _near(part: PlacedPart, x0: float, y0: float, x1: float, y1: float) -> bool:
    reach = part.part.half_a_m + part.part.half_b_m + 2.0
    return x0 - reach < part.x_m < x1 + reach and y0 - reach < part.y_m < y1 + reach


def _part_row(placed: PlacedPart) -> tuple[float, ...]:
    part = placed.part
    return (
        placed.x_m,
        placed.y_m,
        np.cos(placed.angle_rad),
        np.sin(placed.angle_rad),
        part.half_a_m,
        part.half_b_m,
        part.eave_m,
        part.rise_m,
        part.roof,
        *part.roof_rgb,
        *part.wall_rgb,
        part.style,
        part.floor_m,
        part.bay_m,
        placed.seed,
        0.0,
    )
