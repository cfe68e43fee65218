"""Real overhead imagery as ground and roof texture, for training renders.

A folder of textures holds, at any depth, `ucmerced`-like pictures named CLASSnn.jpg (0.3 m per
pixel) and a folder of roof patches whose name contains `roof` (0.2 m per pixel). Each lot and
roof takes a patch of its kind by its own seed, so neighbouring windows still fit.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.world.chance import hash_unit
from training.world.errors import MapSourceError

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
F32 = NDArray[np.float32]
PATCH_PX = 256
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("runway", "parkinglot", "freeway"),
    ("golfcourse", "baseballdiamond"),
    ("forest",),
    ("agricultural",),
    (),
    ("roof",),
    ("chaparral", "beach", "agricultural"),
    ("mobilehomepark", "parkinglot", "tenniscourt", "harbor", "storagetanks", "chaparral"),
)
"""Classes for each ground material (PAVED, GRASS, LEAF, CROP, WATER, ROOF, SOIL); the last group
replaces whole lots."""
_GSD_M = (0.3, 0.3, 0.3, 0.3, 0.3, 0.2, 0.3, 0.3)
_WEIGHT = (0.35, 0.6, 0.7, 0.85, 0.0, 0.75, 0.8, 1.0)
_WHOLE_SHARE = 0.1
"""Ours: one lot in ten is a real picture throughout."""


@dataclass(frozen=True, kw_only=True)
class TextureBank:
    """Patches [N, 256, 256, 3] with, for each group, the first index and the count."""

    patches: U8
    first: I32
    count: I32
    mean: F32


def _patch(path: Path) -> U8:
    with Image.open(path) as image:
        picture = image.convert("RGB")
        if min(picture.size) < PATCH_PX:
            picture = picture.resize((PATCH_PX, PATCH_PX), Image.Resampling.BICUBIC)
        return np.asarray(picture.crop((0, 0, PATCH_PX, PATCH_PX)))


def _class_of(path: Path) -> str:
    return "roof" if "roof" in path.parent.name else path.stem.rstrip("0123456789")


def _some(paths: list[Path], most: int) -> list[Path]:
    return paths[:: max(1, len(paths) // most)][:most]


@lru_cache(maxsize=2)
def load_textures(folder: str, classes: str = "", most: int = 60) -> TextureBank:
    """Up to `most` patches of every class below `folder`; `classes` (commas) keeps only those.

    Raises:
        MapSourceError: a class is unknown, or the folder holds none of them.
    """
    wanted = {name for name in classes.split(",") if name}
    known = {name for group in _GROUPS for name in group}
    if wanted - known:
        raise MapSourceError(
            f"--texture-classes: {', '.join(sorted(wanted - known))} is unknown; "
            f"choose from {', '.join(sorted(known))}"
        )
    by_class: dict[str, list[Path]] = {}
    for path in sorted(Path(folder).rglob("*.jpg")):
        name = _class_of(path)
        if name in known and (not wanted or name in wanted):
            by_class.setdefault(name, []).append(path)
    if not by_class:
        raise MapSourceError(
            f"{folder}: no pictures of {', '.join(sorted(wanted or known))}; give another folder"
        )
    patches: list[U8] = []
    first, count = [], []
    for group in _GROUPS:
        chosen = [
            path
            for name in group
            for path in by_class.get(name, [])[:: max(1, len(by_class.get(name, [])) // most)][
                :most
            ]
        ]
        first.append(len(patches))
        count.append(len(chosen))
        patches += [_patch(path) for path in chosen]
    stack = np.stack(patches)
    return TextureBank(
        patches=stack,
        first=np.array(first, np.int32),
        count=np.array(count, np.int32),
        mean=stack.reshape(len(stack), -1, 3).mean(axis=1).astype(np.float32),
    )


@numba.njit(cache=True)
def _mirror(value: float, size: int) -> int:
    k = int(np.floor(value)) % (2 * size)
    return k if k < size else 2 * size - 1 - k


@numba.njit(cache=True, nogil=True)
def _lay(
    patches: U8,
    first: I32,
    count: I32,
    mean: F32,
    gsd: F32,
    weight: F32,
    ix0: int,
    iy0: int,
    cell_m: float,
    rgb: U8,
    material: U8,
    lot_of: I32,
    part_of: I32,
    parts: NDArray[np.float64],
    whole_share: float,
) -> None:
    rows, columns = material.shape
    for r in range(rows):
        for c in range(columns):
            group = int(material[r, c])
            n = part_of[r, c]
            key = int(parts[n, 18]) if n >= 0 else lot_of[r, c]
            if key < 0:
                key = 77
            elif n == -1 and hash_unit(key, 91, 1) < whole_share and group != 4:
                group = 7
            if count[group] == 0 or hash_unit(key, 91, 2 + group) < 0.15:
                continue
            k = first[group] + int(hash_unit(key, 92, group) * count[group])
            turn = int(hash_unit(key, 93, group) * 4.0)
            x, y = (ix0 + c) * cell_m / gsd[group], (iy0 + r) * cell_m / gsd[group]
            if turn % 2 == 1:
                x, y = y, x
            if group == 5:
                # Only the middle of a roof patch is sure to be roof.
                px, py = 70 + _mirror(x, 116), 70 + _mirror(y, 116)
            else:
                px, py = _mirror(x + 40.0 * turn, 256), _mirror(y, 256)
            w = weight[group]
            keep = hash_unit(key, 94, group) < 0.7 and group != 7 and group != 3
            grey = mean[k, 0] + mean[k, 1] + mean[k, 2]
            level = float(patches[k, py, px, 0]) + patches[k, py, px, 1] + patches[k, py, px, 2]
            factor = min(1.5, max(0.55, level / max(60.0, grey)))
            for band in range(3):
                base = float(rgb[r, c, band])
                texel = base * factor if keep else float(patches[k, py, px, band])
                rgb[r, c, band] = np.uint8(min(255.0, base + w * (texel - base)))


def lay_textures(
    bank: TextureBank,
    origin: tuple[int, int],
    cell_m: float,
    rgb: U8,
    material: U8,
    lot_of: I32,
    part_of: I32,
    parts: NDArray[np.float64],
) -> None:
    """Blend the bank's patches into a window's colours, in place; `origin` is (ix0, iy0)."""
    _lay(
        bank.patches,
        bank.first,
        bank.count,
        bank.mean,
        np.array(_GSD_M, np.float32),
        np.array(_WEIGHT, np.float32),
        *origin,
        cell_m,
        rgb,
        material,
        lot_of,
        part_of,
        parts,
        _WHOLE_SHARE,
    )
