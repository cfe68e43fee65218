"""The plans of all cells near a window, as record arrays for the compiled renderer."""

from typing import Any, NamedTuple

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

F64 = NDArray[np.float64]
Records = NDArray[Any]
"""An array of records."""
Record = Any
"""One record: compiled functions read its fields by name, as in `part.eave_m`."""


def _record(floats: str, integers: str) -> np.dtype[np.void]:
    """Return a record type of float64 and int64 fields."""
    fields = [(name, "f8") for name in floats.split()] + [(name, "i8") for name in integers.split()]
    return np.dtype(fields, align=True)


CELL = _record("u_m v_m cos sin", "root")
"""Middle of a cell in the street grid, its rotation, and the root of its split tree."""
NODE = _record("split_m road_m", "axis low high")
"""A split of the tree: where, the width of the street on it, and the children below and above."""
LOT = _record("p_m q_m half_p_m half_q_m", "kind seed")
"""A leaf of the tree: its rectangle in the cell's frame, and what it carries (`plan.lots`)."""
PART = _record(
    "x_m y_m cos sin half_a_m half_b_m eave_m rise_m "
    "roof_red roof_green roof_blue wall_red wall_green wall_blue floor_m bay_m",
    "roof style seed",
)
"""A building part in world metres, see `parts.Part`."""


class PlanArrays(NamedTuple):
    """The plan of a rectangle of cells; `cells` is indexed [row, column] from its south-west.

    A node's child is another node where it is 0 or more, else it is lot number -1 - child.
    """

    seed: int
    lines_u_m: F64
    lines_v_m: F64
    half_u_m: F64
    half_v_m: F64
    cells: Records
    nodes: Records
    lots: Records
    parts: Records


def gather(seed: int, x0: float, y0: float, x1: float, y1: float) -> PlanArrays:
    """Return the plan of every cell that can touch the window from (x0, y0) to (x1, y1) metres."""
    corners = [warp(seed, x, y) for x in np.linspace(x0, x1, 9) for y in np.linspace(y0, y1, 9)]
    i0 = int(min(u for u, _ in corners) // CELL_M) - 1
    i1 = int(max(u for u, _ in corners) // CELL_M) + 1
    j0 = int(min(v for _, v in corners) // CELL_M) - 1
    j1 = int(max(v for _, v in corners) // CELL_M) + 1
    cells = np.zeros((j1 - j0 + 1, i1 - i0 + 1), CELL)
    nodes: list[tuple[float, ...]] = []
    lots: list[tuple[float, ...]] = []
    placed: list[PlacedPart] = []
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            plan = plan_cell(seed, i, j)
            cells[j - j0, i - i0] = _cell_record(plan, len(nodes), len(lots))
            nodes += _node_records(plan, len(nodes), len(lots))
            lots += [
                (lot.p_m, lot.q_m, lot.half_p_m, lot.half_q_m, lot.kind, lot.seed)
                for lot in plan.lots
            ]
            placed += [part for part in plan.parts if _is_near(part, x0, y0, x1, y1)]
    return PlanArrays(
        seed=seed,
        lines_u_m=np.array([grid_line_m(seed, 0, i) for i in range(i0, i1 + 2)]),
        lines_v_m=np.array([grid_line_m(seed, 1, j) for j in range(j0, j1 + 2)]),
        half_u_m=np.array([arterial_half_m(seed, 0, i) for i in range(i0, i1 + 2)]),
        half_v_m=np.array([arterial_half_m(seed, 1, j) for j in range(j0, j1 + 2)]),
        cells=cells,
        nodes=np.array(nodes, NODE),
        lots=np.array(lots, LOT),
        parts=part_records(placed),
    )


def part_records(placed: list[PlacedPart]) -> Records:
    """Return the parts as records [N] of type `PART`."""
    return np.array([_part_record(one) for one in placed], PART)


def _cell_record(plan: CellPlan, node0: int, lot0: int) -> tuple[float, ...]:
    root = node0 if plan.axis else -1 - lot0
    return plan.u_m, plan.v_m, np.cos(plan.angle_rad), np.sin(plan.angle_rad), root


def _node_records(plan: CellPlan, node0: int, lot0: int) -> list[tuple[float, ...]]:
    def moved(child: int) -> int:
        return child + node0 if child >= 0 else child - lot0

    return [
        (plan.split_m[k], plan.road_m[k], axis, moved(plan.low[k]), moved(plan.high[k]))
        for k, axis in enumerate(plan.axis)
    ]


def _is_near(part: PlacedPart, x0: float, y0: float, x1: float, y1: float) -> bool:
    reach = part.part.half_a_m + part.part.half_b_m + 2.0
    return x0 - reach < part.x_m < x1 + reach and y0 - reach < part.y_m < y1 + reach


def _part_record(placed: PlacedPart) -> tuple[float, ...]:
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
        *part.roof_rgb,
        *part.wall_rgb,
        part.floor_m,
        part.bay_m,
        part.roof,
        part.style,
        placed.seed,
    )
