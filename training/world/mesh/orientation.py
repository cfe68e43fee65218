"""Which way a mesh file's axes point, and whether its own surface agrees."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.world.mesh.piece import Piece

F64 = NDArray[np.float64]
CLEAR = 0.3
"""Our choice: a surface whose triangles face one way for so much of its area is open terrain."""


class Up(StrEnum):
    """The axis of a file that points away from the ground."""

    X = "x"
    Y = "y"
    Z = "z"
    MINUS_Y = "-y"
    MINUS_Z = "-z"


class Unit(StrEnum):
    """The length that a file's numbers count."""

    METRE = "m"
    CENTIMETRE = "cm"
    MILLIMETRE = "mm"
    FOOT = "ft"


UNIT_M = {Unit.METRE: 1.0, Unit.CENTIMETRE: 0.01, Unit.MILLIMETRE: 0.001, Unit.FOOT: 0.3048}
_TO_Z_UP = {
    Up.X: [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    Up.Y: [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    Up.Z: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    Up.MINUS_Y: [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    Up.MINUS_Z: [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
}


def standing(up: Up, unit: Unit, pieces: Sequence[Piece]) -> F64:
    """Return the matrix [4, 4] from a file's axes and unit to metres with z up.

    It is a rotation, unless the triangles' fronts would then face the ground with z down: such a
    file is left-handed, and only its z is turned over.
    """
    turn_33 = np.array(_TO_Z_UP[up], dtype=np.float64)
    if up is Up.MINUS_Z and facing(pieces) is Up.Z:
        turn_33 = np.diag([1.0, 1.0, -1.0])
    matrix_44 = np.eye(4)
    matrix_44[:3, :3] = turn_33 * UNIT_M[unit]
    return matrix_44


def facing(pieces: Sequence[Piece]) -> Up | None:
    """Return the axis that the fronts of the triangles face on the whole; None where unclear.

    The sum of the triangles' area vectors depends on a surface's border alone: of open terrain
    it points up, however rough the terrain is; of a closed body it is zero.
    """
    vector_3, area_m2 = np.zeros(3), 0.0
    for piece in pieces:
        corner_T33 = piece.position_V3[piece.triangle_T3]
        area_T3 = np.cross(corner_T33[:, 1] - corner_T33[:, 0], corner_T33[:, 2] - corner_T33[:, 0])
        vector_3 = vector_3 + area_T3.sum(axis=0)
        area_m2 += float(np.linalg.norm(area_T3, axis=1).sum())
    axis = int(np.argmax(np.abs(vector_3)))
    if area_m2 == 0.0 or abs(vector_3[axis]) < CLEAR * area_m2:
        return None
    name = ("" if vector_3[axis] > 0 else "-") + "xyz"[axis]
    return Up(name) if name != "-x" else None
