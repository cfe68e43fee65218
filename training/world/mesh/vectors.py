"""Vectors of three numbers as tuples, which numba keeps in registers."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]


@numba.njit(cache=True, nogil=True)
def row(values_N3: NDArray[np.generic], index: int) -> Vector:
    """Return one row of an array [N, 3]."""
    return float(values_N3[index, 0]), float(values_N3[index, 1]), float(values_N3[index, 2])


@numba.njit(cache=True, nogil=True)
def minus(a: Vector, b: Vector) -> Vector:
    """Return a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@numba.njit(cache=True, nogil=True)
def along(a: Vector, share: float, b: Vector) -> Vector:
    """Return a + share * b."""
    return a[0] + share * b[0], a[1] + share * b[1], a[2] + share * b[2]


@numba.njit(cache=True, nogil=True)
def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(cache=True, nogil=True)
def cross(a: Vector, b: Vector) -> Vector:
    """Return the vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@numba.njit(cache=True, nogil=True)
def length(a: Vector) -> float:
    """Return the Euclidean length."""
    return math.sqrt(dot(a, a))
