"""A house on a plane as a textured mesh in every format, and what a ray through it meets.

Metres, x east, y north, z up. The plane is 240 m wide in four colours; the house is a box.
"""

import json
import math
import struct
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual.material import PBRMaterial

F64 = NDArray[np.float64]
HALF_M = 120.0
HOUSE_LOW, HOUSE_HIGH = np.array([10.0, 20.0, 0.0]), np.array([30.0, 50.0, 12.0])
COLOURS = {
    "north-west": (200, 60, 60),
    "north-east": (60, 160, 60),
    "south-west": (70, 70, 190),
    "south-east": (190, 180, 60),
    "roof": (230, 120, 20),
    "south": (40, 200, 200),
    "north": (200, 40, 200),
    "west": (120, 120, 120),
    "east": (90, 40, 10),
}
NAMES = list(COLOURS)
_BLOCK_PX = 16


def _rectangle(origin: list[float], along: list[float], across: list[float]) -> F64:
    """Corners of a rectangle whose front is where along x across points."""
    o, a, b = (np.array(v, dtype=np.float64) for v in (origin, along, across))
    return np.stack([o, o + a, o + a + b, o + b])


def quads() -> list[F64]:
    """Corners [4, 3] of each face, counter-clockwise from outside, in the order of `NAMES`."""
    (x0, y0, _), (x1, y1, top) = HOUSE_LOW.tolist(), HOUSE_HIGH.tolist()
    h = HALF_M
    ground = [(-h, 0.0), (0.0, 0.0), (-h, -h), (0.0, -h)]
    plane = [_rectangle([x, y, 0], [h, 0, 0], [0, h, 0]) for x, y in ground]
    return [
        *plane,
        _rectangle([x0, y0, top], [x1 - x0, 0, 0], [0, y1 - y0, 0]),
        _rectangle([x0, y0, 0], [x1 - x0, 0, 0], [0, 0, top]),
        _rectangle([x1, y1, 0], [x0 - x1, 0, 0], [0, 0, top]),
        _rectangle([x0, y1, 0], [0, y0 - y1, 0], [0, 0, top]),
        _rectangle([x1, y0, 0], [0, y1 - y0, 0], [0, 0, top]),
    ]


def atlas() -> Image.Image:
    """A texture with one block of each colour, left to right."""
    pixels = np.repeat(np.array(list(COLOURS.values()), np.uint8), _BLOCK_PX, axis=0)
    return Image.fromarray(np.repeat(pixels[None], _BLOCK_PX, axis=0))


def arrays() -> tuple[F64, NDArray[np.int64], F64, NDArray[np.uint8]]:
    """Vertices, triangles, texture coordinates (v upwards) and colours of vertices."""
    vertices = np.concatenate(quads())
    first = np.arange(len(NAMES))[:, None] * 4
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])])
    u = np.repeat(np.arange(len(NAMES)), 4) + np.tile([0.2, 0.8, 0.8, 0.2], len(NAMES))
    v = np.tile([0.2, 0.2, 0.8, 0.8], len(NAMES))
    colours = np.repeat(np.array(list(COLOURS.values()), np.uint8), 4, axis=0)
    return vertices, triangles, np.stack([u / len(NAMES), v], axis=1), colours


def as_glb(vertices: F64 | None = None, *, draco: bool = False, textured: bool = True) -> bytes:
    """The house as GLB, y up as glTF wants it; `vertices` replace its own (z up)."""
    own, triangles, uv, _ = arrays()
    x, y, z = (own if vertices is None else vertices).T
    material = PBRMaterial(baseColorTexture=atlas() if textured else None)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    mesh = trimesh.Trimesh(np.stack([x, z, -y], axis=1), triangles, visual=visual, process=False)
    return bytes(trimesh.exchange.gltf.export_glb(trimesh.Scene(mesh), extension_draco=draco))


def write_obj(folder: Path, vertices: F64 | None = None, texture: str = "atlas.png") -> Path:
    """The house as OBJ with MTL and PNG, written by hand."""
    own, triangles, uv, _ = arrays()
    lines = ["mtllib house.mtl", "usemtl house"]
    lines += [f"v {x} {y} {z}" for x, y, z in (own if vertices is None else vertices)]
    lines += [f"vt {u} {v}" for u, v in uv]
    lines += ["f " + " ".join(f"{k + 1}/{k + 1}" for k in face) for face in triangles.tolist()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "house.obj").write_text("\n".join(lines) + "\n")
    (folder / "house.mtl").write_text(f"newmtl house\nKd 1 1 1\nmap_Kd {texture}\n")
    atlas().save(folder / "atlas.png")
    return folder / "house.obj"


def write_ply(file: Path, *, coloured: bool = True) -> Path:
    """The house as PLY with colours of vertices, written by hand."""
    vertices, triangles, _, colours = arrays()
    head = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    head += [f"property float {axis}" for axis in "xyz"]
    if coloured:
        head += [f"property uchar {band}" for band in ("red", "green", "blue")]
    head += [f"element face {len(triangles)}", "property list uchar int vertex_indices"]
    colour = [" ".join(map(str, c)) if coloured else "" for c in colours.tolist()]
    rows = [f"{x} {y} {z} {c}" for (x, y, z), c in zip(vertices.tolist(), colour, strict=True)]
    rows += ["3 " + " ".join(map(str, face)) for face in triangles.tolist()]
    file.write_text("\n".join([*head, "end_header", *rows]) + "\n")
    return file


