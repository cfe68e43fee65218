"""Walks a 3D Tiles tileset to the files of its finest level, each with its transform."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from training.world.errors import MeshError
from training.world.mesh.damage import damage_as_mesh_error
from training.world.mesh.linked_files import gltf_header, inside
from training.world.mesh.piece import Piece
from training.world.mesh.read_file import read_bytes

F64 = NDArray[np.float64]
_Y_UP = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
_X_UP = np.array([[0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
_UP_AXES = {"Y": _Y_UP, "X": _X_UP, "Z": np.eye(4)}
_DEEPEST = 64
_B3DM_HEADER = 28


@dataclass(frozen=True, kw_only=True)
class TileFile:
    """One file of a tileset's finest level; `matrix_44` takes its tile's axes to the tileset's."""

    file: Path
    matrix_44: F64
    up_axis: str


@dataclass(frozen=True, kw_only=True)
class Tileset:
    """The files to read of a tileset, and the middle of all in the tileset's own axes, metres."""

    files: tuple[TileFile, ...]
    middle_3: F64


def read_tileset(file: Path, detail_m: float) -> Tileset:
    """Return the files of the coarsest tiles whose geometric error is at most `detail_m`.

    0 takes the finest level. Nested tilesets are followed.

    Raises:
        MeshError: a tileset is damaged, names a file that is missing, lies outside of its folder
            or on a server, or is of a kind that is not supported.
    """
    walk = _Walk(folder=file.parent, detail_m=detail_m)
    tileset = _json(file)
    with damage_as_mesh_error(file):
        files = list(walk.files(file, tileset, np.eye(4), 0))
    missing = [tile.file for tile in files if not tile.file.is_file()]
    if missing:
        raise MeshError(
            f"{file}: {len(missing)} of {len(files)} tiles are missing, the first is {missing[0]}; "
            "copy the whole tileset"
        )
    if not files:
        raise MeshError(f"{file}: names no tile with content; export it again")
    return Tileset(files=tuple(files), middle_3=_middle(file, tileset["root"]))


def read_tile(tile: TileFile) -> list[Piece]:
    """Return the pieces of one tile in the tileset's axes, metres.

    Raises:
        MeshError: the file is damaged or of a kind that is not supported.
    """
    data, offset_3 = tile.file.read_bytes(), np.zeros(3)
    if tile.file.suffix.lower() == ".b3dm":
        data, offset_3 = _unpacked(data, tile.file)
    if data[:4] != b"glTF" and tile.file.suffix.lower() != ".gltf":
        raise MeshError(f"{tile.file}: holds no glTF 2.0; export the tileset as b3dm or glb")
    turn_44 = _UP_AXES[tile.up_axis].copy()
    with damage_as_mesh_error(tile.file):
        extensions = gltf_header(data, tile.file).get("extensions", {})
        centre = extensions.get("CESIUM_RTC", {}).get("center", (0.0, 0.0, 0.0))
        turn_44[:3, 3] = offset_3 + turn_44[:3, :3] @ np.array(centre, dtype=np.float64)
    suffix = ".glb" if data[:4] == b"glTF" else ".gltf"
    pieces = read_bytes(data, tile.file, suffix)
    return [piece.moved(tile.matrix_44 @ turn_44) for piece in pieces]


def _json(file: Path) -> dict[str, Any]:
    try:
        tileset = json.loads(file.read_bytes())
    except OSError as error:
        raise MeshError(f"{file}: cannot be read ({error.strerror}); give a tileset") from error
    except ValueError as error:
        raise MeshError(f"{file}: is no JSON; give the tileset.json of a 3D Tiles set") from error
    if not isinstance(tileset, dict) or not isinstance(tileset.get("root"), dict):
        raise MeshError(f"{file}: has no root tile; give the tileset.json of a 3D Tiles set")
    return tileset


