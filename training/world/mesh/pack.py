"""A mesh as arrays on disk that every worker maps: chunks of triangles, textures with mipmaps.

A mesh is read once, packed, and mapped into memory by all processes, which load no more than the
chunks that their views show.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.world.mesh.mipmaps import LEVELS
from training.world.mesh.texels import Surface

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
ARRAYS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "position": (np.float32, (3,)),
    "uv": (np.float32, (2,)),
    "colour": (np.uint8, (3,)),
    "triangle": (np.int32, (3,)),
    "texture": (np.int32, ()),
    "texel": (np.uint8, (3,)),
    "dot": (np.float32, (3,)),
    "dot_colour": (np.uint8, (3,)),
}
"""Type and shape of a row of each array; `NAME.bin` in the pack's folder."""


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """Neighbouring triangles or points; each row one chunk.

    `rows_C4` holds the first vertex, the vertex after the last, the first triangle and the one
    after the last; of points the first two alone.
    """

    rows_C4: I64
    low_C3: F64
    high_C3: F64


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A mesh in metres about its middle: x east, y north, z up.

    `facing_3` is the sum of the triangles' area vectors over the sum of their areas.
    """

    surface: Surface
    dot_P3: F32
    triangles: Chunks
    points: Chunks
    facing_3: F64

    @property
    def low_3(self) -> F64:
        """West, south and lowest edge, metres."""
        return np.asarray(np.concatenate([self.triangles.low_C3, self.points.low_C3]).min(axis=0))

    @property
    def high_3(self) -> F64:
        """East, north and highest edge, metres."""
        return np.asarray(np.concatenate([self.triangles.high_C3, self.points.high_C3]).max(axis=0))


def open_pack(folder: Path) -> Pack:
    """Return the arrays of a written pack, mapped into memory."""
    table = json.loads((folder / "table.json").read_text())
    arrays = {name: _mapped(folder, name) for name in ARRAYS}
    sizes = np.array(table["sizes"], dtype=np.int64).reshape(-1, LEVELS, 3)
    return Pack(
        surface=Surface(
            position_V3=arrays["position"],
            uv_V2=arrays["uv"],
            colour_V3=arrays["colour"],
            triangle_T3=arrays["triangle"],
            texture_T=arrays["texture"],
            size_KL3=sizes,
            texel_N3=arrays["texel"],
            dot_colour_P3=arrays["dot_colour"],
        ),
        dot_P3=arrays["dot"],
        facing_3=np.array(table["facing"]),
        triangles=_chunks(table["chunks"]["triangles"]),
        points=_chunks(table["chunks"]["points"]),
    )


def _mapped(folder: Path, name: str) -> NDArray[Any]:
    kind, shape = ARRAYS[name]
    file = folder / f"{name}.bin"
    if file.stat().st_size == 0:
        empty = np.zeros((0, *shape), dtype=kind)
        empty.setflags(write=False)  # as the mapped ones, so that numba compiles once
        return empty
    return np.asarray(np.memmap(file, dtype=kind, mode="r")).reshape(-1, *shape)


def _chunks(rows: list[list[float]]) -> Chunks:
    table_CX = np.array(rows, dtype=np.float64).reshape(-1, 10)
    return Chunks(
        rows_C4=table_CX[:, :4].astype(np.int64),
        low_C3=table_CX[:, 4:7],
        high_C3=table_CX[:, 7:],
    )
