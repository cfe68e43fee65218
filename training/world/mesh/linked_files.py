"""The files that a mesh file names (materials, textures, buffers): all there, none outside."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from PIL import Image

from training.world.errors import MeshError

_GLTF_EXTENSIONS = (
    "CESIUM_RTC",
    "EXT_texture_webp",
    "KHR_draco_mesh_compression",
    "KHR_materials_unlit",
)
"""Extensions that a file may require; the others would leave out geometry or textures."""
_GLB_JSON = 0x4E4F534A


def inside(folder: Path, uri: str, namer: Path) -> Path:
    """Return the path of the file that `namer` names by `uri`, which must lie within `folder`.

    Raises:
        MeshError: the name leads to a server or out of the folder.
    """
    parts = urlsplit(uri)
    if parts.scheme and len(parts.scheme) > 1:
        raise MeshError(f"{namer}: names {uri!r}, not a file beside it; download the whole mesh")
    found = namer.parent / unquote(parts.path)
    if not found.resolve().is_relative_to(folder.resolve()):
        raise MeshError(f"{namer}: names {uri!r}, outside of {folder}; copy that file into it")
    return found


def check_linked_files(data: bytes, file: Path, suffix: str) -> None:
    """Refuse a mesh file that names what is not there, not allowed or not supported.

    Raises:
        MeshError: a named file is missing, lies outside of the mesh file's folder or on a server,
            or a glTF requires an extension that the reader does not know.
    """
    if suffix in (".glb", ".gltf"):
        names = _of_gltf(gltf_header(data, file), file)
    elif suffix == ".obj":
        names = _of_obj(data, file)
    else:
        names = iter(_found(rb"^comment TextureFile[ \t]+(.+?)\s*$", data[:100_000]))
    for name in names:
        linked = inside(file.parent, name, file)
        if not linked.is_file():
            raise MeshError(f"{file}: names {name!r}, which is missing; copy it beside the mesh")
        if suffix in (".obj", ".ply") and linked.suffix.lower() != ".mtl":
            _check_image(linked)


def _check_image(file: Path) -> None:
    try:
        with Image.open(file) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MeshError(f"{file}: no readable texture; copy it again") from error


def gltf_header(data: bytes, file: Path) -> dict[str, Any]:
    """Return the JSON part of a GLB or glTF file.

    Raises:
        MeshError: it is cut short or no JSON.
    """
    try:
        if data[:4] == b"glTF":
            _, version, total, length, kind = struct.unpack_from("<4s4I", data)
            if version != 2 or total > len(data) or kind != _GLB_JSON:
                raise MeshError(
                    f"{file}: damaged GLB (version {version}, {len(data)} of {total} bytes); "
                    "export it again"
                )
            data = data[20 : 20 + length]
        header = json.loads(data)
    except (ValueError, struct.error) as error:
        raise MeshError(f"{file}: damaged glTF (no JSON header); export it again") from error
    if not isinstance(header, dict):
        raise MeshError(f"{file}: damaged glTF (no JSON object); export it again")
    return header


def _of_gltf(header: dict[str, Any], file: Path) -> Iterator[str]:
    unknown = [
        name for name in header.get("extensionsRequired", []) if name not in _GLTF_EXTENSIONS
    ]
    if unknown:
        raise MeshError(f"{file}: requires {unknown[0]}, not supported; export it without that")
    for part in (*header.get("buffers", []), *header.get("images", [])):
        uri = part.get("uri", "")
        if uri and not uri.startswith("data:"):
            yield uri


def _of_obj(data: bytes, file: Path) -> Iterator[str]:
    for library in _found(rb"^mtllib[ \t]+(.+?)\s*$", data):
        yield library
        text = inside(file.parent, library, file)
        if text.is_file():
            for line in _found(rb"^[ \t]*map_Kd[ \t]+(.+?)\s*$", text.read_bytes()):
                yield re.sub(r"^(-\w+( [\d.]+| on| off)+ )+", "", line)


def _found(pattern: bytes, data: bytes) -> list[str]:
    return [name.decode(errors="replace") for name in re.findall(pattern, data, re.MULTILINE)]