@dataclass(frozen=True, kw_only=True)
class _Walk:
    folder: Path
    detail_m: float

    def files(
        self, file: Path, tileset: dict[str, Any], matrix_44: F64, depth: int
    ) -> Iterator[TileFile]:
        up_axis = str(tileset.get("asset", {}).get("gltfUpAxis", "Y")).upper()
        if up_axis not in _UP_AXES:
            raise MeshError(f"{file}: gltfUpAxis {up_axis!r} is not X, Y or Z; correct the tileset")
        yield from self._tile(file, tileset["root"], matrix_44, "REPLACE", up_axis, depth)

    def _tile(
        self,
        file: Path,
        tile: dict[str, Any],
        above_44: F64,
        refine: str,
        up_axis: str,
        depth: int,
    ) -> Iterator[TileFile]:
        if depth > _DEEPEST:
            raise MeshError(f"{file}: nested deeper than {_DEEPEST} tiles; correct the tileset")
        if "implicitTiling" in tile:
            raise MeshError(f"{file}: implicit tiling is not supported; export explicit tiles")
        matrix_44 = above_44 @ _transform(file, tile)
        refine = str(tile.get("refine", refine)).upper()
        children = tile.get("children") or []
        contents = list(_contents(file, tile))
        is_nested = any(uri.partition("?")[0].lower().endswith(".json") for uri in contents)
        is_fine = float(tile.get("geometricError", 0.0)) <= self.detail_m
        stops = not children or (is_fine and bool(contents) and not is_nested)
        for uri in contents:
            found = inside(self.folder, uri, file)
            if found.suffix.lower() == ".json":
                yield from self.files(found, _json(found), matrix_44, depth + 1)
            elif stops or refine == "ADD":
                yield TileFile(file=_supported(found), matrix_44=matrix_44, up_axis=up_axis)
        if not stops:
            for child in children:
                yield from self._tile(file, child, matrix_44, refine, up_axis, depth + 1)


def _contents(file: Path, tile: dict[str, Any]) -> Iterator[str]:
    found = [tile["content"]] if tile.get("content") else tile.get("contents") or []
    for content in found:
        uri = content.get("uri") or content.get("url")
        if not isinstance(uri, str):
            raise MeshError(f"{file}: a tile's content has no uri; correct the tileset")
        yield uri


def _supported(file: Path) -> Path:
    if file.suffix.lower() not in (".b3dm", ".glb", ".gltf"):
        raise MeshError(f"{file}: {file.suffix} tiles are not supported; export b3dm or glb")
    return file


def _transform(file: Path, tile: dict[str, Any]) -> F64:
    numbers = tile.get("transform")
    if numbers is None:
        return np.eye(4)
    try:
        return np.array(numbers, dtype=np.float64).reshape(4, 4).T
    except ValueError as error:
        raise MeshError(f"{file}: a transform has not 16 numbers; correct the tileset") from error


def _unpacked(data: bytes, file: Path) -> tuple[bytes, F64]:
    """Return the glTF within a b3dm and the centre that its positions count from."""
    if len(data) < _B3DM_HEADER or data[:4] != b"b3dm":
        raise MeshError(f"{file}: damaged b3dm (no header); copy the tile again")
    total, *lengths = struct.unpack_from("<5I", data, 8)
    if total > len(data) or _B3DM_HEADER + sum(lengths) > len(data):
        raise MeshError(f"{file}: damaged b3dm ({len(data)} of {total} bytes); copy the tile again")
    features = data[_B3DM_HEADER : _B3DM_HEADER + lengths[0]].strip()
    try:
        centre = json.loads(features).get("RTC_CENTER") if features else None
        offset_3 = np.array(centre or (0.0, 0.0, 0.0), dtype=np.float64).reshape(3)
    except (ValueError, AttributeError) as error:
        raise MeshError(f"{file}: damaged b3dm (feature table); copy the tile again") from error
    return data[_B3DM_HEADER + sum(lengths) : total], offset_3


def _middle(file: Path, root: dict[str, Any]) -> F64:
    """Return the middle of the root's bounding volume in the tileset's axes."""
    volume = root.get("boundingVolume", {})
    try:
        if "region" in volume:
            west, south, east, north, low, high = (float(v) for v in volume["region"])
            to_earth = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
            longitude, latitude = np.degrees((west + east) / 2), np.degrees((south + north) / 2)
            return np.array(to_earth.transform(longitude, latitude, (low + high) / 2))
        centre = np.array((volume.get("box") or volume["sphere"])[:3], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise MeshError(f"{file}: the root has no bounding volume; correct the tileset") from error
    matrix_44 = _transform(file, root)
    return np.asarray(matrix_44[:3, :3] @ centre + matrix_44[:3, 3])
