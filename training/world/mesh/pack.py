"""A mesh as arrays on disk that every worker maps: chunks of triangles, textures with halvings.

A mesh is read once, written here, and mapped into memory by all processes, which load no more
than the chunks that their views show.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from training.world.errors import MeshError
from training.world.mesh.halving import LEVELS, halvings, used_texels
from training.world.mesh.piece import Piece
from training.world.mesh.texels import Surface

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
_CHUNK_M = 48.0
"""Our choice: about a third of what a view shows, so that little outside of it is drawn."""
_MOST_TRIANGLES = 60_000_000
"""Our choice: about 4 GB on disk with their vertices."""
_ARRAYS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "position": (np.float32, (3,)),
    "uv": (np.float32, (2,)),
    "colour": (np.uint8, (3,)),
    "triangle": (np.int32, (3,)),
    "texture": (np.int32, ()),
    "texel": (np.uint8, (3,)),
    "dot": (np.float32, (3,)),
    "dot_colour": (np.uint8, (3,)),
}


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
    """A mesh in metres about its middle: x east, y north, z up."""

    surface: Surface
    dot_P3: F32
    triangles: Chunks
    points: Chunks

    @property
    def low_3(self) -> F64:
        """West, south and lowest edge, metres."""
        return np.asarray(np.concatenate([self.triangles.low_C3, self.points.low_C3]).min(axis=0))

    @property
    def high_3(self) -> F64:
        """East, north and highest edge, metres."""
        return np.asarray(np.concatenate([self.triangles.high_C3, self.points.high_C3]).max(axis=0))


@dataclass
class PackWriter:
    """Writes pieces into a new folder as they come; use as a context."""

    folder: Path
    chunks: dict[str, list[list[float]]] = field(
        default_factory=lambda: {"triangles": [], "points": []}
    )
    sizes: list[I64] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ARRAYS, 0))
    plain_area_m2: float = 0.0
    area_m2: float = 0.0
    vector_area_3: F64 = field(default_factory=lambda: np.zeros(3))
    _files: dict[str, BinaryIO] = field(default_factory=dict)

    def __enter__(self) -> "PackWriter":
        self.folder.mkdir(parents=True)
        self._files = {name: (self.folder / f"{name}.bin").open("wb") for name in _ARRAYS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        if error is None:
            table = {"chunks": self.chunks, "sizes": [size.tolist() for size in self.sizes]}
            (self.folder / "table.json").write_text(json.dumps(table))

    def add(self, pieces: Iterable[Piece], name: str) -> None:
        """Write the pieces of one file, which `name` names in errors, in local metres.

        Raises:
            MeshError: a number is not finite, an index leads outside, or there are too many.
        """
        pieces = list(pieces)
        numbers = self._write_textures(pieces)
        for piece, texture in zip(pieces, numbers, strict=True):
            _check(piece, name)
            if len(piece.triangle_T3):
                self._add_triangles(piece, texture)
            else:
                self._add_points(piece)
        if self.counts["triangle"] > _MOST_TRIANGLES:
            raise MeshError(
                f"{name}: more than {_MOST_TRIANGLES:,} triangles; use --detail on a tileset, or "
                "export it in less detail"
            )

    def _write_textures(self, pieces: list[Piece]) -> list[int]:
        """Write each texture once; return its number for each piece, -1 without."""
        users: dict[int, list[Piece]] = {}
        for piece in pieces:
            if piece.texture_HW3 is not None:
                users.setdefault(id(piece.texture_HW3), []).append(piece)
        numbers = {}
        for key, sharing in users.items():
            texture = sharing[0].texture_HW3
            assert texture is not None
            numbers[key] = len(self.sizes)
            rows = []
            for image in halvings(texture, used_texels(texture, sharing)):
                rows.append((self.counts["texel"], image.shape[1], image.shape[0]))
                self._write("texel", image.reshape(-1, 3))
            rows += [rows[-1]] * (LEVELS - len(rows))
            self.sizes.append(np.array(rows, dtype=np.int64))
        return [
            -1 if piece.texture_HW3 is None else numbers[id(piece.texture_HW3)] for piece in pieces
        ]

    def _write(self, name: str, values: NDArray[Any]) -> None:
        kind, shape = _ARRAYS[name]
        assert values.shape[1:] == shape
        self._files[name].write(np.ascontiguousarray(values, dtype=kind).data)
        self.counts[name] += len(values)

    def _add_triangles(self, piece: Piece, texture: int) -> None:
        corners_T33 = piece.position_V3[piece.triangle_T3]
        area_T3 = np.cross(
            corners_T33[:, 1] - corners_T33[:, 0], corners_T33[:, 2] - corners_T33[:, 0]
        )
        area_m2 = float(np.linalg.norm(area_T3, axis=1).sum() / 2)
        self.vector_area_3 = self.vector_area_3 + area_T3.sum(axis=0) / 2
        self.area_m2 += area_m2
        self.plain_area_m2 += area_m2 if piece.is_plain else 0.0
        for rows_T in _cells(corners_T33.mean(axis=1)):
            triangle_T3 = piece.triangle_T3[rows_T]
            used_V, local_T3 = np.unique(triangle_T3, return_inverse=True)
            position_V3 = piece.position_V3[used_V]
            first = self.counts["position"]
            uv_V2 = np.zeros((len(used_V), 2)) if piece.uv_V2 is None else piece.uv_V2[used_V]
            self.chunks["triangles"].append(
                [
                    first,
                    first + len(used_V),
                    self.counts["triangle"],
                    self.counts["triangle"] + len(rows_T),
                    *position_V3.min(axis=0).tolist(),
                    *position_V3.max(axis=0).tolist(),
                ]
            )
            self._write("position", position_V3)
            self._write("uv", uv_V2)
            self._write("colour", piece.colour_V3[used_V])
            self._write("triangle", local_T3.reshape(-1, 3) + first)
            self._write("texture", np.full(len(rows_T), texture))

    def _add_points(self, piece: Piece) -> None:
        self.plain_area_m2 += len(piece.position_V3) if piece.is_plain else 0.0
        self.area_m2 += len(piece.position_V3)
        for rows_V in _cells(piece.position_V3):
            position_V3 = piece.position_V3[rows_V]
            first = self.counts["dot"]
            self.chunks["points"].append(
                [
                    first,
                    first + len(rows_V),
                    0,
                    0,
                    *position_V3.min(axis=0).tolist(),
                    *position_V3.max(axis=0).tolist(),
                ]
            )
            self._write("dot", position_V3)
            self._write("dot_colour", piece.colour_V3[rows_V])


def _check(piece: Piece, name: str) -> None:
    """Refuse what would lead the rasteriser outside of its arrays."""
    vertices = len(piece.position_V3)
    if not np.isfinite(piece.position_V3).all():
        raise MeshError(f"{name}: damaged (a position is no number); export it again")
    if piece.triangle_T3.size and not (
        piece.triangle_T3.min() >= 0 and piece.triangle_T3.max() < vertices
    ):
        raise MeshError(f"{name}: damaged (a triangle names no vertex); export it again")
    if piece.uv_V2 is not None and not (
        len(piece.uv_V2) == vertices and np.isfinite(piece.uv_V2).all()
    ):
        raise MeshError(f"{name}: damaged (texture coordinates); export it again")
    if len(piece.colour_V3) != vertices:
        raise MeshError(f"{name}: damaged (colours of vertices); export it again")


def _cells(middle_N3: F64) -> list[I64]:
    """Return the rows of each square of `_CHUNK_M`; all in one where they fill hardly more."""
    extent_2 = np.ptp(middle_N3[:, :2], axis=0)
    if (extent_2 < 1.5 * _CHUNK_M).all():
        return [np.arange(len(middle_N3))]
    cell_N2 = np.floor(middle_N3[:, :2] / _CHUNK_M).astype(np.int64)
    cell_N2 -= cell_N2.min(axis=0)
    key_N = cell_N2[:, 0] * (cell_N2[:, 1].max() + 1) + cell_N2[:, 1]
    order_N = np.argsort(key_N, kind="stable")
    return np.split(order_N, np.flatnonzero(np.diff(key_N[order_N])) + 1)


@lru_cache(maxsize=2)
def open_pack(folder: Path) -> Pack:
    """Return the arrays of a written pack, mapped into memory."""
    table = json.loads((folder / "table.json").read_text())
    arrays = {name: _mapped(folder, name) for name in _ARRAYS}
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
        triangles=_chunks(table["chunks"]["triangles"]),
        points=_chunks(table["chunks"]["points"]),
    )


def _mapped(folder: Path, name: str) -> NDArray[Any]:
    kind, shape = _ARRAYS[name]
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
