"""A user's mesh, read once into arrays that processes share while a command runs."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from console.progress import Progress
from training.world.mesh.georeference import Georeference
from training.world.mesh.source import (
    MeshOptions,
    check_upright,
    known_degrees,
    open_mesh,
    pack_mesh,
    placed,
)
from training.world.output.folder import STATE_FOLDER


@dataclass(frozen=True, kw_only=True)
class PackedMesh:
    """Where a mesh's arrays lie, and where on Earth the mesh does.

    `digest` is that of the content, and `anchor` names the point at the given latitude and
    longitude.
    """

    folder: Path
    digest: str
    where: Georeference
    anchor: str


@contextmanager
def packed(mesh: Path, options: MeshOptions, out: Path) -> Iterator[PackedMesh]:
    """Give a mesh's arrays, which lie below `out` only while they are used.

    Raises:
        MeshError: the mesh cannot be read, lies nowhere, or does not stand upright.
    """
    with _folder(out) as folder:
        parts = open_mesh(mesh, options)
        degrees = known_degrees(mesh, parts, options.at)
        shown = Progress("reading", parts.count, unit="files", quiet=parts.count == 1)
        pack = pack_mesh(mesh, shown.over(parts.pieces()), folder)
        if options.up is None:
            check_upright(mesh, parts, pack)
        where = placed(degrees, parts, pack)
        is_origin = np.allclose(where.anchor_m, -parts.middle_3[:2]) and parts.located is None
        yield PackedMesh(
            folder=folder,
            digest=hashlib.sha256((folder / "table.json").read_bytes()).hexdigest()[:16],
            where=where,
            anchor="own origin" if is_origin else "middle",
        )


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    folder = out / STATE_FOLDER / "mesh"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # folders that hold something stay
            folder.parent.rmdir()
            out.rmdir()