def write_cloud(file: Path, spacing_m: float = 0.5) -> Path:
    """Points on all faces as a binary PLY without triangles."""
    points, colours = [], []
    for corners, colour in zip(quads(), COLOURS.values(), strict=True):
        along, across = corners[1] - corners[0], corners[3] - corners[0]
        counts = [math.ceil(np.linalg.norm(side) / spacing_m) for side in (along, across)]
        a, b = (np.arange(count) + 0.5 for count in counts)
        a, b = np.meshgrid(a / counts[0], b / counts[1])
        points.append(corners[0] + a.reshape(-1, 1) * along + b.reshape(-1, 1) * across)
        colours.append(np.tile(np.array(colour, np.uint8), (a.size, 1)))
    cloud = trimesh.PointCloud(np.concatenate(points), np.concatenate(colours))
    file.write_bytes(cloud.export(file_type="ply"))
    return file


def b3dm(glb: bytes, centre: list[float] | None = None) -> bytes:
    """A 3D Tiles 1.0 tile around a GLB."""
    table = {"BATCH_LENGTH": 0} | ({"RTC_CENTER": centre} if centre else {})
    features = json.dumps(table).encode()
    features += b" " * (-(28 + len(features)) % 8)
    total = 28 + len(features) + len(glb)
    return struct.pack("<4s6I", b"b3dm", 1, total, len(features), 0, 0, 0) + features + glb


def write_tileset(
    folder: Path, *, transform: F64 | None = None, uri: str = "tiles/house.b3dm"
) -> Path:
    """A tileset of a coarse root without the house, and the house as its finest tile."""
    (folder / "tiles").mkdir(parents=True, exist_ok=True)
    (folder / "tiles" / "house.b3dm").write_bytes(b3dm(as_glb()))
    flat = arrays()[0] * (1, 1, 0)
    (folder / "tiles" / "flat.glb").write_bytes(as_glb(flat))
    box = [0, 0, 6, HALF_M, 0, 0, 0, HALF_M, 0, 0, 0, 6]
    root = {
        "boundingVolume": {"box": box},
        "geometricError": 20,
        "refine": "REPLACE",
        "content": {"uri": "tiles/flat.glb"},
        "children": [
            {"boundingVolume": {"box": box}, "geometricError": 0, "content": {"uri": uri}}
        ],
    }
    if transform is not None:
        root["transform"] = transform.T.reshape(-1).tolist()
    tileset = {"asset": {"version": "1.0"}, "geometricError": 40, "root": root}
    (folder / "tileset.json").write_text(json.dumps(tileset))
    return folder / "tileset.json"


def meets(origin_N3: F64, ray_N3: F64) -> tuple[NDArray[np.int64], F64]:
    """What each ray meets first: the number in `NAMES` (-1: nothing), and how many rays away.

    Rays are cut with the planes of the box and the ground one by one, in no code of the project.
    """
    best_N, what_N = np.full(len(ray_N3), np.inf), np.full(len(ray_N3), -1)
    sides = [
        (2, 12.0, "roof"), (1, 20.0, "south"), (1, 50.0, "north"), (0, 10.0, "west"),
        (0, 30.0, "east"), (2, 0.0, ""),
    ]  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis, at, name in sides:
            away_N = (at - origin_N3[:, axis]) / ray_N3[:, axis]
            point_N3 = origin_N3 + away_N[:, None] * ray_N3
            low, high = (HOUSE_LOW, HOUSE_HIGH) if name else (-HALF_M, HALF_M)
            others = [k for k in range(3) if k != axis]
            inside = (point_N3[:, others] >= np.broadcast_to(low, 3)[others]).all(axis=1)
            inside &= (point_N3[:, others] <= np.broadcast_to(high, 3)[others]).all(axis=1)
            hit = inside & (away_N > 1e-9) & (away_N < best_N)
            names = np.where(point_N3[:, 1] >= 0, 0, 2) + np.where(point_N3[:, 0] >= 0, 1, 0)
            what_N = np.where(hit, NAMES.index(name) if name else names, what_N)
            best_N = np.where(hit, away_N, best_N)
    return what_N, best_N


def pinhole_rays(heading_deg: float, pitch_deg: float, fov_deg: float, side_px: int) -> F64:
    """Rays [side * side, 3] through the pixels' middles, by rotating a camera that looks down."""
    middles = (np.arange(side_px) + 0.5) / side_px * 2 - 1
    x, y = np.meshgrid(middles, -middles)
    tan = math.tan(math.radians(fov_deg) / 2)
    down = np.stack([x * tan, y * tan, -np.ones_like(x)], axis=-1).reshape(-1, 3)
    tilt, yaw = math.radians(90 + pitch_deg), math.radians(heading_deg)
    lift = np.array(
        [[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]]
    )
    turn = np.array(
        [[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    rays: F64 = down @ (turn @ lift).T
    return rays
