"""Writes a mesh's pieces, as they are read, into a new pack."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from training.world.errors import MeshError
from training.world.mesh.mipmaps import LEVELS, mipmap_levels, used_texels
from training.world.mesh.pack import ARRAYS
from training.world.mesh.piece import Piece

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_CHUNK_M = 48.0
"""Our choice: about a third of what a view shows, so that little outside of it is drawn."""
_MOST_TRIANGLES = 60_000_000
"""Our choice: about 4 GB on disk with their vertices."""


@dataclass
class PackWriter:
    """Writes pieces into a new folder as they come; use as a context."""

    folder: Path
    chunks: dict[str, list[list[float]]] = field(
        default_factory=lambda: {"triangles": [], "points": []}
    )
    sizes: list[I64] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ARRAYS, 0))
    plain_area_m2: float = 0.0
    area_m2: float = 0.0
    vector_area_3: F64 = field(default_factory=lambda: np.zeros(3))
    _files: dict[str, BinaryIO] = field(default_factory=dict)

    def __enter__(self) -> "PackWriter":
        self.folder.mkdir(parents=True)
        self._files = {name: (self.folder / f"{name}.bin").open("wb") for name in ARRAYS}
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
            table = {
                "chunks": self.chunks,
                "sizes": [size.tolist() for size in self.sizes],
                "facing": (self.vector_area_3 / max(self.area_m2, 1e-9)).tolist(),
            }
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
            for image in mipmap_levels(texture, used_texels(texture, sharing)):
                rows.append((self.counts["texel"], image.shape[1], image.shape[0]))
                self._write("texel", image.reshape(-1, 3))
            rows += [rows[-1]] * (LEVELS - len(rows))
            self.sizes.append(np.array(rows, dtype=np.int64))
        return [
            -1 if piece.texture_HW3 is None else numbers[id(piece.texture_HW3)] for piece in pieces
        ]

    def _write(self, name: str, values: NDArray[Any]) -> None:
        kind, shape = ARRAYS[name]
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
            after_t = self.counts["triangle"] + len(rows_T)
            row = [first, first + len(used_V), self.counts["triangle"], after_t]
            self.chunks["triangles"].append([*row, *_bounds(position_V3)])
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
            row = [first, first + len(rows_V), 0, 0]
            self.chunks["points"].append([*row, *_bounds(position_V3)])
            self._write("dot", position_V3)
            self._write("dot_colour", piece.colour_V3[rows_V])


def _bounds(position_V3: F64) -> list[float]:
    return [*position_V3.min(axis=0).tolist(), *position_V3.max(axis=0).tolist()]


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
