"""Reads one file of a mesh (GLB, glTF, OBJ, PLY) with trimesh into pieces.

Our choice: trimesh, because it is the one kept and typed reader of all these formats that needs
only NumPy, decodes Draco through DracoPy, and refuses names that lead out of the file's folder.
pygltflib and py3dtiles each read one of the formats and leave textures to the caller.
"""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.resolvers import FilePathResolver

from training.world.errors import MeshError
from training.world.mesh.damage import damage_as_mesh_error, large_textures
from training.world.mesh.linked_files import check_linked_files, gltf_header
from training.world.mesh.piece import Piece

U8 = NDArray[np.uint8]
SUFFIXES = (".glb", ".gltf", ".obj", ".ply")
_GREY = (128, 128, 128)
logging.getLogger("trimesh").addHandler(logging.NullHandler())


def read_file(file: Path) -> list[Piece]:
    """Return the pieces of a GLB, glTF, OBJ or PLY file, in its own axes and unit.

    Raises:
        MeshError: the file is missing, damaged, of another format, or a file that it names is
            missing or lies outside of its folder.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MeshError(f"{file}: cannot be read ({error.strerror}); give a mesh file") from error
    pieces = read_bytes(data, file, file.suffix.lower())
    if not pieces:
        raise MeshError(f"{file}: holds no triangle and no point; export it again")
    return pieces


def read_bytes(data: bytes, file: Path, suffix: str) -> list[Piece]:
    """Return the pieces of a file's content; `file` names it and finds the files that it names.

    There may be none.

    Raises:
        MeshError: as `read_file`.
    """
    with damage_as_mesh_error(file), large_textures():
        check_linked_files(data, file, suffix)
        scene = trimesh.load_scene(
            io.BytesIO(data),
            file_type=suffix[1:],
            resolver=FilePathResolver(str(file)),
            process=False,
        )
        pieces = list(_pieces(scene))
        if suffix in (".glb", ".gltf"):
            _check_textures(scene, gltf_header(data, file), file)
    return pieces


def _pieces(scene: trimesh.Scene) -> Iterator[Piece]:
    for node in scene.graph.nodes_geometry:
        matrix_44, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.PointCloud):
            yield _points(geometry).moved(matrix_44)
        elif isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            yield _triangles(geometry).moved(matrix_44)


def _check_textures(scene: trimesh.Scene, header: dict[str, Any], file: Path) -> None:
    """Refuse a glTF of whose textures trimesh has left one out, as it does with damaged ones."""
    is_textured = [
        "baseColorTexture" in material.get("pbrMetallicRoughness", {})
        for material in header.get("materials", [])
    ]
    wanted = sum(
        "material" in primitive
        and is_textured[primitive["material"]]
        and "TEXCOORD_0" in primitive["attributes"]
        for mesh in header.get("meshes", [])
        for primitive in mesh["primitives"]
    )
    visuals = [getattr(geometry, "visual", None) for geometry in scene.geometry.values()]
    materials = [getattr(visual, "material", None) for visual in visuals]
    found = sum(getattr(one, "baseColorTexture", None) is not None for one in materials)
    if found < wanted:
        raise MeshError(f"{file}: damaged ({wanted - found} textures); export it again")


def _points(cloud: trimesh.PointCloud) -> Piece:
    colour = np.asarray(cloud.colors)
    is_plain = len(colour) != len(cloud.vertices)
    return Piece(
        position_V3=np.asarray(cloud.vertices, dtype=np.float64),
        triangle_T3=np.zeros((0, 3), np.int32),
        colour_V3=_one_colour(_GREY, len(cloud.vertices)) if is_plain else _rgb(colour),
        is_plain=is_plain,
    )


def _triangles(mesh: trimesh.Trimesh) -> Piece:
    visual: Any = mesh.visual
    position_V3 = np.asarray(mesh.vertices, dtype=np.float64)
    triangle_T3 = np.asarray(mesh.faces, dtype=np.int32)
    if visual.kind == "texture":
        return _textured(visual, position_V3, triangle_T3)
    if visual.kind == "face":
        colour = np.repeat(_rgb(np.asarray(visual.face_colors)), 3, axis=0)
        return Piece(
            position_V3=position_V3[triangle_T3].reshape(-1, 3),
            triangle_T3=np.arange(len(triangle_T3) * 3, dtype=np.int32).reshape(-1, 3),
            colour_V3=colour,
        )
    is_plain = visual.kind != "vertex"
    return Piece(
        position_V3=position_V3,
        triangle_T3=triangle_T3,
        colour_V3=_one_colour(_GREY, len(position_V3))
        if is_plain
        else _rgb(np.asarray(visual.vertex_colors)),
        is_plain=is_plain,
    )


def _textured(visual: Any, position_V3: NDArray[Any], triangle_T3: NDArray[Any]) -> Piece:
    material = visual.material
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    colours = visual.vertex_attributes.get("color") if visual.vertex_attributes else None
    if image is None or visual.uv is None:
        plain = _one_colour(material.main_color[:3], len(position_V3))
        return Piece(
            position_V3=position_V3,
            triangle_T3=triangle_T3,
            colour_V3=plain if colours is None else _rgb(np.asarray(colours)),
            is_plain=colours is None,
        )
    uv_V2 = np.asarray(visual.uv, dtype=np.float64)
    return Piece(
        position_V3=position_V3,
        triangle_T3=triangle_T3,
        colour_V3=_one_colour(_GREY, len(position_V3)),
        uv_V2=np.stack([uv_V2[:, 0], 1.0 - uv_V2[:, 1]], axis=1),
        texture_HW3=_tinted(image, getattr(material, "baseColorFactor", None)),
    )


def _tinted(image: Image.Image, factor: Any) -> U8:
    """Return the texture as RGB, times its material's colour factor where there is one."""
    texture: U8 = np.asarray(image.convert("RGB"))
    if factor is None:
        return texture
    share = np.asarray(factor, dtype=np.float64)[:3]
    share = share / 255.0 if np.asarray(factor).dtype == np.uint8 else share
    return texture if np.allclose(share, 1.0) else (texture * share).astype(np.uint8)


def _rgb(colour: NDArray[Any]) -> U8:
    """Return the red, green and blue of colours given as bytes, or as fractions of one."""
    rgb = colour[:, :3]
    if rgb.dtype.kind == "f":
        rgb = np.clip(rgb * 255.0 + 0.5, 0, 255)
    return np.ascontiguousarray(rgb.astype(np.uint8))


def _one_colour(colour: Any, count: int) -> U8:
    return np.tile(np.asarray(colour, dtype=np.uint8), (count, 1))
