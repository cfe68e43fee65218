"""Opens a mesh of any supported format, and packs it in local metres for the workers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.world.errors import MeshError
from training.world.mesh.georeference import Georeference, east_north_up, is_earth_fixed, shifted
from training.world.mesh.orientation import CLEAR, Unit, Up, facing, standing
from training.world.mesh.pack import Pack, open_pack
from training.world.mesh.pack_writer import PackWriter
from training.world.mesh.piece import Piece
from training.world.mesh.read_file import SUFFIXES, read_file
from training.world.mesh.tileset import Tileset, read_tile, read_tileset
from training.world.output.view import LatLon

F64 = NDArray[np.float64]
_WIDEST_M = 20_000.0
"""Our choice: over 10 km from its middle a mesh bends 8 m below its tangent plane."""


@dataclass(frozen=True, kw_only=True)
class MeshOptions:
    """How a mesh file is to be read; None leaves it to the format and the file.

    `at` is the latitude and longitude of the mesh's own origin, or of its middle where the origin
    lies outside of the mesh. `detail_m` is the geometric error at which a tileset's tiles are fine
    enough; 0 takes the finest.
    """

    at: LatLon | None = None
    up: Up | None = None
    unit: Unit | None = None
    detail_m: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The files of a mesh to read, one after another, in local metres about `middle_3`.

    `located` are the degrees of the middle, where the mesh itself gives them.
    """

    count: int
    pieces: Callable[[], Iterator[tuple[list[Piece], str]]]
    middle_3: F64
    located: LatLon | None
    is_tileset: bool = False


def open_mesh(path: Path, options: MeshOptions) -> Parts:
    """Return the parts of a mesh file, a `tileset.json`, or a folder that holds one of these.

    Raises:
        MeshError: it cannot be read, or its axes are not those of its format.
    """
    file = _mesh_file(path)
    if file.suffix.lower() == ".json":
        if options.up not in (None, Up.Z) or options.unit not in (None, Unit.METRE):
            raise MeshError(f"{file}: a tileset has z up and metres; leave out --up and --unit")
        return _of_tileset(read_tileset(file, options.detail_m), options)
    return _of_file(file, options)


def _mesh_file(path: Path) -> Path:
    if path.is_dir():
        found = [path / "tileset.json"] if (path / "tileset.json").is_file() else []
        found = found or sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if len(found) != 1:
            raise MeshError(f"{path}: holds {len(found)} mesh files; name the one to fly over")
        return found[0]
    if not path.exists():
        raise MeshError(f"{path}: does not exist; give a mesh file or a folder with tileset.json")
    if path.suffix.lower() not in (*SUFFIXES, ".json"):
        raise MeshError(f"{path}: not a known mesh; give tileset.json, {', '.join(SUFFIXES)}")
    return path


def _of_tileset(tileset: Tileset, options: MeshOptions) -> Parts:
    located = None
    matrix_44 = shifted(tileset.middle_3)
    if is_earth_fixed(tileset.middle_3):
        matrix_44, located = east_north_up(tileset.middle_3)

    def pieces() -> Iterator[tuple[list[Piece], str]]:
        for tile in tileset.files:
            yield [piece.moved(matrix_44) for piece in read_tile(tile)], str(tile.file)

    return Parts(
        count=len(tileset.files),
        pieces=pieces,
        middle_3=tileset.middle_3,
        located=located,
        is_tileset=True,
    )


def _of_file(file: Path, options: MeshOptions) -> Parts:
    found = read_file(file)
    usual = Up.Y if file.suffix.lower() in (".glb", ".gltf") else Up.Z
    faces = facing(found)
    if options.up is None and faces not in (None, usual):
        raise MeshError(
            f"{file}: its surface faces {faces}, where {usual} should be up; add --up {faces}, or "
            f"--up {usual} if it really stands so"
        )
    stand_44 = standing(options.up or usual, options.unit or Unit.METRE, found)
    stood = [piece.moved(stand_44) for piece in found]
    low_3 = np.min([piece.position_V3.min(axis=0) for piece in stood], axis=0)
    high_3 = np.max([piece.position_V3.max(axis=0) for piece in stood], axis=0)
    middle_3 = (low_3 + high_3) / 2 if np.isfinite([low_3, high_3]).all() else np.zeros(3)
    local = [piece.moved(shifted(middle_3)) for piece in stood]
    return Parts(
        count=1, pieces=lambda: iter([(local, str(file))]), middle_3=middle_3, located=None
    )


def pack_mesh(path: Path, parts: Iterable[tuple[list[Piece], str]], folder: Path) -> Pack:
    """Write the pieces of each file, with its name for errors, to a new pack in `folder`.

    Raises:
        MeshError: a part is damaged, or the mesh is too large or has no colours at all.
    """
    with PackWriter(folder) as writer:
        for pieces, name in parts:
            writer.add(pieces, name)
    if not (writer.counts["triangle"] or writer.counts["dot"]):
        raise MeshError(f"{path}: holds no triangle and no point; export it again")
    pack = open_pack(folder)
    wide_m = float((pack.high_3 - pack.low_3)[:2].max())
    if wide_m > _WIDEST_M:
        raise MeshError(
            f"{path}: is {wide_m / 1000:.0f} km wide, at most {_WIDEST_M / 1000:.0f}; give its "
            "unit (--unit mm) if it is smaller, or cut it into parts"
        )
    if writer.plain_area_m2 >= 0.999 * writer.area_m2:
        raise MeshError(
            f"{path}: has neither textures nor colours; export it with them (OBJ: .mtl and images)"
        )
    return pack


def check_upright(path: Path, parts: Parts, pack: Pack) -> None:
    """Refuse a tileset whose surface does not face up, once its transforms are applied.

    Raises:
        MeshError: it faces another way, as one does that names the wrong `gltfUpAxis`.
    """
    if parts.is_tileset and np.abs(pack.facing_3).max() > max(2 * pack.facing_3[2], CLEAR):
        raise MeshError(
            f"{path}: its surface does not face up; correct the tileset's asset.gltfUpAxis, or add "
            "--up z if it really stands so"
        )


def known_degrees(path: Path, parts: Parts, at: LatLon | None) -> LatLon:
    """Return the degrees that the mesh itself or `at` gives.

    Raises:
        MeshError: neither gives any, or both do.
    """
    if parts.located and at:
        raise MeshError(f"{path}: is georeferenced by itself; leave out --at")
    degrees = parts.located or at
    if degrees is None:
        raise MeshError(f"{path}: is not georeferenced; add --at LAT,LON of its origin")
    return degrees


def placed(degrees: LatLon, parts: Parts, pack: Pack) -> Georeference:
    """Return where the mesh lies on the Earth, from the degrees that are known of it."""
    if parts.located:
        return Georeference(latitude=degrees[0], longitude=degrees[1])
    origin_2 = -parts.middle_3[:2]
    low_2, high_2 = pack.low_3[:2], pack.high_3[:2]
    if not ((low_2 <= origin_2) & (origin_2 <= high_2)).all():
        origin_2 = (low_2 + high_2) / 2
    anchor = float(origin_2[0]), float(origin_2[1])
    return Georeference(latitude=degrees[0], longitude=degrees[1], anchor_m=anchor)
